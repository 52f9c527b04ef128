//! Where paths start, and whether they may lead outside.
//!
//! A [`Root`] is free, and then a path is what it is to every program; or it is confined to a folder, and then nothing
//! outside of that folder can be reached through it: not by `..`, not by an absolute path, not by a link, and not by
//! somebody who swaps a folder for a link meanwhile. That is the kernel's doing and not a comparison of strings.
//!
//! - `status`: what the system says of an entry.
//! - `folder`: what is opened and described relative to a folder's handle.
//! - `beneath`: the same, and never outside of it.

mod beneath;
mod folder;
mod status;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags};

use crate::error::{Error, OutsideRoot, Result};
use beneath::{open_beneath, status_beneath};
pub use folder::{is_known_disk, open_content, open_folder, open_folder_below, status_at, status_of};
pub use status::{FileKind, FileStatus, TimeSpec};

/// Where paths start: anywhere, or in one folder that they cannot leave.
#[derive(Debug, Clone, Default)]
pub struct Root {
    confined: Option<Arc<Confined>>,
}

/// A folder that paths cannot leave.
#[derive(Debug)]
struct Confined {
    handle: OwnedFd,
    /// As the caller spelled it, made absolute.
    absolute: Vec<u8>,
    /// What the system calls it.
    canonical: Vec<u8>,
}

/// What a folder is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderUse {
    /// Reading its entries.
    Listing,
    /// Opening what lies in it, which needs no right to list it.
    Passing,
}

impl FolderUse {
    fn flags(self) -> OFlags {
        let use_ = match self {
            Self::Listing => OFlags::RDONLY,
            Self::Passing => OFlags::PATH,
        };
        use_ | OFlags::DIRECTORY | OFlags::CLOEXEC
    }
}

impl Root {
    /// No root: relative paths start in the working directory, and every path is allowed.
    #[must_use]
    pub fn free() -> Self {
        Self::default()
    }

    /// A folder that cannot be left. It stays the folder that it is now, also where it is renamed.
    ///
    /// # Errors
    /// The system's, if it cannot be opened or is no folder.
    pub fn confined(path: &[u8]) -> Result<Self> {
        let failed = |error: io::Error| Error::io("open the root", path, error);
        let handle =
            rustix::io::retry_on_intr(|| rustix::fs::openat(CWD, path, FolderUse::Passing.flags(), Mode::empty()))
                .map_err(|error| failed(error.into()))?;
        let absolute = std::path::absolute(as_path(path)).map_err(failed)?.into_os_string().into_vec();
        let canonical = match path_of(handle.as_fd()) {
            Some(path) => path,
            None => std::fs::canonicalize(as_path(path)).map_err(failed)?.into_os_string().into_vec(),
        };
        Ok(Self { confined: Some(Arc::new(Confined { handle, absolute, canonical })) })
    }

    /// Whether paths are kept inside.
    #[must_use]
    pub fn is_confined(&self) -> bool {
        self.confined.is_some()
    }

    /// The folder that cannot be left, as the system calls it.
    #[must_use]
    pub fn canonical(&self) -> Option<&[u8]> {
        self.confined.as_deref().map(|confined| confined.canonical.as_slice())
    }

    /// The same, as the caller spelled it, but absolute.
    #[must_use]
    pub fn absolute(&self) -> Option<&[u8]> {
        self.confined.as_deref().map(|confined| confined.absolute.as_slice())
    }

    /// The handle of the folder that cannot be left.
    #[must_use]
    pub fn handle(&self) -> Option<BorrowedFd<'_>> {
        self.confined.as_deref().map(|confined| confined.handle.as_fd())
    }

    /// The path as it is resolved from here. An absolute path that begins with the root's own is what follows it.
    ///
    /// # Errors
    /// [`OutsideRoot`] for any other absolute path.
    pub fn relative<'p>(&self, path: &'p [u8]) -> io::Result<&'p [u8]> {
        let Some(confined) = &self.confined else { return Ok(path) };
        if path.first() != Some(&b'/') {
            return Ok(path);
        }
        let rest = [&confined.absolute, &confined.canonical].into_iter().find_map(|root| below(root, path));
        rest.ok_or_else(|| OutsideRoot.into())
    }

    /// Opens a folder; links on the way are followed, and one in the last place if `follow` says so.
    ///
    /// # Errors
    /// The system's, and [`OutsideRoot`].
    pub fn open_folder(&self, path: &[u8], purpose: FolderUse, follow: bool) -> io::Result<OwnedFd> {
        self.open(path, purpose.flags(), follow)
    }

    /// Opens a content for reading, as [`open_content`] does.
    ///
    /// # Errors
    /// The system's, and [`OutsideRoot`].
    pub fn open_content(&self, path: &[u8], follow: bool) -> io::Result<OwnedFd> {
        self.open(path, folder::CONTENT, follow)
    }

    /// Describes an entry.
    ///
    /// # Errors
    /// The system's, and [`OutsideRoot`].
    pub fn status(&self, path: &[u8], follow: bool) -> io::Result<FileStatus> {
        let path = self.relative(path)?;
        match self.handle() {
            Some(root) => status_beneath(root, path, follow),
            None => status_at(CWD, path, follow),
        }
    }

    /// The real path of a folder: free of links. In a root it is what the system calls the handle that was opened by
    /// `path`.
    ///
    /// # Errors
    /// The system's.
    pub fn canonical_of(&self, folder: Option<BorrowedFd<'_>>, path: &[u8]) -> io::Result<Vec<u8>> {
        match &self.confined {
            None => Ok(std::fs::canonicalize(as_path(path))?.into_os_string().into_vec()),
            // Asking the path again could give another folder's answer.
            Some(confined) => Ok(folder.and_then(path_of).unwrap_or_else(|| join(&confined.canonical, path))),
        }
    }

    fn open(&self, path: &[u8], flags: OFlags, follow: bool) -> io::Result<OwnedFd> {
        let path = self.relative(path)?;
        let flags = flags | folder::link_flag(follow);
        match self.handle() {
            Some(root) => open_beneath(root, path, flags),
            None => folder::open(CWD, path, flags),
        }
    }
}

/// Opens the folder `path`, relative to `at`; links are followed.
///
/// # Errors
/// The system's.
pub fn open_folder_from(at: BorrowedFd<'_>, path: &[u8], purpose: FolderUse) -> io::Result<OwnedFd> {
    folder::open(at, path, purpose.flags())
}

/// What follows `root` in `path`, if it lies below it.
fn below<'p>(root: &[u8], path: &'p [u8]) -> Option<&'p [u8]> {
    let rest = path.strip_prefix(root)?;
    let inside = rest.is_empty() || rest[0] == b'/' || root.ends_with(b"/");
    let rest = &rest[rest.iter().take_while(|byte| **byte == b'/').count()..];
    inside.then_some(if rest.is_empty() { b"." } else { rest })
}

/// The system's own name for what a handle refers to, where it tells.
fn path_of(folder: BorrowedFd<'_>) -> Option<Vec<u8>> {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", folder.as_raw_fd());
    let path = rustix::fs::readlink(link, Vec::new()).ok()?.into_bytes();
    // What has been removed, or lies outside of what this process can see, has no path.
    (path.starts_with(b"/") && !path.ends_with(b" (deleted)")).then_some(path)
}

fn as_path(path: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(path))
}

fn join(folder: &[u8], path: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if folder.ends_with(b"/") { b"" } else { b"/" };
    if path == b"." { folder.to_vec() } else { [folder, slash, path].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_is_inside_by_whole_components_alone() {
        for (root, path, rest) in [
            ("/srv/data", "/srv/data", Some(".")),
            ("/srv/data", "/srv/data//", Some(".")),
            ("/srv/data", "/srv/data/a/b", Some("a/b")),
            ("/srv/data", "/srv/data//a", Some("a")),
            ("/srv/data", "/srv/database", None),
            ("/srv/data", "/srv", None),
            ("/", "/etc", Some("etc")),
            ("/", "/", Some(".")),
        ] {
            assert_eq!(below(root.as_bytes(), path.as_bytes()), rest.map(str::as_bytes), "{root} {path}");
        }
    }
}
