//! What a file keeps when its content is replaced: owner, mode, extended attributes and access lists.
//!
//! The new content is another file, so all of this is put on it before it takes the old one's place. What cannot be kept
//! is refused, with one exception: who owns a file is often not for its writer to say. Then no right may grow from that,
//! so the bits that lend the owner's rights are dropped, and a group that is another one gets what everybody has.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Gid, Mode, Uid, XattrFlags};
use rustix::io::Errno;

use super::target::Target;
use crate::io::root::FileStatus;

const SET_USER: u32 = 0o4000;
const SET_GROUP: u32 = 0o2000;
const GROUP_BITS: u32 = 0o070;
const ALL_BITS: u32 = 0o7777;
/// Attributes that speak of the content, which every write voids.
const OF_CONTENT: [&[u8]; 3] = [b"security.capability", b"security.evm", b"security.ima"];

/// A step that failed, and why.
pub(super) type Failed = (String, io::Error);

/// Puts on `new` what the file at `target`, described by `old`, has; `status` describes `new`. A given `mode` is set
/// instead of the old one.
pub(super) fn keep(
    target: &Target,
    old: &FileStatus,
    new: BorrowedFd<'_>,
    status: &FileStatus,
    mode: Option<u32>,
) -> Result<(), Failed> {
    let (owner_kept, group_kept) = keep_owner(old, new, status)?;
    keep_extended(target, new)?;
    let mut bits = old.mode & ALL_BITS;
    if !owner_kept || !group_kept {
        bits &= !(SET_USER | SET_GROUP);
    }
    if !group_kept {
        bits &= !GROUP_BITS | ((bits & 0o007) << 3);
    }
    set_mode(new, mode.unwrap_or(bits))
}

/// Sets the permission bits of an open file.
pub(super) fn set_mode(file: BorrowedFd<'_>, mode: u32) -> Result<(), Failed> {
    rustix::io::retry_on_intr(|| rustix::fs::fchmod(file, Mode::from_raw_mode(mode)))
        .map_err(|error| ("set the mode".to_owned(), error.into()))
}

fn keep_owner(old: &FileStatus, new: BorrowedFd<'_>, status: &FileStatus) -> Result<(bool, bool), Failed> {
    if (old.uid, old.gid) == (status.uid, status.gid) {
        return Ok((true, true));
    }
    let (uid, gid) = (Uid::from_raw(old.uid), Gid::from_raw(old.gid));
    let give = |uid, gid| match rustix::io::retry_on_intr(|| rustix::fs::fchown(new, uid, gid)) {
        Ok(()) => Ok(true),
        // Not permitted, or a number that this user namespace or this file system does not have.
        Err(Errno::PERM | Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(false),
        Err(error) => Err(("keep the owner".to_owned(), error.into())),
    };
    if give(Some(uid), Some(gid))? {
        return Ok((true, true));
    }
    let group_kept = old.gid == status.gid || give(None, Some(gid))?;
    Ok((old.uid == status.uid, group_kept))
}

/// Where extended attributes are read: from an open file, or by a path for one that may not be read.
enum Source {
    Open(OwnedFd),
    Handle(OwnedFd),
}

impl Source {
    fn of(target: &Target) -> io::Result<Self> {
        match target.open_content() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => target.open_handle().map(Self::Handle),
            file => file.map(Self::Open),
        }
    }

    /// The path of a handle, which is all that the system takes of one here.
    fn path(handle: &OwnedFd) -> String {
        format!("/proc/self/fd/{}", handle.as_raw_fd())
    }

    fn names(&self) -> io::Result<Vec<CString>> {
        match self {
            Self::Open(file) => names_of(file.as_fd()),
            Self::Handle(handle) => {
                let path = Self::path(handle);
                grown(|buffer| rustix::fs::listxattr(path.as_str(), buffer)).map(|list| split_names(&list))
            }
        }
    }

    fn value(&self, name: &CString) -> io::Result<Vec<u8>> {
        match self {
            Self::Open(file) => value_of(file.as_fd(), name),
            Self::Handle(handle) => {
                let path = Self::path(handle);
                grown(|buffer| rustix::fs::getxattr(path.as_str(), name.as_c_str(), buffer))
            }
        }
    }
}

fn keep_extended(target: &Target, new: BorrowedFd<'_>) -> Result<(), Failed> {
    let listing = |error| ("keep the extended attributes".to_owned(), error);
    let source = Source::of(target).map_err(listing)?;
    let names = source.names().map_err(listing)?;
    // What a folder gives to every new file in it, and the old file does not have.
    for name in names_of(new).map_err(listing)? {
        let is_of_old = names.contains(&name);
        if !is_of_old && !name.to_bytes().starts_with(b"security.") {
            let removed = rustix::io::retry_on_intr(|| rustix::fs::fremovexattr(new, name.as_c_str()));
            removed.map_err(|error| (format!("drop the extended attribute {}", shown(&name)), error.into()))?;
        }
    }
    for name in names {
        if OF_CONTENT.contains(&name.to_bytes()) {
            continue;
        }
        let failed = |error: io::Error| (format!("keep the extended attribute {}", shown(&name)), error);
        let value = source.value(&name).map_err(failed)?;
        let set =
            rustix::io::retry_on_intr(|| rustix::fs::fsetxattr(new, name.as_c_str(), &value, XattrFlags::empty()));
        if let Err(error) = set {
            // A label that may not be set is often there already.
            if value_of(new, &name).ok().as_deref() != Some(&value[..]) {
                return Err(failed(error.into()));
            }
        }
    }
    Ok(())
}

fn names_of(file: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    grown(|buffer| rustix::fs::flistxattr(file, buffer)).map(|list| split_names(&list))
}

fn value_of(file: BorrowedFd<'_>, name: &CString) -> io::Result<Vec<u8>> {
    grown(|buffer| rustix::fs::fgetxattr(file, name.as_c_str(), buffer))
}

fn split_names(list: &[u8]) -> Vec<CString> {
    list.split(|&byte| byte == 0).filter(|name| !name.is_empty()).filter_map(|name| CString::new(name).ok()).collect()
}

fn shown(name: &CString) -> String {
    name.to_string_lossy().into_owned()
}

/// What the system writes into a buffer of unknown size. Nearly every list is empty, and nearly every value short.
fn grown(read: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        match rustix::io::retry_on_intr(|| read(&mut buffer)) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            // The largest that the system takes is 64 KiB.
            Err(Errno::RANGE) if buffer.len() < 1 << 17 => buffer.resize(buffer.len() * 4, 0),
            // A file system without extended attributes has none to keep.
            Err(Errno::NOTSUP) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        }
    }
}
