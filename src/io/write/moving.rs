//! A file or a folder gets another name, in one step: it is under the old one or under the new one, whole.
//!
//! Both ends are found as for a write, and renamed by the handles of their folders. What stands at the new name is
//! replaced only if the caller says so, and only a file; else the system refuses it in the same step, or, where its file
//! system cannot, the new name is claimed first by something that never replaces anything.

use std::io;

use super::folder_lock::{FolderLock, Sharing};
use super::target::{Target, failed, named_entry};
use super::{expectation, not_committed};
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;
use crate::io::content::Stopped;
use crate::io::root::{
    AsHandle, FileKind, FileStatus, FolderUse, HandleRef, Root, changes, open_folder, status_at, status_of,
};

/// How far above a folder it is looked for another one.
const DEEPEST: usize = 100_000;

/// How something is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoveOptions {
    /// Replace a file that has the new name.
    pub overwrite: bool,
    /// Do not return before the new name survives a loss of power.
    pub durable: bool,
}

/// Gives what stands at `source` the name `target`; a link is moved itself.
///
/// # Errors
/// [`ErrorKind::PathNotFound`] without the source or a folder, [`ErrorKind::Conflict`] if something has the new name,
/// [`ErrorKind::Argument`] for what cannot be moved there, [`ErrorKind::OutsideRoot`], [`ErrorKind::AccessDenied`],
/// [`ErrorKind::NotCommitted`] naming the step that failed, [`ErrorKind::CommittedNotDurable`], and
/// [`ErrorKind::Cancelled`] if `stopped` says so.
pub fn move_entry(root: &Root, source: &[u8], target: &[u8], options: MoveOptions, stopped: Stopped<'_>) -> Result<()> {
    let from = named_entry("source", root, source)?;
    let Some(moved) = from.entry().copied() else {
        // The system says it with its own number.
        let missing = from.open_content().err().unwrap_or(io::ErrorKind::NotFound.into());
        return Err(failed("move", source, missing));
    };
    let to = named_entry("target", root, target)?;
    for (argument, path) in [("source", source), ("target", target)] {
        if moved.kind != FileKind::Dir && path.ends_with(b"/") {
            let text = "it ends in a slash, as only a folder may; give the name of the file";
            return Err(Error::argument(argument, text).with_path(path));
        }
    }
    let step = Move { from: &from, to: &to, moved, options };
    let Some(replaces) = step.replaces()? else { return Ok(()) };
    FailPoint::Writing.pass();
    let lock_of_source = FolderLock::take(&from, Sharing::Shared, stopped)?;
    let lock_of_target = lock_of_source.take_second(&to, Sharing::Shared, stopped)?;
    if stopped() {
        return Err(Error::new(ErrorKind::Cancelled, "cancelled; nothing was moved").with_path(source));
    }
    if replaces { step.rename() } else { step.rename_if_absent() }.map_err(|error| step.told(error))?;
    drop((lock_of_target, lock_of_source));
    if options.durable {
        // The new name first: the other order could lose both.
        for end in [&to, &from] {
            end.flush_names(&to).map_err(|error| {
                Error::io("flush its folder, after it was moved", target, error)
                    .with_kind(ErrorKind::CommittedNotDurable)
            })?;
        }
    }
    Ok(())
}

struct Move<'a> {
    from: &'a Target,
    to: &'a Target,
    moved: FileStatus,
    options: MoveOptions,
}

impl Move<'_> {
    /// Whether the rename may replace what has the new name; `None`: it has that name already.
    fn replaces(&self) -> Result<Option<bool>> {
        let may_replace = self.options.overwrite && self.moved.kind != FileKind::Dir;
        let Some(there) = self.to.entry() else { return Ok(Some(may_replace)) };
        let is_same = (there.device, there.inode) == (self.moved.device, self.moved.inode);
        let refused = |text: &str| Err(Error::argument("target", text).with_path(self.to.path()));
        if is_same && self.from.name() == self.to.name() && self.is_in_one_folder() {
            return if self.options.overwrite { Ok(None) } else { Err(self.exists()) };
        }
        if is_same && (there.links == 1 || there.kind == FileKind::Dir) {
            // Where the case of letters says nothing, it has the new name in the old spelling.
            return Ok(Some(true));
        }
        if !self.options.overwrite {
            return Err(self.exists());
        }
        if self.moved.kind == FileKind::Dir {
            return refused("something has this name, and a folder replaces nothing");
        }
        if there.kind != FileKind::File {
            return refused(&format!("a {} has this name, and only a file is replaced", there.kind.as_str()));
        }
        if is_same {
            return refused("it is a second name of the same file");
        }
        self.to.refuse_unfit_entry(there, false, true)?;
        Ok(Some(true))
    }

    fn is_in_one_folder(&self) -> bool {
        id(self.from.folder()).is_some_and(|from| id(self.to.folder()) == Some(from))
    }

    fn exists(&self) -> Error {
        expectation::conflict(self.to, "something has this name already; overwrite=True replaces a file")
    }

    fn rename(&self) -> io::Result<()> {
        changes::rename(self.from.folder(), self.from.name(), self.to.folder(), self.to.name())
    }

    fn rename_if_absent(&self) -> io::Result<()> {
        let (from, old, to, new) = (self.from.folder(), self.from.name(), self.to.folder(), self.to.name());
        match changes::rename_if_absent(from, old, to, new) {
            Err(error) if changes::is_no_such_rename(&error) => {}
            renamed => return renamed,
        }
        if self.moved.kind != FileKind::Dir {
            changes::link(from, old, to, new)?;
            return changes::remove(from, old).inspect_err(|_| _ = changes::remove(to, new));
        }
        if is_inside((self.moved.device, self.moved.inode), to) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if !changes::FOLDERS_TAKE_EMPTY_PLACES {
            // What stands there is refused by Windows as access is, and may be a folder that it would not refuse.
            let is_taken = || status_at(to, new, false).is_ok();
            let renamed = if is_taken() { Err(io::ErrorKind::AlreadyExists.into()) } else { self.rename() };
            return renamed.map_err(|error| if is_taken() { io::ErrorKind::AlreadyExists.into() } else { error });
        }
        changes::create_folder(to, new)?;
        self.rename().inspect_err(|_| _ = changes::remove_folder(to, new))
    }

    fn told(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => self.exists(),
            io::ErrorKind::InvalidInput if self.moved.kind == FileKind::Dir => {
                Error::argument("target", "a folder cannot be moved into itself").with_path(self.to.path())
            }
            io::ErrorKind::CrossesDevices => {
                let text = "cannot move to another file system: write a copy there (write_file_atomic), then remove the \
                            source";
                Error::new(ErrorKind::NotCommitted, text).with_path(self.from.path())
            }
            _ => not_committed("move", self.from, error),
        }
    }
}

fn id(folder: HandleRef<'_>) -> Option<(u64, u64)> {
    status_of(folder).ok().map(|status| (status.device, status.inode))
}

/// Whether a folder is this one, or lies in it.
fn is_inside(outer: (u64, u64), folder: HandleRef<'_>) -> bool {
    let mut last = id(folder);
    let Ok(mut reached) = open_folder(folder, b".", FolderUse::Passing, true) else { return false };
    for _ in 0..DEEPEST {
        if last == Some(outer) {
            return true;
        }
        let Ok(above) = open_folder(reached.as_handle(), b"..", FolderUse::Passing, true) else { return false };
        reached = above;
        let now = id(reached.as_handle());
        if now == last {
            return false;
        }
        last = now;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::io::root::path_bytes::of_path;

    const PLAIN: MoveOptions = MoveOptions { overwrite: false, durable: true };

    fn tree() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("sub/deep")).unwrap();
        fs::create_dir(dir.path().join("empty")).unwrap();
        for name in ["a", "b", "sub/c"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        let root = Root::confined(&of_path(dir.path())).unwrap();
        (dir, root)
    }

    fn moved(root: &Root, source: &str, target: &str, overwrite: bool) -> std::result::Result<(), ErrorKind> {
        let options = MoveOptions { overwrite, ..PLAIN };
        move_entry(root, source.as_bytes(), target.as_bytes(), options, &|| false).map_err(|error| error.kind())
    }

    #[test]
    fn a_free_name_is_taken_and_no_other() {
        let (dir, root) = tree();
        let free = Root::free();
        let path = |name: &str| String::from_utf8(of_path(&dir.path().join(name))).unwrap();
        for taken in ["b", "empty", "sub"] {
            assert_eq!(moved(&root, "a", taken, false), Err(ErrorKind::Conflict), "{taken}");
        }
        for taken in ["b", "empty"] {
            assert_eq!(moved(&root, "sub", taken, false), Err(ErrorKind::Conflict), "{taken}");
            assert_eq!(moved(&root, "sub", taken, true), Err(ErrorKind::Argument), "{taken}");
        }
        moved(&root, "a", "sub/deep/a", false).unwrap();
        moved(&free, &path("sub"), &path("empty/sub"), false).unwrap();
        moved(&root, "b", "empty/sub/c", true).unwrap();
        assert_eq!(fs::read(dir.path().join("empty/sub/deep/a")).unwrap(), b"a");
        assert_eq!(fs::read(dir.path().join("empty/sub/c")).unwrap(), b"b");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_comes_to_stand_at_the_new_name_stays() {
        let (dir, root) = tree();
        for source in ["a", "sub"] {
            let from = named_entry("source", &root, source.as_bytes()).unwrap();
            let to = named_entry("target", &root, b"new").unwrap();
            let options = MoveOptions { overwrite: true, durable: false };
            let step = Move { from: &from, to: &to, moved: *from.entry().unwrap(), options };
            fs::create_dir(dir.path().join("new")).unwrap();
            fs::write(dir.path().join("new/file"), b"kept").unwrap();
            let error = step.rename_if_absent().unwrap_err();
            assert_eq!(step.told(error).kind(), ErrorKind::Conflict);
            assert_eq!(fs::read(dir.path().join("new/file")).unwrap(), b"kept");
            fs::remove_dir_all(dir.path().join("new")).unwrap();
            assert!(dir.path().join(source).exists());
        }
    }

    #[test]
    fn no_folder_goes_into_itself() {
        let (_dir, root) = tree();
        for target in ["sub/x", "sub/deep/x"] {
            assert_eq!(moved(&root, "sub", target, false), Err(ErrorKind::Argument), "{target}");
        }
        assert_eq!(moved(&root, "sub", "sub2", false), Ok(()));
    }
}
