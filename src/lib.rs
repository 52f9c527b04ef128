//! A file tree is a data frame.
//!
//! The rooms, in the order in which data flows; each uses the rooms above it and none below:
//!
//! - [`error`]: one error type.
//! - [`fail_point`]: where a test makes the library panic.
//! - [`pool`]: how many cores there are, and threads for work that is no walk.
//! - [`io`]: a path becomes bytes, and bytes become a path.
//! - [`search`]: a root becomes files, and files become hits.
//! - [`chunk`]: text becomes spans for retrieval.
//! - [`table`]: rows become Arrow.
//! - [`edit`]: matches in a file are replaced.
//! - [`scan`]: the one pipeline: walk, read, operate, table.
//! - [`columns`]: a column of paths becomes a column of what lies there.
//! - [`bulk`]: the rows of a frame become files.
//! - [`sweep`]: what killed writers left behind is removed.
//! - `watch`: what changes in a tree; it looks with the walk and under the options of the scans, so it stands below
//!   them.
//! - `python`: the Python face (feature `python`).
//! - `expr`: columns on demand as expressions of Polars (feature `polars`).
//! - `nushell`: the Nushell face (feature `nushell`).

pub mod bulk;
pub mod chunk;
pub mod columns;
pub mod edit;
pub mod error;
#[cfg(feature = "polars")]
mod expr;
pub mod fail_point;
pub mod io;
#[cfg(feature = "nushell")]
pub mod nushell;
pub mod pool;
#[cfg(feature = "python")]
mod python;
pub mod scan;
pub mod search;
pub mod sweep;
pub mod table;
pub mod watch;

pub use error::{Error, ErrorKind, Result};
pub use scan::{Scan, ScanRequest};
pub use table::Table;
pub use watch::{Watch, WatchRequest, WatchStep};
