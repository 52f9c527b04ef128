//! The entries of a folder, as the standard library gives them.

use std::io;
use std::ops::ControlFlow;

use super::status::kind_of;
use super::{Borrowed, Folder, HandleRef};
use crate::io::root::FileKind;
use crate::io::root::path_bytes::of_name;

/// Nothing is reused here from one folder to the next.
#[derive(Debug, Default)]
pub struct EntryBuffer(());

/// Shows the name and kind of each entry, in the system's order, until `each` breaks.
///
/// # Errors
/// The system's; what was shown before it stands.
pub fn each_entry(
    folder: HandleRef<'_>,
    _buffer: &mut EntryBuffer,
    mut each: impl FnMut(&[u8], FileKind) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let path = match folder.0 {
        Borrowed::WorkingFolder => std::path::Path::new("."),
        Borrowed::Folder(Folder { confined: Some(dir), .. }) => {
            for entry in dir.entries()? {
                let entry = entry?;
                let kind = entry.file_type().map_or(FileKind::Unknown, kind_of);
                if each(&of_name(&entry.file_name()), kind).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            return Ok(ControlFlow::Continue(()));
        }
        Borrowed::Folder(Folder { path, confined: None }) => path,
        Borrowed::File(_) => return Err(io::ErrorKind::NotADirectory.into()),
    };
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        // What the listing does not tell is asked for by name.
        let kind = entry.file_type().map_or(FileKind::Unknown, kind_of_std);
        if each(&of_name(&entry.file_name()), kind).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn kind_of_std(kind: std::fs::FileType) -> FileKind {
    #[cfg(unix)]
    let special = {
        use std::os::unix::fs::FileTypeExt;
        [
            (kind.is_fifo(), FileKind::Fifo),
            (kind.is_socket(), FileKind::Socket),
            (kind.is_block_device(), FileKind::BlockDevice),
            (kind.is_char_device(), FileKind::CharDevice),
        ]
    };
    #[cfg(windows)]
    let special = [];
    let common =
        [(kind.is_file(), FileKind::File), (kind.is_dir(), FileKind::Dir), (kind.is_symlink(), FileKind::Symlink)];
    let told = common.into_iter().chain(special).find(|(is, _)| *is);
    told.map_or(FileKind::Unknown, |(_, kind)| kind)
}
