//! The lock on the folder, by which writers that compare keep all others out between check and rename.
//!
//! Who compares holds it alone from the check to the rename; everybody else shares it around the rename. It is taken
//! without waiting in the system, where no wish to stop would be heard, and not waited for without end: any program may
//! hold it, also one that hangs.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::target::Target;
use crate::error::{Error, ErrorKind, Result};
use crate::io::content::Stopped;
use crate::io::root::{AsHandle, Handle, HandleRef, Lock, changes};

/// Between two attempts; as long as a rename takes, and growing, because what is not over soon may last.
const FIRST_WAIT: Duration = Duration::from_micros(50);
const MOST_WAIT: Duration = Duration::from_millis(5);
/// How long the lock is waited for. Others hold it for a rename, for a comparison, or for an append of theirs.
const MOST_WAIT_IN_ALL: Duration = Duration::from_secs(30);

thread_local! {
    /// How many locks this thread holds. A signal handler runs in the middle of a write that asks whether to go on; one
    /// that writes into the same folder would wait for a lock which its own thread cannot give back.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// Who else may hold the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// All who do not compare.
    Shared,
    /// Nobody; where the file system knows no locks, that is left to chance.
    Alone,
    /// Nobody, for certain.
    AloneOrNot,
}

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct FolderLock<'f> {
    folder: HandleRef<'f>,
    /// What is locked instead, where a folder cannot be.
    instead: Option<Handle>,
    is_held: bool,
    /// How many of the thread's locks are this call's own.
    held_already: usize,
}

impl<'f> FolderLock<'f> {
    /// Takes the lock on the target's folder.
    ///
    /// # Errors
    /// [`ErrorKind::NotCommitted`] if somebody holds it for too long, or if it must be had and cannot be;
    /// [`ErrorKind::Cancelled`].
    pub(super) fn take(target: &'f Target, sharing: Sharing, stopped: Stopped<'_>) -> Result<Self> {
        Self::take_within(MOST_WAIT_IN_ALL, target, sharing, 0, stopped)
    }

    /// Takes a second one for the same call. Who shares both waits for nobody who would wait for the first.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(super) fn take_second(&self, target: &'f Target, sharing: Sharing, stopped: Stopped<'_>) -> Result<Self> {
        Self::take_within(MOST_WAIT_IN_ALL, target, sharing, usize::from(self.is_held), stopped)
    }

    fn take_within(
        most: Duration,
        target: &'f Target,
        sharing: Sharing,
        held_already: usize,
        stopped: Stopped<'_>,
    ) -> Result<Self> {
        let mut lock = Self { folder: target.folder(), instead: None, is_held: false, held_already };
        let taken = changes::lock_of_folder(lock.folder).and_then(|instead| {
            lock.instead = instead;
            lock.wait(most, sharing != Sharing::Shared, target, stopped)
        });
        match taken {
            Ok(waited) => waited?,
            Err(error) if sharing == Sharing::AloneOrNot => {
                let step = "lock its folder, without which expected_blake3 would promise nothing (leave it out, or use a \
                            folder that you may list on a file system that knows locks)";
                // What may not be read is open in a way that no lock can be put on, of which the system says odd things.
                let error =
                    if target.folder_is_readable() { error } else { std::io::ErrorKind::PermissionDenied.into() };
                return Err(Error::io(step, target.path(), error).with_kind(ErrorKind::NotCommitted));
            }
            // Network file systems lock only what is open for writing, which no folder is; others lock nothing.
            Err(_) => {}
        }
        Ok(lock)
    }

    fn locked(&self) -> HandleRef<'_> {
        self.instead.as_ref().map_or(self.folder, AsHandle::as_handle)
    }

    /// The system's error where nothing can be locked; inside of it, why it was not waited for any longer.
    fn wait(
        &mut self,
        most: Duration,
        alone: bool,
        target: &Target,
        stopped: Stopped<'_>,
    ) -> std::io::Result<Result<()>> {
        let begun = Instant::now();
        let mut pause = FIRST_WAIT;
        loop {
            match changes::try_lock(self.locked(), alone) {
                Lock::Taken => {
                    self.is_held = true;
                    HELD.set(HELD.get() + 1);
                    return Ok(Ok(()));
                }
                Lock::HeldByOther => {}
                Lock::Impossible(error) => return Err(error),
            }
            let (kind, text) = if HELD.get() > self.held_already {
                let text = "cannot lock its folder: the call that this one interrupts holds the lock; write from outside \
                            of the signal handler";
                (ErrorKind::NotCommitted, text.to_owned())
            } else if stopped() {
                (ErrorKind::Cancelled, "cancelled while another writer held the lock; nothing was written".to_owned())
            } else if begun.elapsed() >= most {
                (ErrorKind::NotCommitted, held_too_long(most, &target.folder_path()))
            } else {
                std::thread::sleep(pause);
                pause = (pause * 2).min(MOST_WAIT);
                continue;
            };
            return Ok(Err(Error::new(kind, text).with_path(target.path())));
        }
    }
}

fn held_too_long(waited: Duration, folder: &[u8]) -> String {
    let (seconds, folder) = (waited.as_secs_f32(), String::from_utf8_lossy(folder));
    format!(
        "cannot lock its folder {folder:?}: somebody else has held the lock for the {seconds} s that this call waited; \
         nothing was written. Find the program (lslocks shows who has locked a folder with flock) and end it, or try again"
    )
}

impl Drop for FolderLock<'_> {
    fn drop(&mut self) {
        if self.is_held {
            HELD.set(HELD.get().saturating_sub(1));
            changes::unlock(self.locked());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::root::Root;
    use crate::io::root::path_bytes::of_path;

    #[test]
    fn a_lock_that_somebody_holds_is_not_waited_for_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let find = || Target::find(&Root::free(), &of_path(&dir.path().join("file")), true).unwrap();
        let (mine, theirs) = (find(), find());
        let most = Duration::from_millis(60);
        let take = |sharing| FolderLock::take_within(most, &mine, sharing, 0, &|| false).map(drop);
        for (held, wanted) in [
            (Sharing::Alone, Sharing::Shared),
            (Sharing::Shared, Sharing::Alone),
            (Sharing::AloneOrNot, Sharing::AloneOrNot),
        ] {
            let held = FolderLock::take(&theirs, held, &|| false).unwrap();
            // As another thread has it.
            HELD.set(0);
            let begun = Instant::now();
            let error = take(wanted).unwrap_err();
            assert!(begun.elapsed() >= most);
            assert_eq!(error.kind(), ErrorKind::NotCommitted);
            let (said, folder) = (error.to_string(), String::from_utf8(of_path(dir.path())).unwrap());
            assert!(said.contains(&format!("{folder:?}")) && said.contains("0.06 s"), "{said}");
            drop(held);
            take(wanted).unwrap();
        }
    }
}
