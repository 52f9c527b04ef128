//! A path becomes bytes, and bytes become a path.
//!
//! - [`root`]: a folder's handle, and what is opened and described relative to one.
//! - [`strategy`]: which reader a size gets.
//! - `buffered`, [`mmap`], `stream`: the three readers.
//! - [`shared_read`]: a streamed file that several threads read at once.
//! - [`content`]: the three behind one interface.
//! - [`decode`]: bytes become text, with a way back to raw offsets.
//! - [`hash`]: BLAKE3 over any reader.
//! - [`opener`]: regular files, opened by path one after the other.
//! - [`whole`]: one file for a caller who wants all of it.
//! - [`write`](mod@write): a file gets a new content, whole or not at all.
//! - [`counters`]: what was asked of the system.

mod buffered;
pub mod content;
pub mod counters;
pub mod decode;
pub mod hash;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub mod mmap;
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
#[path = "mmap_unavailable.rs"]
pub mod mmap;
pub mod opener;
pub mod root;
pub mod shared_read;
pub mod strategy;
mod stream;
#[cfg(test)]
pub(crate) mod test_files;
pub mod whole;
pub mod write;
