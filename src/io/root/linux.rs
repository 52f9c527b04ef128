//! The system's side on Linux: a handle is a file descriptor, and the kernel resolves every path from one.
//!
//! - `folder`: what is opened and described relative to a folder's handle.
//! - `beneath`: the same, and never outside of it.
//! - [`changes`]: what is changed in a folder.
//! - `entries`: what a folder holds.
//! - `status`: what `statx` says.

mod beneath;
pub mod changes;
mod entries;
mod folder;
mod status;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, OFlags};
use rustix::io::Errno;

pub use entries::{EntryBuffer, each_entry};
pub use folder::{is_known_disk, open_content, open_folder, open_folder_below, status_at, status_of};

use super::{FileStatus, FolderUse, Opens};

/// An open file or folder.
pub type Handle = OwnedFd;

/// The same, borrowed.
pub type HandleRef<'a> = BorrowedFd<'a>;

/// What has a handle.
pub trait AsHandle {
    /// Its handle.
    fn as_handle(&self) -> HandleRef<'_>;
}

impl<T: AsFd> AsHandle for T {
    #[inline]
    fn as_handle(&self) -> HandleRef<'_> {
        self.as_fd()
    }
}

/// Where relative paths start.
#[must_use]
pub fn working_folder() -> HandleRef<'static> {
    CWD
}

/// Opens a folder that is not to be left.
pub(super) fn open_root(path: &[u8]) -> io::Result<Handle> {
    open_folder(CWD, path, FolderUse::Passing, true)
}

/// Opens what lies below a root, by a path that starts in it.
pub(super) fn open_beneath(root: HandleRef<'_>, path: &[u8], opens: Opens, follow: bool) -> io::Result<Handle> {
    beneath::open_beneath(root, path, flags_of(opens) | folder::link_flag(follow), beneath::INSIDE)
}

/// The same where there is no link on the way; [`is_link`] says whether there is one.
pub(super) fn open_plain(root: HandleRef<'_>, path: &[u8], opens: Opens) -> io::Result<Handle> {
    // Without `NOFOLLOW`, by which the system would say of a link in a folder's place that it is no folder.
    beneath::open_beneath(root, path, flags_of(opens), beneath::INSIDE_WITHOUT_LINKS)
}

/// Describes what lies below a root where there is no link on the way; one in the last place is described.
pub(super) fn status_plain(root: HandleRef<'_>, path: &[u8]) -> io::Result<FileStatus> {
    beneath::status_beneath(root, path, false, beneath::INSIDE_WITHOUT_LINKS)
}

/// Describes what lies below a root.
pub(super) fn status_beneath(root: HandleRef<'_>, path: &[u8], follow: bool) -> io::Result<FileStatus> {
    beneath::status_beneath(root, path, follow, beneath::INSIDE)
}

fn flags_of(opens: Opens) -> OFlags {
    match opens {
        Opens::Folder(purpose) => folder::folder_flags(purpose),
        Opens::Content => folder::CONTENT,
    }
}

/// The system's own name for what a handle refers to, where it tells.
pub(super) fn path_of(handle: HandleRef<'_>) -> Option<Vec<u8>> {
    let link = format!("/proc/self/fd/{}", handle.as_raw_fd());
    let path = rustix::fs::readlink(link, Vec::new()).ok()?.into_bytes();
    // What lies outside of what this process can see has no path, and what was removed has one with this mark, which
    // may also be a part of a name.
    let is_there = || {
        let (found, folder) = (status_at(CWD, &path, false).ok()?, status_of(handle).ok()?);
        Some((found.device, found.inode) == (folder.device, folder.inode))
    };
    let has_path = path.starts_with(b"/") && (!path.ends_with(b" (deleted)") || is_there() == Some(true));
    has_path.then_some(path)
}

/// Whether an opening failed because there is a link.
#[must_use]
pub fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// The error of a link where none is followed.
pub(super) fn link_met() -> io::Error {
    Errno::LOOP.into()
}

/// How many handles the process may have.
#[must_use]
pub fn most_handles() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1024)
}

/// Reads at a place of a file; what can only be read onward is `NotSeekable`.
///
/// # Errors
/// The system's.
pub fn read_at(file: HandleRef<'_>, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    Ok(rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut *buffer, offset))?)
}

/// Reads a file on from where it was last read.
///
/// # Errors
/// The system's.
pub fn read_onward(file: HandleRef<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::retry_on_intr(|| rustix::io::read(file, &mut *buffer))?)
}

/// Says that a file will be read from its start to its end; a file system that has no use for that may refuse it.
pub fn announce_reading(file: HandleRef<'_>) {
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
}

/// A handle of its own to the same file.
///
/// # Errors
/// The system's.
pub fn duplicate(file: HandleRef<'_>) -> io::Result<Handle> {
    Ok(rustix::io::fcntl_dupfd_cloexec(file, 0)?)
}

/// The file behind a handle.
///
/// # Errors
/// None here; elsewhere, if it is a folder.
pub fn into_file(handle: Handle) -> io::Result<File> {
    Ok(handle.into())
}

/// The error of reading a folder as if it were a file.
#[must_use]
pub fn is_a_folder() -> io::Error {
    Errno::ISDIR.into()
}
