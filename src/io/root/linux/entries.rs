//! The entries of a folder, as `getdents64` gives them.

use std::io;
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;

use rustix::fs::RawDir;

use crate::io::root::FileKind;

/// Where the system puts the entries of a folder, reused from one to the next.
#[derive(Debug)]
pub struct EntryBuffer(Vec<MaybeUninit<u8>>);

impl Default for EntryBuffer {
    fn default() -> Self {
        Self(vec![MaybeUninit::uninit(); 64 << 10])
    }
}

/// Shows the name and kind of each entry, in the system's order, until `each` breaks.
///
/// # Errors
/// The system's; what was shown before it stands.
pub fn each_entry(
    folder: BorrowedFd<'_>,
    buffer: &mut EntryBuffer,
    mut each: impl FnMut(&[u8], FileKind) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let mut entries = RawDir::new(folder, &mut buffer.0);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." && each(name, entry.file_type().into()).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
