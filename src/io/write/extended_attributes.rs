//! Extended attributes of one file become those of another.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, XattrFlags};
use rustix::io::Errno;

use super::attributes::Failed;
use super::target::Target;

/// Attributes that speak of the content, which every write voids.
const OF_CONTENT: [&[u8]; 3] = [b"security.capability", b"security.evm", b"security.ima"];

/// Where extended attributes are read: from an open file, or by a path for one that may not be read.
enum Source {
    Open(OwnedFd),
    Handle(OwnedFd),
}

impl Source {
    fn of(target: &Target) -> io::Result<Self> {
        match target.open_content() {
            // Its attributes can be looked at without any right to its content.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let opened = rustix::io::retry_on_intr(|| {
                    rustix::fs::openat(target.folder(), target.name(), flags, Mode::empty())
                });
                Ok(Self::Handle(opened?))
            }
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

/// Puts on `new` the extended attributes, and so the access lists, of the file at `target`.
pub(super) fn keep_extended(target: &Target, new: BorrowedFd<'_>) -> Result<(), Failed> {
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
