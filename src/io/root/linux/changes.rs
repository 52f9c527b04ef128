//! What is changed in a folder, relative to its handle, and in a file. No link is followed in the last place.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Access, AtFlags, FlockOperation, Gid, Mode, OFlags, RenameFlags, Uid};
use rustix::io::{Errno, retry_on_intr};
use rustix::rand::GetRandomFlags;

use crate::error::OutsideRoot;
use crate::io::root::{FileStatus, Lock, status_at, status_of};

const STICKY: u32 = 0o1000;
const WRITABLE_BY_ALL: u32 = 0o002;

/// Makes the file `name`, open for writing; with `at_end` always at its end.
///
/// # Errors
/// The system's; `AlreadyExists` if the name is taken.
pub fn create(folder: BorrowedFd<'_>, name: &[u8], mode: u32, at_end: bool) -> io::Result<OwnedFd> {
    let end = if at_end { OFlags::APPEND } else { OFlags::empty() };
    open(folder, name, OFlags::WRONLY | end | OFlags::CREATE | OFlags::EXCL, Mode::from_raw_mode(mode))
}

/// Opens the file `name` for writing at its end.
///
/// # Errors
/// The system's; [`super::is_link`] says whether a link is there.
pub fn open_end(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    open(folder, name, OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty())
}

fn open(folder: BorrowedFd<'_>, name: &[u8], flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(retry_on_intr(|| rustix::fs::openat(folder, name, flags, mode))?)
}

/// Where the link `name` leads, as it is written in it.
///
/// A link of `/proc` to what a process has open leads to that, and what is written in it only tells the path that it
/// had: by now something else may stand there, or nothing, and a pipe never had one.
///
/// # Errors
/// The system's, and that there is no path any more that leads where the link does; from a root that paths are
/// `confined` to, this is [`OutsideRoot`].
pub fn read_link(folder: BorrowedFd<'_>, name: &[u8], confined: bool) -> io::Result<Vec<u8>> {
    let written = retry_on_intr(|| rustix::fs::readlinkat(folder, name, Vec::new()))?.into_bytes();
    if !is_in_proc(folder) {
        return Ok(written);
    }
    let leads_to = status_at(folder, name, true)?;
    match status_at(folder, &written, true) {
        Ok(found) if (found.device, found.inode) == (leads_to.device, leads_to.inode) => Ok(written),
        _ if confined => Err(OutsideRoot.into()),
        _ => {
            let text = "it leads to something open that has no path any more; a file is written by its path";
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

fn is_in_proc(folder: BorrowedFd<'_>) -> bool {
    // The field is a signed long on some systems and unsigned on others; the magic is its low 32 bits on all.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    rustix::fs::fstatfs(folder).is_ok_and(|about| about.f_type as u32 == 0x9FA0)
}

/// Refuses a link that the system would not follow (`fs.protected_symlinks`), which reading it by hand would pass by: in
/// a folder like `/tmp` a link is followed only by its owner, or if the folder's owner made it.
///
/// # Errors
/// The system's for such a link.
pub fn refuse_planted_link(folder: BorrowedFd<'_>, link: &FileStatus) -> io::Result<()> {
    let (Some(place), Some(link)) = (status_of(folder)?.unix, link.unix) else { return Ok(()) };
    let shared = place.mode & STICKY != 0 && place.mode & WRITABLE_BY_ALL != 0;
    if shared && link.uid != place.uid && link.uid != rustix::process::geteuid().as_raw() {
        return Err(Errno::ACCESS.into());
    }
    Ok(())
}

/// Refuses a file that this user may not write to. What else is wrong with it is told by the step that needs it.
///
/// # Errors
/// Why it may not be written to.
pub fn refuse_read_only(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    match retry_on_intr(|| rustix::fs::accessat(folder, name, Access::WRITE_OK, AtFlags::EACCESS)) {
        Err(error @ (Errno::ACCESS | Errno::ROFS | Errno::PERM)) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Gives the entry `old` of a folder the name `new` in another, whatever stands there.
///
/// # Errors
/// The system's.
pub fn rename(from: BorrowedFd<'_>, old: &[u8], to: BorrowedFd<'_>, new: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::renameat(from, old, to, new)?)
}

/// The same if nothing stands there, which the system checks in the same step.
///
/// # Errors
/// The system's; `AlreadyExists` if something does, and [`is_no_such_rename`] where the file system cannot.
pub fn rename_if_absent(from: BorrowedFd<'_>, old: &[u8], to: BorrowedFd<'_>, new: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::renameat_with(from, old, to, new, RenameFlags::NOREPLACE)?)
}

/// Whether a file system may know no rename that replaces nothing; a folder that goes into itself fails alike.
#[must_use]
pub fn is_no_such_rename(error: &io::Error) -> bool {
    let known = [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP];
    known.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Gives an entry that is no folder a second name, if nothing has it; a link itself.
///
/// # Errors
/// The system's; `AlreadyExists` if something does.
pub fn link(from: BorrowedFd<'_>, old: &[u8], to: BorrowedFd<'_>, new: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::linkat(from, old, to, new, AtFlags::empty())?)
}

/// Whether a folder that is renamed takes the place of an empty one.
pub const FOLDERS_TAKE_EMPTY_PLACES: bool = true;

/// Makes a folder, with what the process's mask leaves of all rights.
///
/// # Errors
/// The system's; `AlreadyExists` if the name is taken.
pub fn create_folder(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::mkdirat(folder, name, Mode::RWXU | Mode::RWXG | Mode::RWXO))?)
}

/// Removes an empty folder.
///
/// # Errors
/// The system's.
pub fn remove_folder(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR))?)
}

/// Lets the file `by` take the place of `name` if nothing stands there, which the system checks in the same step. Whether the file still has its name `by`
/// too, which is then the caller's to remove.
///
/// # Errors
/// The system's; `AlreadyExists` if something does.
pub fn place_if_absent(folder: BorrowedFd<'_>, name: &[u8], by: &[u8]) -> io::Result<bool> {
    match rename_if_absent(folder, by, folder, name) {
        // File systems that have no such rename have links, which never replace anything.
        Err(error) if is_no_such_rename(&error) => link(folder, by, folder, name).map(|()| true),
        renamed => renamed.map(|()| false),
    }
}

/// Removes a file.
///
/// # Errors
/// The system's.
pub fn remove(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::unlinkat(folder, name, AtFlags::empty()))?)
}

/// Writes to a file where it stands; returns how much.
///
/// # Errors
/// The system's.
pub fn write(file: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    Ok(retry_on_intr(|| rustix::io::write(file, bytes))?)
}

/// Cuts a file to this length.
///
/// # Errors
/// The system's.
pub fn cut(file: BorrowedFd<'_>, length: u64) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::ftruncate(file, length))?)
}

/// Flushes a file to its disk.
///
/// # Errors
/// The system's.
pub fn flush(file: BorrowedFd<'_>) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::fsync(file))?)
}

/// The same without what is only known about it.
///
/// # Errors
/// The system's.
pub fn flush_content(file: BorrowedFd<'_>) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::fdatasync(file))?)
}

/// Flushes the names in a folder.
///
/// # Errors
/// The system's.
pub fn flush_folder(folder: BorrowedFd<'_>) -> io::Result<()> {
    flush(folder)
}

/// Flushes everything on the file system of a file.
///
/// # Errors
/// The system's.
pub fn flush_file_system(file: BorrowedFd<'_>) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::syncfs(file))?)
}

/// Sets the permission bits of an open file.
///
/// # Errors
/// The system's.
pub fn set_mode(file: BorrowedFd<'_>, mode: u32) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::fchmod(file, Mode::from_raw_mode(mode)))?)
}

/// Gives a file to an owner and a group; `false` if that is not this user's to do.
///
/// # Errors
/// The system's.
pub fn set_owner(file: BorrowedFd<'_>, uid: Option<u32>, gid: Option<u32>) -> io::Result<bool> {
    let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
    match retry_on_intr(|| rustix::fs::fchown(file, uid, gid)) {
        Ok(()) => Ok(true),
        // Not permitted, or a number that this user namespace or this file system does not have.
        Err(Errno::PERM | Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What is locked to keep others out of a folder, where it is not the folder itself.
///
/// # Errors
/// None here.
pub fn lock_of_folder(_folder: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    Ok(None)
}

/// Locks a file or a folder, `alone` or shared with others, without waiting.
#[must_use]
pub fn try_lock(file: BorrowedFd<'_>, alone: bool) -> Lock {
    let operation =
        if alone { FlockOperation::NonBlockingLockExclusive } else { FlockOperation::NonBlockingLockShared };
    match retry_on_intr(|| rustix::fs::flock(file, operation)) {
        Ok(()) => Lock::Taken,
        Err(Errno::WOULDBLOCK) => Lock::HeldByOther,
        Err(error) => Lock::Impossible(error.into()),
    }
}

/// Lets go of a lock.
pub fn unlock(file: BorrowedFd<'_>) {
    let _ = rustix::fs::flock(file, FlockOperation::NonBlockingUnlock);
}

/// Whether nobody else can read a file that is locked.
pub const LOCKS_HIDE_CONTENT: bool = false;

/// Whether another file can take the place of one that is open.
pub const OPEN_FILES_CAN_BE_REPLACED: bool = true;

/// Random bytes, of which nobody knows the next.
///
/// # Errors
/// The system's.
pub fn fill_random(bytes: &mut [u8]) -> io::Result<()> {
    let filled = retry_on_intr(|| rustix::rand::getrandom(&mut *bytes, GetRandomFlags::empty()))?;
    debug_assert_eq!(filled, bytes.len(), "the system gives up to 256 bytes whole");
    Ok(())
}

/// The error of a chain of links that is too long, or has no end.
#[must_use]
pub fn too_many_links() -> io::Error {
    Errno::LOOP.into()
}
