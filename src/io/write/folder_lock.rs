//! The lock on the folder, by which writers that compare keep all others out between check and rename.
//!
//! Who compares holds it alone from the check to the rename; everybody else shares it around the rename. It is taken
//! without waiting in the system, where no wish to stop would be heard.

use std::cell::Cell;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::io::content::Stopped;
use crate::io::root::{AsHandle, Handle, HandleRef, Lock, changes};

/// Between two attempts; as long as a rename takes, and growing, because what is not over soon may last.
const FIRST_WAIT: Duration = Duration::from_micros(50);
const MOST_WAIT: Duration = Duration::from_millis(5);

thread_local! {
    /// How many locks this thread holds. A signal handler runs in the middle of a write that asks whether to go on; one
    /// that writes into the same folder would wait for a lock which its own thread cannot give back.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct FolderLock<'f> {
    folder: HandleRef<'f>,
    /// What is locked instead, where a folder cannot be.
    instead: Option<Handle>,
    is_held: bool,
}

impl<'f> FolderLock<'f> {
    /// Takes the lock, `alone` or shared with others.
    pub(super) fn take(folder: HandleRef<'f>, alone: bool, path: &[u8], stopped: Stopped<'_>) -> Result<Self> {
        // What cannot be locked is written without a lock, as on file systems that know none.
        let mut lock = Self { folder, instead: changes::lock_of_folder(folder).unwrap_or(None), is_held: false };
        lock.is_held = wait_for(lock.locked(), alone, path, stopped)?;
        HELD.set(HELD.get() + usize::from(lock.is_held));
        Ok(lock)
    }

    fn locked(&self) -> HandleRef<'_> {
        self.instead.as_ref().map_or(self.folder, AsHandle::as_handle)
    }
}

impl Drop for FolderLock<'_> {
    fn drop(&mut self) {
        if self.is_held {
            HELD.set(HELD.get().saturating_sub(1));
            changes::unlock(self.locked());
        }
    }
}

/// Locks a file or a folder until it is closed; `false` where the file system knows no locks.
pub(super) fn wait_for(file: HandleRef<'_>, alone: bool, path: &[u8], stopped: Stopped<'_>) -> Result<bool> {
    let mut wait = FIRST_WAIT;
    loop {
        match changes::try_lock(file, alone) {
            Lock::Taken => return Ok(true),
            Lock::HeldByOther => {}
            // Network file systems lock only what is open for writing, which no folder is; others lock nothing.
            Lock::Impossible(_) => return Ok(false),
        }
        if HELD.get() > 0 {
            let text = "cannot lock its folder: the call that this one interrupts holds the lock; write from outside of the \
                        signal handler";
            return Err(Error::new(ErrorKind::NotCommitted, text).with_path(path));
        }
        if stopped() {
            let text = "cancelled while another writer held the lock; nothing was written";
            return Err(Error::new(ErrorKind::Cancelled, text).with_path(path));
        }
        std::thread::sleep(wait);
        wait = (wait * 2).min(MOST_WAIT);
    }
}
