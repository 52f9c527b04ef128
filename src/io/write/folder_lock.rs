//! The lock on the folder, by which writers that compare keep all others out between check and rename.
//!
//! Who compares holds it alone from the check to the rename; everybody else shares it around the rename. It is taken
//! without waiting in the system, where no wish to stop would be heard.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result};
use crate::io::content::Stopped;

/// Between two attempts; as long as a rename takes, and growing, because what is not over soon may last.
const FIRST_WAIT: Duration = Duration::from_micros(50);
const MOST_WAIT: Duration = Duration::from_millis(5);

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct FolderLock<'f> {
    folder: Option<BorrowedFd<'f>>,
}

impl<'f> FolderLock<'f> {
    /// Takes the lock, `alone` or shared with others.
    pub(super) fn take(folder: BorrowedFd<'f>, alone: bool, path: &[u8], stopped: Stopped<'_>) -> Result<Self> {
        wait_for(folder, alone, path, stopped).map(|locked| Self { folder: locked.then_some(folder) })
    }
}

impl FolderLock<'_> {
    /// Leaves the unlocking to the closing of the folder, which comes next.
    pub(super) fn end_with_folder(mut self) {
        self.folder = None;
    }
}

impl Drop for FolderLock<'_> {
    fn drop(&mut self) {
        if let Some(folder) = self.folder {
            let _ = rustix::fs::flock(folder, FlockOperation::NonBlockingUnlock);
        }
    }
}

/// Locks a file or a folder until it is closed; `false` where the file system knows no locks.
pub(super) fn wait_for(file: BorrowedFd<'_>, alone: bool, path: &[u8], stopped: Stopped<'_>) -> Result<bool> {
    let operation =
        if alone { FlockOperation::NonBlockingLockExclusive } else { FlockOperation::NonBlockingLockShared };
    let mut wait = FIRST_WAIT;
    loop {
        match rustix::io::retry_on_intr(|| rustix::fs::flock(file, operation)) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => {}
            // Network file systems lock only what is open for writing, which no folder is; others lock nothing.
            Err(_) => return Ok(false),
        }
        if stopped() {
            let text = "cancelled while another writer held the lock; nothing was written";
            return Err(Error::new(ErrorKind::Cancelled, text).with_path(path));
        }
        std::thread::sleep(wait);
        wait = (wait * 2).min(MOST_WAIT);
    }
}
