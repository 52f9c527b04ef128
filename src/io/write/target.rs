//! Which folder and which name in it a path leads to.
//!
//! A write is three or four system calls that must speak of one folder: the temporary file is made in it, renamed in it,
//! and the folder is flushed. So a path is resolved once, to a handle of the folder and a name in it, and everything
//! after that goes through the handle: a folder that is moved or replaced by a link meanwhile changes nothing. Every
//! call that opens, describes or renames on behalf of a write stands in this file.

use std::borrow::Cow;
use std::io;

use crate::error::{DeniedName, Error, ErrorKind, OutsideRoot, Result};
use crate::io::root::spelling::{normalised, root_bytes, split_last, turned};
use crate::io::root::{self, AsHandle, FileKind, FileStatus, FolderUse, Handle, HandleRef, Root, changes};

/// How many links a path may lead through, which is the system's own bound.
const MOST_HOPS: usize = 40;

/// Where a write goes.
#[derive(Debug)]
pub struct Target {
    folder: Handle,
    folder_path: Vec<u8>,
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
    /// [`ErrorKind::OutsideRoot`], [`ErrorKind::AccessDenied`] for a name that the root denies, and [`ErrorKind::NotCommitted`] for everything else that the system reports.
    pub fn find(root: &Root, path: &[u8], follow: bool) -> Result<Self> {
        if path.is_empty() || path.contains(&0) {
            return Err(Error::argument("path", "expected a path, got an empty one or one that holds a NUL byte"));
        }
        let mut reached: Option<Place> = None;
        let spelled = if cfg!(windows) { Cow::Owned(turned(path)) } else { Cow::Borrowed(path) };
        let mut rest = root.relative(&spelled).map_err(|error| failed("write", path, error))?.to_vec();
        for _ in 0..=MOST_HOPS {
            let (parent, name) = split(&rest).ok_or_else(|| not_a_file(root, path))?;
            if reached.is_none() || !parent.is_empty() {
                let entered = Place::enter(root, reached.as_ref(), parent);
                reached = Some(entered.map_err(|error| failed("open its folder", path, error))?);
            }
            root.refuse_name(name).map_err(|error| failed("write", path, error))?;
            let Some(Place { folder, readable, .. }) = &reached else { break };
            let entry = describe(folder.as_handle(), name).map_err(|error| failed("describe", path, error))?;
            match entry {
                Some(link) if follow && link.kind == FileKind::Symlink => {
                    let folder = folder.as_handle();
                    rest = changes::refuse_planted_link(folder, &link)
                        .and_then(|()| changes::read_link(folder, name, root.is_confined()))
                        .map_err(|error| failed("follow the link", path, error))?;
                }
                entry => {
                    let (readable_folder, name) = (*readable, name.to_vec());
                    let Some(Place { folder, path: folder_path, .. }) = reached else { break };
                    return Ok(Self { folder, folder_path, readable_folder, name, entry, path: path.to_vec() });
                }
            }
        }
        Err(failed("follow the link", path, changes::too_many_links()))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> HandleRef<'_> {
        self.folder.as_handle()
    }

    /// The folder's path from the root, for errors: where links lead to, that is another one than in the path.
    pub(super) fn folder_path(&self) -> Vec<u8> {
        let path = self.folder_path.strip_prefix(b"./").filter(|rest| rest.iter().any(|&byte| byte != b'/'));
        let mut path = path.unwrap_or(&self.folder_path).to_vec();
        while path.len() > 1 && path.ends_with(b"/") {
            path.pop();
        }
        path
    }

    pub(super) fn folder_is_readable(&self) -> bool {
        self.readable_folder
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
        self.entry.as_ref().map_or(Ok(()), |entry| self.refuse_kind(entry.kind))
    }

    fn refuse_kind(&self, kind: FileKind) -> Result<()> {
        match kind {
            FileKind::File => Ok(()),
            FileKind::Dir => Err(names_a_folder(&self.path)),
            other => {
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
        let entry = self.entry.as_ref();
        entry.map_or(Ok(()), |entry| self.refuse_unfit_entry(entry, replaceable_link, break_hard_links))
    }

    /// The same of what stands there by now.
    pub(super) fn refuse_unfit_entry(
        &self,
        entry: &FileStatus,
        replaceable_link: bool,
        break_hard_links: bool,
    ) -> Result<()> {
        if replaceable_link && entry.kind == FileKind::Symlink {
            return Ok(());
        }
        self.refuse_kind(entry.kind)?;
        if entry.links > 1 && !break_hard_links {
            let text = format!(
                "path: the file has {} names, and the others would keep the old content; break_hard_links=True \
                 replaces it under this one",
                entry.links
            );
            return Err(Error::new(ErrorKind::Argument, text).with_path(&self.path));
        }
        // Renaming needs no right to the file itself, so a read-only file would be replaced without a word.
        changes::refuse_read_only(self.folder(), &self.name).map_err(|error| {
            Error::io("write to a file that is read-only to this user", &self.path, error)
                .with_kind(ErrorKind::AccessDenied)
        })
    }

    /// Opens what stands there for reading.
    ///
    /// # Errors
    /// Whatever the system reports; `ELOOP` if a link has been put there.
    pub fn open_content(&self) -> io::Result<Handle> {
        root::open_content(self.folder(), &self.name, false)
    }

    /// Its name in its folder.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Opens what stands there to append to it.
    ///
    /// # Errors
    /// Whatever the system reports; `ELOOP` if a link has been put there.
    pub(super) fn open_end(&self) -> io::Result<Handle> {
        changes::open_end(self.folder(), &self.name)
    }

    /// Makes the file, to append to it.
    ///
    /// # Errors
    /// Whatever the system reports; `EEXIST` if it is there.
    pub(super) fn create_end(&self, mode: u32) -> io::Result<Handle> {
        changes::create(self.folder(), &self.name, mode, true)
    }

    /// Makes a new file beside the target.
    ///
    /// # Errors
    /// Whatever the system reports; `EEXIST` if the name is taken.
    pub(super) fn create_beside(&self, name: &[u8], mode: u32) -> io::Result<Handle> {
        changes::create(self.folder(), name, mode, false)
    }

    /// Lets the file `name` beside the target take its place, whatever stands there.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub(super) fn replace_with(&self, name: &[u8]) -> io::Result<()> {
        changes::rename(self.folder(), name, self.folder(), &self.name)
    }

    /// The same if nothing stands there, which the system checks in the same step. Whether `name` is still there too.
    ///
    /// # Errors
    /// Whatever the system reports; `EEXIST` if something does.
    pub(super) fn place_if_absent(&self, name: &[u8]) -> io::Result<bool> {
        changes::place_if_absent(self.folder(), &self.name, name)
    }

    /// Removes the file `name` beside the target.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub(super) fn remove_beside(&self, name: &[u8]) -> io::Result<()> {
        changes::remove(self.folder(), name)
    }

    /// Removes the target itself.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub(super) fn remove(&self) -> io::Result<()> {
        changes::remove(self.folder(), &self.name)
    }

    /// Flushes the folder, so that a name in it which was made or removed stays so after a loss of power. `other` is an
    /// entry of the same file system that is there.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub(super) fn flush_names(&self, other: &Self) -> io::Result<()> {
        if self.readable_folder {
            return changes::flush_folder(self.folder());
        }
        changes::flush_file_system(other.open_content()?.as_handle())
    }

    /// Flushes the folder, so that the name of a new file survives a loss of power.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub(super) fn flush_folder(&self, file: HandleRef<'_>) -> io::Result<()> {
        if self.readable_folder {
            return changes::flush_folder(self.folder());
        }
        // A folder that may be written but not listed cannot be opened in a way that could be flushed.
        changes::flush_file_system(file)
    }
}

/// Finds the entry to which `path` leads, be it a file or a folder, there or not; a link in the last place is the entry.
/// The `argument` is named in the error for a path that names none.
///
/// # Errors
/// As [`Target::find`].
pub(super) fn named_entry(argument: &str, root: &Root, path: &[u8]) -> Result<Target> {
    let relative = root.relative(path).map_err(|error| failed("use this path", path, error))?;
    let plain = normalised(&relative);
    let (_, name) = split_last(&plain);
    if path.is_empty() || path.contains(&0) || !matches!(name, b"" | b"." | b"..") {
        let found = Target::find(root, &plain, false).map_err(|error| error.with_path(path))?;
        return Ok(Target { path: path.to_vec(), ..found });
    }
    match root.status(&plain, true) {
        Err(error) if OutsideRoot::is_in(&error) || DeniedName::is_in(&error) => {
            Err(failed("use this path", path, error))
        }
        _ => Err(Error::argument(argument, "expected a path that ends in a name, and not in dots").with_path(path)),
    }
}

/// A failure before anything took effect. A folder that is not there is the caller's mistake, and has its own kind.
pub(super) fn failed(step: &str, path: &[u8], error: io::Error) -> Error {
    let is_denied = DeniedName::is_in(&error);
    let failure = Error::io(step, path, error);
    match failure.kind() {
        ErrorKind::AccessDenied if is_denied => failure,
        ErrorKind::PathNotFound | ErrorKind::OutsideRoot => failure,
        _ => failure.with_kind(ErrorKind::NotCommitted),
    }
}

fn names_a_folder(path: &[u8]) -> Error {
    Error::new(ErrorKind::Argument, "path: it names a folder; to write a file in it, add the file's name")
        .with_path(path)
}

/// Why a path cannot name a file; outside of the root, no more is said of it than that.
fn not_a_file(root: &Root, path: &[u8]) -> Error {
    match root.status(path, true) {
        Err(error) if OutsideRoot::is_in(&error) || DeniedName::is_in(&error) => failed("write", path, error),
        _ => names_a_folder(path),
    }
}

/// The folder's part of a path and the last name; `None` if that names a folder whatever is there.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let cut = memchr::memrchr(b'/', path).map_or(0, |at| at + 1).max(root_bytes(path));
    let (parent, name) = path.split_at(cut);
    if matches!(name, b"" | b"." | b"..") { None } else { Some((parent, name)) }
}

/// A folder on the way to a target.
struct Place {
    folder: Handle,
    readable: bool,
    /// Its path from the root, from where what a link says is resolved again if the root confines.
    path: Vec<u8>,
}

impl Place {
    fn enter(root: &Root, from: Option<&Self>, parent: &[u8]) -> io::Result<Self> {
        let parent = if parent.is_empty() { b"." } else { parent };
        let start = from.filter(|_| root_bytes(parent) == 0).map_or(b"".as_slice(), |from| &from.path);
        let path = [start, parent, b"/"].concat();
        let open = |purpose| match from {
            Some(from) if !root.is_confined() => root::open_folder(from.folder.as_handle(), parent, purpose, true),
            // As the system has it when it reads through the link.
            Some(_) if root_bytes(parent) > 0 => Err(OutsideRoot.into()),
            _ => root.open_folder(&path, purpose, true),
        };
        match open(FolderUse::Listing) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !OutsideRoot::is_in(&error) => {
                Ok(Self { folder: open(FolderUse::Passing)?, readable: false, path })
            }
            folder => Ok(Self { folder: folder?, readable: true, path }),
        }
    }
}

fn describe(folder: HandleRef<'_>, name: &[u8]) -> io::Result<Option<FileStatus>> {
    match root::status_at(folder, name, false) {
        Ok(status) => Ok(Some(status)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::root::path_bytes::of_path;
    use crate::io::root::working_folder;
    use crate::io::test_files::symlink;
    use std::path::Path;

    fn find(path: &Path, follow: bool) -> Result<Target> {
        Target::find(&Root::free(), &of_path(path), follow)
    }

    #[test]
    #[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
    fn a_chain_of_links_leads_to_the_folder_of_the_last() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        symlink("a/two", &dir.path().join("one"));
        symlink("b/file", &dir.path().join("a/two"));
        let target = find(&dir.path().join("one"), true).unwrap();
        assert!(target.entry().is_none());
        let expected = root::status_at(working_folder(), &of_path(&dir.path().join("a/b")), true).unwrap().inode;
        assert_eq!(root::status_of(target.folder()).unwrap().inode, expected);
        std::fs::write(dir.path().join("a/b/file"), b"12345").unwrap();
        assert_eq!(find(&dir.path().join("one"), true).unwrap().entry().unwrap().size, 5);
        assert_eq!(find(&dir.path().join("one"), false).unwrap().entry().unwrap().kind, FileKind::Symlink);
    }

    #[test]
    #[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
    fn a_loop_of_links_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        symlink("two", &dir.path().join("one"));
        symlink("one", &dir.path().join("two"));
        let error = find(&dir.path().join("one"), true).unwrap_err();
        assert_eq!(error.errno(), changes::too_many_links().raw_os_error());
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
