//! Folders are made.

use std::io;

use super::target::{Target, failed, named_entry};
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;
use crate::io::root::{FileKind, Root, changes};

/// How a folder is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderOptions {
    /// Make the missing folders above it too.
    pub parents: bool,
    /// It is no error if it is there already.
    pub exist_ok: bool,
}

/// Makes the folder `path`, whose name survives a loss of power when this returns.
///
/// # Errors
/// [`ErrorKind::PathNotFound`] without the folder above it, [`ErrorKind::Conflict`] if something is there,
/// [`ErrorKind::Argument`] for a path that names nothing new, [`ErrorKind::OutsideRoot`], [`ErrorKind::AccessDenied`],
/// [`ErrorKind::NotCommitted`] naming the step that failed, and [`ErrorKind::CommittedNotDurable`].
pub fn create_folder(root: &Root, path: &[u8], options: FolderOptions) -> Result<()> {
    FailPoint::Writing.pass();
    match create(root, path, options.exist_ok) {
        Err(error) if options.parents && error.kind() == ErrorKind::PathNotFound => {
            let ends = memchr::memchr_iter(b'/', path).filter(|end| *end > 0);
            for above in ends.map(|end| &path[..end]).filter(|above| has_name(above)) {
                create(root, above, true)?;
            }
            create(root, path, options.exist_ok)
        }
        created => created,
    }
}

/// Whether it ends in a name, which may be one of a folder to be made.
fn has_name(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    !matches!(name, b"" | b"." | b"..")
}

fn create(root: &Root, path: &[u8], exist_ok: bool) -> Result<()> {
    let target = match named_entry("path", root, path) {
        // The top of everything is there, and so is what dots lead to.
        Err(error) if exist_ok && error.kind() == ErrorKind::Argument && is_folder(root, path) => return Ok(()),
        target => target?,
    };
    match changes::create_folder(target.folder(), target.name()) {
        Ok(()) => flush(&target),
        Err(_) if exist_ok && is_folder(root, path) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let text = if is_folder(root, path) {
                "the folder exists already; exist_ok=True lets it be"
            } else {
                "something that is no folder has this name"
            };
            Err(Error::new(ErrorKind::Conflict, text).with_path(path))
        }
        Err(error) => Err(failed("make the folder", path, error)),
    }
}

fn is_folder(root: &Root, path: &[u8]) -> bool {
    root.status(path, true).is_ok_and(|status| status.kind == FileKind::Dir)
}

fn flush(target: &Target) -> Result<()> {
    target.flush_names(target).map_err(|error| {
        Error::io("flush the folder above, after it was made", target.path(), error)
            .with_kind(ErrorKind::CommittedNotDurable)
    })
}
