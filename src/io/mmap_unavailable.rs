//! No memory maps: the guard that keeps a map from killing its host is built on the signals of Linux.
//!
//! Elsewhere a file that would be mapped is read into one buffer: it still comes in one piece, and its strategy is
//! `buffered`.

use super::root::HandleRef;

/// Whether files can be mapped here.
pub const IS_AVAILABLE: bool = false;

/// A mapped file, of which there is none.
#[derive(Debug)]
pub enum MappedFile {}

impl MappedFile {
    /// Maps no file; the caller reads it.
    #[must_use]
    pub fn open(_file: HandleRef<'_>, _len: u64) -> Option<Self> {
        None
    }

    /// The bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match *self {}
    }

    /// Whether every byte that was read so far came from the file.
    #[must_use]
    pub fn intact(&self) -> bool {
        match *self {}
    }
}
