//! Rows become Arrow: one file a table, its schema beside its builder.
//!
//! A builder writes straight into column buffers and computes only the columns that were selected. All text of a batch
//! lies in one [`column::Arena`]; a cell is a view into it, so that the path of a file with a thousand hits is stored
//! once, and a match is a piece of its line.

mod batch;
pub mod chunks;
pub mod column;
pub mod coverage;
pub mod edits;
pub mod events;
pub mod files;
pub mod hits;
pub mod lines;
mod path_cells;
pub mod schema;
mod text;

pub use batch::bytes_of;
pub use chunks::{ChunkRow, ChunksBuilder, FileOfChunks, Place};
pub use coverage::{CoverageBuilder, CoverageRow, Status};
pub use events::{Event, EventRow, EventsBuilder};
pub use files::{FileRow, FilesBuilder};
pub use hits::{FileOfHits, HitRow, HitsBuilder};
pub use schema::{ColumnSpec, Layout, Projection, Table, TimeUnit};
