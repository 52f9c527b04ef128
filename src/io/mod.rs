//! A path becomes bytes.
//!
//! - [`root`]: a folder's handle, and what is opened and described relative to one.
//! - [`strategy`]: which reader a size gets.
//! - `buffered`, [`mmap`], `stream`: the three readers.
//! - [`content`]: the three behind one interface.

mod buffered;
pub mod content;
pub mod mmap;
pub mod root;
pub mod strategy;
mod stream;
