//! What is changed in a folder, relative to its handle, and in a file. No link is followed in the last place.
//!
//! Windows differs in what cannot be changed: a folder's names are not flushed (NTFS writes them to its journal), there
//! are no permission bits and no owner to keep, and a lock on a file keeps others from reading it. Nothing but a file can
//! be locked there, so what stands for a folder is a file in the folder for temporary files.

use std::borrow::Cow;
use std::fs::{File, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;

use super::folder::{confined, open_end_in, open_file_end, resolved, system_path, told};
use super::{Handle, HandleRef, Opened};
use crate::io::root::path_bytes::of_path;
use crate::io::root::{FileStatus, Lock};

/// An entry of a folder.
enum Entry<'a> {
    Free(PathBuf),
    Confined(&'a Dir, Cow<'a, Path>),
}

fn entry<'a>(folder: HandleRef<'a>, name: &'a [u8]) -> io::Result<Entry<'a>> {
    match confined(folder) {
        Some((_, dir)) => Ok(Entry::Confined(dir, system_path(name)?)),
        None => resolved(folder, name).map(Entry::Free),
    }
}

/// Makes the file `name`, open for writing; with `at_end` always at its end.
///
/// # Errors
/// The system's; `AlreadyExists` if the name is taken.
// There are no permission bits on Windows.
#[cfg_attr(windows, allow(unused_variables))]
pub fn create(folder: HandleRef<'_>, name: &[u8], mode: u32, at_end: bool) -> io::Result<Handle> {
    let append = at_end && cfg!(unix);
    let file = match entry(folder, name)? {
        Entry::Free(path) => {
            let mut options = File::options();
            options.write(true).append(append).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
            options.open(path)?
        }
        Entry::Confined(dir, path) => {
            let mut options = cap_std::fs::OpenOptions::new();
            options.write(true).append(append).create_new(true);
            #[cfg(unix)]
            cap_std::fs::OpenOptionsExt::mode(&mut options, mode);
            dir.open_with(&path, &options).map_err(|error| told(error, dir, &path, true))?.into_std()
        }
    };
    Ok(Handle(Opened::File(file)))
}

/// Opens the file `name` for writing at its end.
///
/// # Errors
/// The system's; [`super::is_link`] says whether a link is there.
pub fn open_end(folder: HandleRef<'_>, name: &[u8]) -> io::Result<Handle> {
    let file = match entry(folder, name)? {
        Entry::Free(path) => open_file_end(&path)?,
        Entry::Confined(dir, path) => open_end_in(dir, &path)?,
    };
    Ok(Handle(Opened::File(file)))
}

/// Where the link `name` leads, as it is written in it; on these systems every link leads by what is written.
///
/// # Errors
/// The system's.
pub fn read_link(folder: HandleRef<'_>, name: &[u8], _confined: bool) -> io::Result<Vec<u8>> {
    let target = match entry(folder, name)? {
        Entry::Free(path) => std::fs::read_link(path)?,
        Entry::Confined(dir, path) => dir.read_link_contents(&path).map_err(|error| told(error, dir, &path, true))?,
    };
    Ok(of_path(&target))
}

/// Refuses a link that the system would not follow; only Linux has such a rule.
///
/// # Errors
/// None here.
pub fn refuse_planted_link(_folder: HandleRef<'_>, _link: &FileStatus) -> io::Result<()> {
    Ok(())
}

/// Refuses a file that this user may not write to. What else is wrong with it is told by the step that needs it.
///
/// # Errors
/// Why it may not be written to.
pub fn refuse_read_only(folder: HandleRef<'_>, name: &[u8]) -> io::Result<()> {
    match open_end(folder, name) {
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Gives the entry `old` of a folder the name `new` in another, whatever stands there.
///
/// # Errors
/// The system's.
pub fn rename(from: HandleRef<'_>, old: &[u8], to: HandleRef<'_>, new: &[u8]) -> io::Result<()> {
    match (entry(from, old)?, entry(to, new)?) {
        (Entry::Confined(from, old), Entry::Confined(to, new)) => from.rename(&old, to, &new),
        (Entry::Free(old), Entry::Free(new)) => std::fs::rename(old, new),
        _ => Err(io::ErrorKind::CrossesDevices.into()),
    }
}

/// The same if nothing stands there, which the standard library does not offer.
///
/// # Errors
/// Always; [`is_no_such_rename`].
pub fn rename_if_absent(_from: HandleRef<'_>, _old: &[u8], _to: HandleRef<'_>, _new: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether there is no rename that replaces nothing.
#[must_use]
pub fn is_no_such_rename(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

/// Gives an entry that is no folder a second name, if nothing has it.
///
/// # Errors
/// The system's; `AlreadyExists` if something does.
pub fn link(from: HandleRef<'_>, old: &[u8], to: HandleRef<'_>, new: &[u8]) -> io::Result<()> {
    match (entry(from, old)?, entry(to, new)?) {
        (Entry::Confined(from, old), Entry::Confined(to, new)) => from.hard_link(&old, to, &new),
        (Entry::Free(old), Entry::Free(new)) => std::fs::hard_link(old, new),
        _ => Err(io::ErrorKind::CrossesDevices.into()),
    }
}

/// Whether a folder that is renamed takes the place of an empty one. On Windows it replaces nothing.
pub const FOLDERS_TAKE_EMPTY_PLACES: bool = cfg!(unix);

/// Makes a folder.
///
/// # Errors
/// The system's; `AlreadyExists` if the name is taken.
pub fn create_folder(folder: HandleRef<'_>, name: &[u8]) -> io::Result<()> {
    match entry(folder, name)? {
        Entry::Free(path) => std::fs::create_dir(path),
        Entry::Confined(dir, path) => dir.create_dir(&path).map_err(|error| told(error, dir, &path, true)),
    }
}

/// Removes an empty folder.
///
/// # Errors
/// The system's.
pub fn remove_folder(folder: HandleRef<'_>, name: &[u8]) -> io::Result<()> {
    match entry(folder, name)? {
        Entry::Free(path) => std::fs::remove_dir(path),
        Entry::Confined(dir, path) => dir.remove_dir(&path).map_err(|error| told(error, dir, &path, true)),
    }
}

/// Lets the file `by` take the place of `name` if nothing stands there, which the system checks in the same step. Whether the file still has its name `by`
/// too, which is then the caller's to remove.
///
/// # Errors
/// The system's; `AlreadyExists` if something does.
pub fn place_if_absent(folder: HandleRef<'_>, name: &[u8], by: &[u8]) -> io::Result<bool> {
    // A second name never takes another file's place.
    link(folder, by, folder, name).map(|()| true)
}

/// Removes a file.
///
/// # Errors
/// The system's.
pub fn remove(folder: HandleRef<'_>, name: &[u8]) -> io::Result<()> {
    match entry(folder, name)? {
        Entry::Free(path) => std::fs::remove_file(path),
        Entry::Confined(dir, path) => dir.remove_file(&path).map_err(|error| told(error, dir, &path, true)),
    }
}

/// Writes to a file where it stands; returns how much.
///
/// # Errors
/// The system's.
pub fn write(file: HandleRef<'_>, bytes: &[u8]) -> io::Result<usize> {
    let mut file = file.file()?;
    loop {
        match file.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            written => return written,
        }
    }
}

/// Cuts a file to this length.
///
/// # Errors
/// The system's.
pub fn cut(file: HandleRef<'_>, length: u64) -> io::Result<()> {
    file.file()?.set_len(length)
}

/// Flushes a file to its disk.
///
/// # Errors
/// The system's.
pub fn flush(file: HandleRef<'_>) -> io::Result<()> {
    file.file()?.sync_all()
}

/// The same without what is only known about it.
///
/// # Errors
/// The system's.
pub fn flush_content(file: HandleRef<'_>) -> io::Result<()> {
    file.file()?.sync_data()
}

/// Flushes the names in a folder; on Windows there is no such thing.
///
/// # Errors
/// The system's.
pub fn flush_folder(folder: HandleRef<'_>) -> io::Result<()> {
    #[cfg(unix)]
    opened(folder)?.sync_all()?;
    #[cfg(windows)]
    let _ = folder;
    Ok(())
}

/// Flushes everything on the file system of a file, which only Linux does for one.
///
/// # Errors
/// Always.
pub fn flush_file_system(_file: HandleRef<'_>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A folder as a file of the system.
#[cfg(unix)]
fn opened(folder: HandleRef<'_>) -> io::Result<File> {
    match entry(folder, b".")? {
        Entry::Free(path) => File::open(path),
        Entry::Confined(dir, path) => dir.open(&path).map(cap_std::fs::File::into_std),
    }
}

/// Sets the permission bits of an open file.
///
/// # Errors
/// The system's; on Windows always, because there are none.
pub fn set_mode(file: HandleRef<'_>, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    return file.file()?.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(windows)]
    {
        let _ = (file, mode);
        Err(io::Error::new(io::ErrorKind::Unsupported, "there are no permission bits on Windows"))
    }
}

/// Gives a file to an owner and a group; `false` if that is not this user's to do.
///
/// # Errors
/// The system's.
pub fn set_owner(file: HandleRef<'_>, uid: Option<u32>, gid: Option<u32>) -> io::Result<bool> {
    #[cfg(unix)]
    return match std::os::unix::fs::fchown(file.file()?, uid, gid) {
        Ok(()) => Ok(true),
        Err(error)
            if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EINVAL | libc::ENOTSUP | libc::ENOSYS)) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    };
    #[cfg(windows)]
    {
        let _ = (file, uid, gid);
        Ok(false)
    }
}

/// What is locked to keep others out of a folder, where it is not the folder itself.
///
/// # Errors
/// The system's.
pub fn lock_of_folder(folder: HandleRef<'_>) -> io::Result<Option<Handle>> {
    #[cfg(unix)]
    let file = opened(folder)?;
    #[cfg(windows)]
    let file = {
        // The same folder has the same number for every process, however it is spelled.
        let status = super::status_of(folder)?;
        let place = std::env::temp_dir().join("vespera_file_ops_locks");
        std::fs::create_dir_all(&place)?;
        let name = format!("{:x}-{:x}", status.device, status.inode);
        File::options().write(true).create(true).truncate(false).open(place.join(name))?
    };
    Ok(Some(Handle(Opened::File(file))))
}

/// Locks a file, `alone` or shared with others, without waiting.
#[must_use]
pub fn try_lock(file: HandleRef<'_>, alone: bool) -> Lock {
    let locked = match file.file() {
        Ok(file) if alone => file.try_lock(),
        Ok(file) => file.try_lock_shared(),
        Err(error) => return Lock::Impossible(error),
    };
    match locked {
        Ok(()) => Lock::Taken,
        Err(TryLockError::WouldBlock) => Lock::HeldByOther,
        Err(TryLockError::Error(error)) => Lock::Impossible(error),
    }
}

/// Lets go of a lock.
pub fn unlock(file: HandleRef<'_>) {
    if let Ok(file) = file.file() {
        let _ = file.unlock();
    }
}

/// Whether nobody else can read a file that is locked.
pub const LOCKS_HIDE_CONTENT: bool = cfg!(windows);

/// Whether another file can take the place of one that is open. On Windows newer ones can, but not all file systems.
pub const OPEN_FILES_CAN_BE_REPLACED: bool = cfg!(unix);

/// Random bytes, of which nobody knows the next.
///
/// # Errors
/// None here.
pub fn fill_random(bytes: &mut [u8]) -> io::Result<()> {
    for piece in bytes.chunks_mut(8) {
        // Each has a key of its own, from the system.
        let random = RandomState::new().build_hasher().finish().to_ne_bytes();
        piece.copy_from_slice(&random[..piece.len()]);
    }
    Ok(())
}

/// The error of a chain of links that is too long, or has no end.
#[must_use]
pub fn too_many_links() -> io::Error {
    #[cfg(unix)]
    return io::Error::from_raw_os_error(libc::ELOOP);
    #[cfg(windows)]
    return io::Error::other("too many levels of symbolic links");
}
