//! Regular files, opened by path one after the other.
//!
//! Files of one folder mostly follow each other, so the folder is resolved once for all of them, and a device is asked
//! once what it is. Where a path leads is what it would be had it been resolved alone: a link in its last place is left
//! to its whole path, and so is what goes wrong.

use super::content::Readable;
use super::counters;
use super::root::{
    AsHandle, FileKind, FileStatus, FolderUse, Handle, Root, is_a_folder, is_known_disk, open_content, spelling,
    status_at, status_of,
};
use crate::error::{Error, ErrorKind, Result};

/// A regular file that was opened for its content.
#[derive(Debug)]
pub struct RegularFile {
    /// The file.
    pub handle: Handle,
    /// What the system said of it once it was open.
    pub status: FileStatus,
    /// What [`is_known_disk`] says of its device.
    pub short_read_is_end: bool,
}

impl RegularFile {
    /// Opens one file alone, by a path from `root`.
    ///
    /// # Errors
    /// As [`FileOpener::open`].
    pub fn open(root: &Root, path: &[u8]) -> Result<Self> {
        FileOpener::new(root.clone()).open(path)
    }

    /// The file for a reader.
    #[must_use]
    pub fn readable(&self) -> Readable<'_> {
        let Self { handle, status, short_read_is_end } = self;
        Readable { handle: handle.as_handle(), short_read_is_end: *short_read_is_end, status: Some(*status) }
    }
}

/// Opens regular files by paths from a root. One a thread, for no longer than a piece of work: a folder that is renamed
/// meanwhile stays the folder that was entered.
#[derive(Debug)]
pub struct FileOpener {
    root: Root,
    /// The folder of the last path, and its handle if another path went through it.
    folder: Vec<u8>,
    handle: Option<Handle>,
    /// The device of the last file, and whether it is a known disk.
    device: Option<(u64, bool)>,
}

impl FileOpener {
    /// Nothing is resolved yet.
    #[must_use]
    pub fn new(root: Root) -> Self {
        Self { root, folder: Vec::new(), handle: None, device: None }
    }

    /// Where paths start.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Opens a regular file; links are followed as far as the root lets them.
    ///
    /// # Errors
    /// The system's, and an argument error for what has no content (a folder) or must not be opened (a pipe, a device).
    pub fn open(&mut self, path: &[u8]) -> Result<RegularFile> {
        ensure_path(path)?;
        let handle = match self.open_in_folder(path) {
            Some(handle) => handle,
            None => self.open_from_root(path)?,
        };
        let status = status_of(handle.as_handle()).map_err(|error| Error::io("describe", path, error))?;
        refuse_unless_file(status.kind, path)?;
        counters::FILES_OPENED.add(1);
        let short_read_is_end = match self.device {
            Some((device, is_known)) if device == status.device => is_known,
            _ => is_known_disk(handle.as_handle()),
        };
        self.device = Some((status.device, short_read_is_end));
        Ok(RegularFile { handle, status, short_read_is_end })
    }

    fn open_from_root(&self, path: &[u8]) -> Result<Handle> {
        // Described before it is opened, because opening a device can do something.
        let before = self.root.status(path, true).map_err(|error| Error::io("open", path, error))?;
        refuse_unless_file(before.kind, path)?;
        self.root.open_content(path, true).map_err(|error| Error::io("open", path, error))
    }

    /// The file, if it lies in the folder of the last path and nothing is special about it.
    fn open_in_folder(&mut self, path: &[u8]) -> Option<Handle> {
        let (folder, name) = spelling::split_last(path);
        // What ends in a slash or in dots is no name in its folder.
        if folder != self.folder || matches!(name, b"" | b"." | b"..") || self.root.denies(name) {
            self.folder.clear();
            self.folder.extend_from_slice(folder);
            self.handle = None;
            return None;
        }
        if self.handle.is_none() {
            self.handle = self.root.open_folder(folder, FolderUse::Passing, true).ok();
        }
        let folder = self.handle.as_ref()?.as_handle();
        let is_file = status_at(folder, name, false).is_ok_and(|status| status.kind == FileKind::File);
        if is_file { open_content(folder, name, false).ok() } else { None }
    }
}

/// Refuses what the system would take for something else.
///
/// # Errors
/// [`ErrorKind::Argument`] for an empty path, and for one that holds a NUL byte.
pub fn ensure_path(path: &[u8]) -> Result<()> {
    if path.is_empty() || path.contains(&0) {
        return Err(Error::argument("path", "expected a path, got an empty one or one that holds a NUL byte"));
    }
    Ok(())
}

fn refuse_unless_file(kind: FileKind, path: &[u8]) -> Result<()> {
    match kind {
        FileKind::File => Ok(()),
        FileKind::Dir => Err(Error::io("read", path, is_a_folder())),
        other => {
            let text = format!("cannot read a {}: only regular files are opened for their content", other.as_str());
            Err(Error::new(ErrorKind::Argument, text).with_path(path))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::io::root::path_bytes::of_path;

    fn inodes(opener: &mut FileOpener, paths: &[&[u8]]) -> Vec<Result<u64>> {
        paths.iter().map(|path| opener.open(path).map(|file| file.status.inode)).collect()
    }

    /// What the paths lead to is the same, one by one and in any company.
    fn ensure_same(root: &Root, paths: &[&[u8]]) {
        let alone = |path: &&[u8]| RegularFile::open(root, path).map(|file| file.status.inode);
        let expected: Vec<_> = paths.iter().map(alone).collect();
        assert!(expected.iter().any(Result::is_ok));
        let mut opener = FileOpener::new(root.clone());
        for shift in 0..paths.len() {
            let rotated = [&paths[shift..], &paths[..shift]].concat();
            let expected = [&expected[shift..], &expected[..shift]].concat();
            assert_eq!(format!("{:?}", inodes(&mut opener, &rotated)), format!("{expected:?}"));
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_path_leads_to_the_same_in_any_company() {
        let tree = tempfile::tempdir().unwrap();
        let top = tree.path().join("root");
        fs::create_dir_all(top.join("a/b")).unwrap();
        for name in ["root/a/one", "root/a/two", "root/a/b/three", "outside", "root/four"] {
            fs::write(tree.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("b/three", top.join("a/inward")).unwrap();
        std::os::unix::fs::symlink("../../outside", top.join("a/outward")).unwrap();
        std::os::unix::fs::symlink("nowhere", top.join("a/broken")).unwrap();
        std::os::unix::fs::symlink("a", top.join("link")).unwrap();
        let names = [
            "a/one",
            "a/two",
            "a/inward",
            "a/outward",
            "a/broken",
            "a/missing",
            "a/b",
            "a/one/",
            "a/.",
            "a/..",
            "a/",
            "a/b/three",
            "a/b/../two",
            "a/b/../one",
            "link/one",
            "link/two",
            "link/b/three",
            "four",
            "four",
            "a",
            "..",
        ];
        let paths: Vec<_> = names.iter().map(|name| of_path(&top.join(name))).collect();
        ensure_same(&Root::free(), &paths.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let root = Root::confined(&of_path(&top)).unwrap();
        let below: Vec<_> = names.iter().map(|name| name.as_bytes()).chain(paths.iter().map(Vec::as_slice)).collect();
        ensure_same(&root, &below);
        let mut opener = FileOpener::new(root);
        let found = inodes(&mut opener, &[b"a/one", b"a/two", b"a/outward"]);
        assert!(found[0].is_ok() && found[1].is_ok());
        assert_eq!(found[2].as_ref().unwrap_err().kind(), ErrorKind::OutsideRoot);
    }

    #[test]
    fn a_file_that_replaces_another_is_seen() {
        let tree = tempfile::tempdir().unwrap();
        let path = of_path(&tree.path().join("f"));
        let mut opener = FileOpener::new(Root::free());
        for size in 0..4 {
            fs::remove_file(tree.path().join("f")).ok();
            fs::write(tree.path().join("f"), vec![b'x'; size]).unwrap();
            assert_eq!(opener.open(&path).unwrap().status.size, size as u64);
        }
        fs::remove_file(tree.path().join("f")).unwrap();
        assert_eq!(opener.open(&path).unwrap_err().kind(), ErrorKind::PathNotFound);
    }
}
