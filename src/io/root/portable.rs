//! The system's side everywhere but on Linux, by the standard library and by a library of capabilities.
//!
//! What a call may reach decides what its folders are:
//!
//! - Free, a folder is its absolute path, found when it was opened. A link that is not to be followed is looked for before
//!   the path is used; whoever swaps an entry for a link in between is followed. No descriptor is held, and on Windows
//!   nobody is kept from renaming a folder that is walked.
//! - Confined, a folder is a capability (`cap_std::fs::Dir`), and what lies in it is opened from that alone, however
//!   often somebody swaps it. On Windows nobody can rename a folder while it is held.
//!
//! - `folder`: what is opened and described relative to a folder's handle.
//! - [`changes`]: what is changed in a folder.
//! - `entries`: what a folder holds.
//! - `status`: what the system says of an entry.

pub mod changes;
mod entries;
mod folder;
mod status;

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use cap_std::fs::Dir;

use super::path_bytes::of_path;
pub use entries::{EntryBuffer, each_entry};
pub use folder::{is_link, open_content, open_folder, open_folder_below, status_at, status_of};
pub(super) use folder::{link_met, open_beneath, open_plain, open_root, status_beneath, status_plain};

/// An open file or folder.
#[derive(Debug)]
pub struct Handle(Opened);

#[derive(Debug)]
enum Opened {
    File(File),
    Folder(Folder),
}

/// A folder by which others are reached.
#[derive(Debug)]
struct Folder {
    /// Its absolute path. Of a confined one only shown, and its real path.
    path: PathBuf,
    /// What it is reached by, where it must not be left.
    confined: Option<Dir>,
}

/// The same, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct HandleRef<'a>(Borrowed<'a>);

#[derive(Debug, Clone, Copy)]
enum Borrowed<'a> {
    WorkingFolder,
    File(&'a File),
    Folder(&'a Folder),
}

/// What has a handle.
pub trait AsHandle {
    /// Its handle.
    fn as_handle(&self) -> HandleRef<'_>;
}

impl AsHandle for Handle {
    fn as_handle(&self) -> HandleRef<'_> {
        HandleRef(match &self.0 {
            Opened::File(file) => Borrowed::File(file),
            Opened::Folder(folder) => Borrowed::Folder(folder),
        })
    }
}

impl AsHandle for HandleRef<'_> {
    fn as_handle(&self) -> HandleRef<'_> {
        *self
    }
}

impl AsHandle for File {
    fn as_handle(&self) -> HandleRef<'_> {
        HandleRef(Borrowed::File(self))
    }
}

impl<'a> HandleRef<'a> {
    fn file(self) -> io::Result<&'a File> {
        match self.0 {
            Borrowed::File(file) => Ok(file),
            Borrowed::Folder(_) | Borrowed::WorkingFolder => Err(is_a_folder()),
        }
    }
}

/// Where relative paths start.
#[must_use]
pub fn working_folder() -> HandleRef<'static> {
    HandleRef(Borrowed::WorkingFolder)
}

/// The real path of a folder that must not be left.
pub(super) fn path_of(handle: HandleRef<'_>) -> Option<Vec<u8>> {
    match handle.0 {
        Borrowed::Folder(Folder { path, confined: Some(_) }) => Some(of_path(path)),
        _ => None,
    }
}

/// Whether `file` lies where a read that returns less than asked has met the file's end: on Windows everywhere; other
/// systems are not asked, which costs a read more a file.
#[must_use]
pub fn is_known_disk(_file: HandleRef<'_>) -> bool {
    cfg!(windows)
}

/// How many handles the process may have: as many as it is worth keeping, because most hold no descriptor.
#[must_use]
pub fn most_handles() -> u64 {
    1024
}

/// Reads at a place of a file; what can only be read onward is `NotSeekable`.
///
/// # Errors
/// The system's.
pub fn read_at(file: HandleRef<'_>, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let file = file.file()?;
    loop {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, buffer, offset);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, offset);
        match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Reads a file on from where it was last read.
///
/// # Errors
/// The system's.
pub fn read_onward(file: HandleRef<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let mut file = file.file()?;
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Says that a file will be read from its start to its end: these systems see it for themselves.
pub fn announce_reading(_file: HandleRef<'_>) {}

/// A handle of its own to the same file.
///
/// # Errors
/// The system's.
pub fn duplicate(file: HandleRef<'_>) -> io::Result<Handle> {
    Ok(Handle(Opened::File(file.file()?.try_clone()?)))
}

/// The file behind a handle.
///
/// # Errors
/// If it is a folder.
pub fn into_file(handle: Handle) -> io::Result<File> {
    match handle.0 {
        Opened::File(file) => Ok(file),
        Opened::Folder(_) => Err(is_a_folder()),
    }
}

/// The error of reading a folder as if it were a file.
#[must_use]
pub fn is_a_folder() -> io::Error {
    #[cfg(unix)]
    return io::Error::from_raw_os_error(libc::EISDIR);
    #[cfg(windows)]
    return io::ErrorKind::IsADirectory.into();
}
