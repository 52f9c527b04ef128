//! What is opened and described relative to a folder's handle.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::status::{describe, of_file, of_metadata};
use super::{AsHandle, Borrowed, Folder, Handle, HandleRef, Opened};
use crate::error::OutsideRoot;
use crate::io::root::path_bytes::to_path;
use crate::io::root::{FileStatus, FolderUse, Opens, spelling};

/// There is a link where none may be followed.
#[derive(Debug)]
struct LinkMet;

impl std::fmt::Display for LinkMet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("there is a symbolic link where none is followed")
    }
}

impl std::error::Error for LinkMet {}

/// The error of a link where none is followed.
pub(in crate::io::root) fn link_met() -> io::Error {
    io::Error::other(LinkMet)
}

/// Whether an opening failed because there is a link.
#[must_use]
pub fn is_link(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<LinkMet>())
}

/// Opens the folder `path`, relative to `at`; the empty path is `at` itself.
///
/// `follow` says whether a symlink in the last place is followed; those before it always are.
///
/// # Errors
/// Whatever the system reports, and that there is a link.
pub fn open_folder(at: HandleRef<'_>, path: &[u8], _purpose: FolderUse, follow: bool) -> io::Result<Handle> {
    if let Some((folder, dir)) = confined(at) {
        return open_dir(folder, dir, path, follow);
    }
    let path = resolved(at, path)?;
    if !follow {
        refuse_link(&path)?;
    }
    if std::fs::metadata(&path)?.is_dir() {
        Ok(Handle(Opened::Folder(Folder { path, confined: None })))
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}

/// Opens the folder `path` below `at`, where it was found by a walk that followed no link: if there is one on the way
/// now, somebody has put it there, and it is an error.
///
/// # Errors
/// Whatever the system reports, and that there is a link.
pub fn open_folder_below(at: HandleRef<'_>, path: &[u8]) -> io::Result<Handle> {
    if let Some((folder, dir)) = confined(at) {
        let mut reached = open_dir(folder, dir, b".", false)?;
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            reached = open_folder(reached.as_handle(), name, FolderUse::Listing, false)?;
        }
        return Ok(reached);
    }
    let ends = memchr::memchr_iter(b'/', path).chain([path.len()]);
    for end in ends.filter(|end| *end > 0) {
        refuse_link(&resolved(at, &path[..end])?)?;
    }
    open_folder(at, path, FolderUse::Listing, false)
}

/// Opens the content of the file `name` for reading, relative to `at`.
///
/// Never waits: a pipe without a writer opens at once, a terminal does not become the controlling one. Opening a device
/// can have effects of its own, so a caller that does not know an entry's kind describes it first.
///
/// # Errors
/// Whatever the system reports; on Windows also that the name is a device's or a stream's.
pub fn open_content(at: HandleRef<'_>, name: &[u8], follow: bool) -> io::Result<Handle> {
    let file = match confined(at) {
        Some((_, dir)) => open_file_in(dir, &system_path(name)?, follow)?,
        None => open_file(&resolved(at, name)?, follow)?,
    };
    Ok(Handle(Opened::File(file)))
}

/// Describes the entry `name`, relative to `at`; the empty name is `at` itself.
///
/// # Errors
/// Whatever the system reports; on Windows also that the name is a device's or a stream's.
pub fn status_at(at: HandleRef<'_>, name: &[u8], follow: bool) -> io::Result<FileStatus> {
    if name.is_empty() {
        return status_of(at);
    }
    match confined(at) {
        Some((_, dir)) => status_in(dir, name, follow),
        None => describe(&resolved(at, name)?, follow),
    }
}

/// Describes what an open handle refers to.
///
/// # Errors
/// Whatever the system reports.
pub fn status_of(file: HandleRef<'_>) -> io::Result<FileStatus> {
    match file.0 {
        Borrowed::WorkingFolder => describe(Path::new("."), true),
        Borrowed::File(file) => of_file(file),
        Borrowed::Folder(Folder { confined: Some(dir), .. }) => {
            dir.dir_metadata().map(|metadata| of_metadata(&metadata))
        }
        Borrowed::Folder(Folder { path, confined: None }) => describe(path, true),
    }
}

/// Opens a folder that is not to be left.
pub(in crate::io::root) fn open_root(path: &[u8]) -> io::Result<Handle> {
    let path = std::fs::canonicalize(system_path(path)?)?;
    let dir = Dir::open_ambient_dir(&path, ambient_authority())?;
    Ok(Handle(Opened::Folder(Folder { path, confined: Some(dir) })))
}

/// Opens what lies below a root, by a path that starts in it.
pub(in crate::io::root) fn open_beneath(
    root: HandleRef<'_>,
    path: &[u8],
    opens: Opens,
    follow: bool,
) -> io::Result<Handle> {
    match opens {
        Opens::Folder(purpose) => open_folder(root, path, purpose, follow),
        Opens::Content => open_content(root, path, follow),
    }
}

/// Describes what lies below a root.
pub(in crate::io::root) fn status_beneath(root: HandleRef<'_>, path: &[u8], follow: bool) -> io::Result<FileStatus> {
    status_at(root, path, follow)
}

/// Opens what lies below a root where there is no link on the way; [`is_link`] says whether there is one.
pub(in crate::io::root) fn open_plain(root: HandleRef<'_>, path: &[u8], opens: Opens) -> io::Result<Handle> {
    let (entered, last) = enter_plain(root, path)?;
    let folder = entered.last().map_or(root, AsHandle::as_handle);
    match opens {
        Opens::Folder(purpose) => open_folder(folder, last, purpose, false),
        Opens::Content => open_content(folder, last, false),
    }
}

/// Describes what lies below a root where there is no link on the way; one in the last place is described.
pub(in crate::io::root) fn status_plain(root: HandleRef<'_>, path: &[u8]) -> io::Result<FileStatus> {
    let (entered, last) = enter_plain(root, path)?;
    status_at(entered.last().map_or(root, AsHandle::as_handle), last, false)
}

/// The folders on the way of a path, and the name in the last of them.
fn enter_plain<'p>(root: HandleRef<'_>, path: &'p [u8]) -> io::Result<(Vec<Handle>, &'p [u8])> {
    let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    let needs_folder = path.ends_with(b"/") || matches!(parts.last(), Some(&b"." | &b".."));
    let last = if needs_folder { b".".as_slice() } else { parts.pop().unwrap_or(b".") };
    let mut entered: Vec<Handle> = Vec::new();
    for part in parts {
        match part {
            b"." => {}
            b".." => _ = entered.pop().ok_or(OutsideRoot)?,
            name => {
                let here = entered.last().map_or(root, AsHandle::as_handle);
                entered.push(open_folder(here, name, FolderUse::Passing, false)?);
            }
        }
    }
    Ok((entered, last))
}

/// The capability of a folder that must not be left.
pub(super) fn confined(at: HandleRef<'_>) -> Option<(&Folder, &Dir)> {
    match at.0 {
        Borrowed::Folder(folder) => folder.confined.as_ref().map(|dir| (folder, dir)),
        Borrowed::WorkingFolder | Borrowed::File(_) => None,
    }
}

/// The path of the system, if it names an entry and nothing else.
pub(super) fn system_path(path: &[u8]) -> io::Result<std::borrow::Cow<'_, Path>> {
    match spelling::NATIVE.refusal(path) {
        Some(why) => Err(io::Error::new(io::ErrorKind::InvalidInput, why)),
        None => to_path(path),
    }
}

/// The absolute path of what lies in a free folder.
pub(super) fn resolved(at: HandleRef<'_>, path: &[u8]) -> io::Result<PathBuf> {
    let itself = path.is_empty() || path == b".";
    match at.0 {
        Borrowed::WorkingFolder => std::path::absolute(if itself { Path::new(".").into() } else { system_path(path)? }),
        Borrowed::Folder(folder) if itself => Ok(folder.path.clone()),
        Borrowed::Folder(folder) => Ok(folder.path.join(system_path(path)?)),
        Borrowed::File(_) => Err(io::ErrorKind::NotADirectory.into()),
    }
}

pub(super) fn refuse_link(path: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(path)?.is_symlink() { Err(link_met()) } else { Ok(()) }
}

/// Opens a folder by the capability of one above it.
fn open_dir(folder: &Folder, dir: &Dir, path: &[u8], follow: bool) -> io::Result<Handle> {
    if path.is_empty() || path == b"." {
        let (path, confined) = (folder.path.clone(), Some(dir.try_clone()?));
        return Ok(Handle(Opened::Folder(Folder { path, confined })));
    }
    let path = system_path(path)?;
    let opened = if follow { dir.open_dir(&path) } else { dir.open_dir_nofollow(&path) };
    let opened = opened.map_err(|error| told(error, dir, &path, follow))?;
    // What it is called is only shown, and what it is told apart by from others; it is never opened by that.
    let real =
        if follow { dir.canonicalize(&path).map_err(|error| told(error, dir, &path, true))? } else { path.into() };
    Ok(Handle(Opened::Folder(Folder { path: folder.path.join(real), confined: Some(opened) })))
}

fn open_file_in(dir: &Dir, path: &Path, follow: bool) -> io::Result<File> {
    let mut options = cap_std::fs::OpenOptions::new();
    options.read(true).follow(if follow { FollowSymlinks::Yes } else { FollowSymlinks::No });
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let opened = dir.open_with(path, &options).map_err(|error| told(error, dir, path, follow))?;
    Ok(opened.into_std())
}

fn status_in(dir: &Dir, name: &[u8], follow: bool) -> io::Result<FileStatus> {
    let path = system_path(name)?;
    let metadata = if follow { dir.metadata(&path) } else { dir.symlink_metadata(&path) };
    metadata.map(|metadata| of_metadata(&metadata)).map_err(|error| told(error, dir, &path, true))
}

/// What a failure under a capability means here.
pub(super) fn told(error: io::Error, dir: &Dir, path: &Path, follow: bool) -> io::Error {
    // The library's own refusal has no number of the system's.
    if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() {
        return OutsideRoot.into();
    }
    let meets_link = !follow && dir.symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    if meets_link { link_met() } else { error }
}

#[cfg(unix)]
fn open_file(path: &Path, follow: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let link_flag = if follow { 0 } else { libc::O_NOFOLLOW };
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | link_flag).open(path);
    opened.map_err(|error| {
        if !follow && error.raw_os_error() == Some(libc::ELOOP) && refuse_link(path).is_err_and(|error| is_link(&error))
        {
            link_met()
        } else {
            error
        }
    })
}

#[cfg(windows)]
fn open_file(path: &Path, follow: bool) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.read(true);
    if !follow {
        // Opens the link itself, which is looked at before anything is read from it.
        options.custom_flags(super::status::FILE_FLAG_OPEN_REPARSE_POINT);
    }
    let file = options.open(path)?;
    if !follow && file.metadata()?.is_symlink() { Err(link_met()) } else { Ok(file) }
}

/// Opens a file for writing at its end, by the capability of its folder.
pub(super) fn open_end_in(dir: &Dir, path: &Path) -> io::Result<File> {
    let mut options = cap_std::fs::OpenOptions::new();
    options.write(true).append(cfg!(unix)).follow(FollowSymlinks::No);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let opened = dir.open_with(path, &options).map_err(|error| told(error, dir, path, false))?;
    at_end(opened.into_std())
}

/// Opens a file for writing at its end.
pub(super) fn open_file_end(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).append(cfg!(unix));
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW);
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::custom_flags(&mut options, super::status::FILE_FLAG_OPEN_REPARSE_POINT);
    let file = options.open(path).map_err(|error| refuse_link(path).err().filter(is_link).unwrap_or(error))?;
    if file.metadata()?.is_symlink() { Err(link_met()) } else { at_end(file) }
}

/// On Windows what is opened for appending cannot be cut again, so it is opened for writing and stands at its end.
fn at_end(mut file: File) -> io::Result<File> {
    if cfg!(windows) {
        io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
    }
    Ok(file)
}
