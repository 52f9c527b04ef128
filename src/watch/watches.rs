//! The system's watches: which folders have one, and what they say.
//!
//! What they say is a hint and no more: it names a folder that is worth another look. So it does not matter that it
//! comes in halves, twice, or late, and that a folder is watched under the path that it had a moment ago.
//!
//! One of two sides with the same functions is compiled:
//!
//! - `linux`: inotify, one watch for each folder that is listed.
//! - `portable`: the crate `notify`, which on macOS and Windows watches all that lies below a source at once.

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod linux;
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
mod portable;

use super::snapshot::FolderKey;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
use linux as system;
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
use portable as system;
pub use system::Watches;

/// What is said of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint<'a> {
    /// Something of this name came or went.
    Entry(&'a FolderKey, &'a [u8]),
    /// A folder of this name came, perhaps in the place of another.
    Arrival(&'a FolderKey, &'a [u8]),
    /// The entry of this name changed in itself.
    Content(&'a FolderKey, &'a [u8]),
    /// The folder of this name in it changed in itself: its permissions, for one.
    Folder(&'a FolderKey, &'a [u8]),
    /// The folder itself changed.
    Itself(&'a FolderKey),
    /// It is no more where it was.
    Moved(&'a FolderKey),
    /// More happened than could be told.
    Lost,
}

/// What a folder is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// Itself and its entries.
    Entered,
    /// Itself alone, which changes when entries come and go.
    Unentered,
    /// One of its entries, that the caller named.
    Named,
}
