//! Which folder and which name in it a path leads to.
//!
//! A write is three or four system calls that must speak of one folder: the temporary file is made in it, renamed in it,
//! and the folder is flushed. So a path is resolved once, to a handle of the folder and a name in it, and everything
//! after that goes through the handle: a folder that is moved or replaced by a link meanwhile changes nothing. Every
//! call that opens, describes or renames on behalf of a write stands in this file.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Access, AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, OutsideRoot, Result};
use crate::io::root::{self, FileKind, FileStatus, FolderUse, Root};

/// How many links a path may lead through, which is the system's own bound.
const MOST_HOPS: usize = 40;
const STICKY: u32 = 0o1000;
const WRITABLE_BY_ALL: u32 = 0o002;

/// Where a write goes.
#[derive(Debug)]
pub struct Target {
    folder: OwnedFd,
    /// Whether the folder could be opened for reading, without which it can neither be locked nor flushed.
    readable_folder: bool,
    name: Vec<u8>,
    entry: Option<FileStatus>,
    path: Vec<u8>,
}

impl Target {
    /// Finds where `path` leads from `root`.
    ///
    /// With `follow` a link in the last place is read and its own target is found, there or not; without, the link
    /// itself is the target. Links before the last place are always followed.
    ///
    /// # Errors
    /// [`ErrorKind::PathNotFound`] without the folder, [`ErrorKind::Argument`] for a path that names a folder,
    /// [`ErrorKind::OutsideRoot`], and [`ErrorKind::NotCommitted`] for everything else that the system reports.
    pub fn find(root: &Root, path: &[u8], follow: bool) -> Result<Self> {
        if path.is_empty() || path.contains(&0) {
            return Err(Error::argument("path", "expected a path, got an empty one or one that holds a NUL byte"));
        }
        let mut reached: Option<Place> = None;
        let mut rest = root.relative(path).map_err(|error| failed("write", path, error))?.to_vec();
        for _ in 0..=MOST_HOPS {
            let (parent, name) = split(&rest).ok_or_else(|| not_a_file(root, path))?;
            if reached.is_none() || !parent.is_empty() {
                let entered = Place::enter(root, reached.as_ref(), parent);
                reached = Some(entered.map_err(|error| failed("open its folder", path, error))?);
            }
            let Some(Place { folder, readable, .. }) = &reached else { break };
            let entry = describe(folder.as_fd(), name).map_err(|error| failed("describe", path, error))?;
            match entry {
                Some(link) if follow && link.kind == FileKind::Symlink => {
                    refuse_planted_link(folder.as_fd(), &link).map_err(|error| failed("follow", path, error))?;
                    let leads_to = rustix::io::retry_on_intr(|| rustix::fs::readlinkat(folder, name, Vec::new()));
                    rest = leads_to.map_err(|error| failed("follow", path, error.into()))?.into_bytes();
                }
                entry => {
                    let (readable_folder, name) = (*readable, name.to_vec());
                    let folder = reached.map(|place| place.folder);
                    let Some(folder) = folder else { break };
                    return Ok(Self { folder, readable_folder, name, entry, path: path.to_vec() });
                }
            }
        }
        Err(failed("follow", path, Errno::LOOP.into()))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// The path as the caller gave it, for errors.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// What stood there when it was found; `None` if nothing did.
    #[must_use]
    pub fn entry(&self) -> Option<&FileStatus> {
        self.entry.as_ref()
    }

    /// What stands there now.
    ///
    /// # Errors
    /// Whatever the system reports, but for a missing entry.
    pub fn describe(&self) -> io::Result<Option<FileStatus>> {
        describe(self.folder(), &self.name)
    }

    /// Refuses what has no content: folders, links that are not followed, pipes, devices.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`].
    pub fn refuse_other_kinds(&self) -> Result<()> {
        match self.entry.map(|entry| entry.kind) {
            None | Some(FileKind::File) => Ok(()),
            Some(FileKind::Dir) => Err(names_a_folder(&self.path)),
            Some(other) => {
                let text = format!("path: a {} cannot be written to; only regular files are", other.as_str());
                Err(Error::new(ErrorKind::Argument, text).with_path(&self.path))
            }
        }
    }

    /// Refuses what must not be replaced or written to.
    ///
    /// # Errors
    /// As [`Self::refuse_other_kinds`] (a link that is not followed may be `replaceable`); [`ErrorKind::Argument`] for a
    /// file of several names unless `break_hard_links`; [`ErrorKind::AccessDenied`] for one that may not be written.
    pub fn refuse_unfit(&self, replaceable_link: bool, break_hard_links: bool) -> Result<()> {
        let Some(entry) = &self.entry else { return Ok(()) };
        if replaceable_link && entry.kind == FileKind::Symlink {
            return Ok(());
        }
        self.refuse_other_kinds()?;
        if entry.links > 1 && !break_hard_links {
            let text = format!(
                "path: the file has {} names, and the others would keep the old content; break_hard_links=True \
                 replaces it under this one",
                entry.links
            );
            return Err(Error::new(ErrorKind::Argument, text).with_path(&self.path));
        }
        // Renaming needs no right to the file itself, so a read-only file would be replaced without a word.
        let may_write = || rustix::fs::accessat(&self.folder, &self.name[..], Access::WRITE_OK, AtFlags::EACCESS);
        match rustix::io::retry_on_intr(may_write) {
            Err(error @ (Errno::ACCESS | Errno::ROFS | Errno::PERM)) => {
                Err(Error::io("write to a file that is read-only to this user", &self.path, error)
                    .with_kind(ErrorKind::AccessDenied))
            }
            // What else is wrong with it is told by the step that needs it.
            _ => Ok(()),
        }
    }

    /// Opens what stands there for reading.
    ///
    /// # Errors
    /// Whatever the system reports; `ELOOP` if a link has been put there.
    pub fn open_content(&self) -> io::Result<OwnedFd> {
        root::open_content(self.folder(), &self.name, false)
    }

    /// Opens what stands there without any right to its content, to look at its attributes.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub fn open_handle(&self) -> io::Result<OwnedFd> {
        self.open(&self.name, OFlags::PATH, Mode::empty())
    }

    /// Opens what stands there to append to it.
    ///
    /// # Errors
    /// Whatever the system reports; `ELOOP` if a link has been put there.
    pub(super) fn open_end(&self) -> io::Result<OwnedFd> {
        self.open(&self.name, OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty())
    }

    /// Makes the file, to append to it.
    ///
    /// # Errors
    /// Whatever the system reports; `EEXIST` if it is there.
    pub(super) fn create_end(&self, mode: u32) -> io::Result<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
        self.open(&self.name, flags, Mode::from_raw_mode(mode))
    }

    /// Makes a new file beside the target.
    ///
    /// # Errors
    /// Whatever the system reports; `EEXIST` if the name is taken.
    pub(super) fn create_beside(&self, name: &[u8], mode: u32) -> io::Result<OwnedFd> {
        self.open(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, Mode::from_raw_mode(mode))
    }

    /// Lets the file `name` beside the target take its place, whatever stands there.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub(super) fn replace_with(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.folder, name, &self.folder, &self.name[..])?)
    }

    /// The same if nothing stands there, which the system checks in the same step.
    ///
    /// # Errors
    /// Whatever the system reports; `EEXIST` if something does.
    pub(super) fn place_if_absent(&self, name: &[u8]) -> io::Result<()> {
        let (folder, last) = (&self.folder, &self.name[..]);
        match rustix::fs::renameat_with(folder, name, folder, last, RenameFlags::NOREPLACE) {
            // File systems that have no such rename have links, which never replace anything.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(folder, name, folder, last, AtFlags::empty())?;
                Ok(self.remove_beside(name)?)
            }
            renamed => Ok(renamed?),
        }
    }

    /// Removes the file `name` beside the target.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub(super) fn remove_beside(&self, name: &[u8]) -> io::Result<()> {
        remove(self.folder(), name)
    }

    /// Removes the target itself.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub(super) fn remove(&self) -> io::Result<()> {
        remove(self.folder(), &self.name)
    }

    /// Flushes the folder, so that the name of a new file survives a loss of power.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub(super) fn flush_folder(&self, file: BorrowedFd<'_>) -> io::Result<()> {
        if self.readable_folder {
            return Ok(rustix::io::retry_on_intr(|| rustix::fs::fsync(&self.folder))?);
        }
        // A folder that may be written but not listed cannot be opened in a way that could be flushed.
        Ok(rustix::io::retry_on_intr(|| rustix::fs::syncfs(file))?)
    }

    fn open(&self, name: &[u8], flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::io::retry_on_intr(|| rustix::fs::openat(&self.folder, name, flags, mode))?)
    }
}

/// A failure before anything took effect. A folder that is not there is the caller's mistake, and has its own kind.
pub(super) fn failed(step: &str, path: &[u8], error: io::Error) -> Error {
    let failure = Error::io(step, path, error);
    match failure.kind() {
        ErrorKind::PathNotFound | ErrorKind::OutsideRoot => failure,
        _ => failure.with_kind(ErrorKind::NotCommitted),
    }
}

fn names_a_folder(path: &[u8]) -> Error {
    let text = "path: it names a folder; a file's own name is needed to write it";
    Error::io(text, path, Errno::ISDIR).with_kind(ErrorKind::Argument)
}

/// Why a path cannot name a file; outside of the root, no more is said of it than that.
fn not_a_file(root: &Root, path: &[u8]) -> Error {
    match root.status(path, true) {
        Err(error) if OutsideRoot::is_in(&error) => failed("write", path, error),
        _ => names_a_folder(path),
    }
}

/// The folder's part of a path and the last name; `None` if that names a folder whatever is there.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let cut = memchr::memrchr(b'/', path).map_or(0, |at| at + 1);
    let (parent, name) = path.split_at(cut);
    if matches!(name, b"" | b"." | b"..") { None } else { Some((parent, name)) }
}

/// A folder on the way to a target.
struct Place {
    folder: OwnedFd,
    readable: bool,
    /// Its path from the root, from where what a link says is resolved again if the root confines.
    path: Vec<u8>,
}

impl Place {
    fn enter(root: &Root, from: Option<&Self>, parent: &[u8]) -> io::Result<Self> {
        let parent = if parent.is_empty() { b"." } else { parent };
        let path = [from.map_or(b"".as_slice(), |from| &from.path), parent, b"/"].concat();
        let open = |purpose| match from {
            Some(from) if !root.is_confined() => root::open_folder_from(from.folder.as_fd(), parent, purpose),
            // As the system has it when it reads through the link.
            Some(_) if parent.starts_with(b"/") => Err(OutsideRoot.into()),
            _ => root.open_folder(&path, purpose, true),
        };
        match open(FolderUse::Listing) {
            Err(error) if error.raw_os_error() == Some(Errno::ACCESS.raw_os_error()) => {
                Ok(Self { folder: open(FolderUse::Passing)?, readable: false, path })
            }
            folder => Ok(Self { folder: folder?, readable: true, path }),
        }
    }
}

fn describe(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<Option<FileStatus>> {
    match root::status_at(folder, name, false) {
        Ok(status) => Ok(Some(status)),
        Err(error) if error.raw_os_error() == Some(Errno::NOENT.raw_os_error()) => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    Ok(rustix::io::retry_on_intr(|| rustix::fs::unlinkat(folder, name, AtFlags::empty()))?)
}

/// The system's own rule (`fs.protected_symlinks`), which reading a link by hand would pass by: in a folder like `/tmp`
/// a link is followed only by its owner, or if the folder's owner made it.
fn refuse_planted_link(folder: BorrowedFd<'_>, link: &FileStatus) -> io::Result<()> {
    let place = root::status_of(folder)?;
    let shared = place.mode & STICKY != 0 && place.mode & WRITABLE_BY_ALL != 0;
    if shared && link.uid != place.uid && link.uid != rustix::process::geteuid().as_raw() {
        return Err(Errno::ACCESS.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn find(path: &Path, follow: bool) -> Result<Target> {
        Target::find(&Root::free(), path.as_os_str().as_bytes(), follow)
    }

    #[test]
    fn a_chain_of_links_leads_to_the_folder_of_the_last() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        symlink("a/two", dir.path().join("one")).unwrap();
        symlink("b/file", dir.path().join("a/two")).unwrap();
        let target = find(&dir.path().join("one"), true).unwrap();
        assert!(target.entry().is_none());
        let expected = root::status_at(CWD, dir.path().join("a/b").as_os_str().as_bytes(), true).unwrap().inode;
        assert_eq!(root::status_of(target.folder()).unwrap().inode, expected);
        std::fs::write(dir.path().join("a/b/file"), b"12345").unwrap();
        assert_eq!(find(&dir.path().join("one"), true).unwrap().entry().unwrap().size, 5);
        assert_eq!(find(&dir.path().join("one"), false).unwrap().entry().unwrap().kind, FileKind::Symlink);
    }

    #[test]
    fn a_loop_of_links_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        symlink("two", dir.path().join("one")).unwrap();
        symlink("one", dir.path().join("two")).unwrap();
        let error = find(&dir.path().join("one"), true).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::LOOP.raw_os_error()));
    }

    #[test]
    fn a_path_that_names_a_folder_is_refused_and_a_missing_folder_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a/", ".", "a/.", ".."] {
            assert_eq!(find(&dir.path().join(name), true).unwrap_err().kind(), ErrorKind::Argument, "{name}");
        }
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        let folder = find(&dir.path().join("folder"), true).unwrap();
        assert_eq!(folder.refuse_unfit(false, false).unwrap_err().kind(), ErrorKind::Argument);
        assert_eq!(find(&dir.path().join("gone/file"), true).unwrap_err().kind(), ErrorKind::PathNotFound);
    }
}
