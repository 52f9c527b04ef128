//! What could not be looked at because the system was short of something, and when it is tried again.
//!
//! A process that has no descriptor left can open no folder. That says nothing of the folder: what was known of it
//! stands, and it is looked at again, soon at first and then less often.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::dirty::{Dirty, Mark};
use super::snapshot::FolderKey;

/// The first wait; each one in vain is followed by one that is twice as long.
const SHORTEST: Duration = Duration::from_millis(50);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(2);

/// The system has no more of something to give.
#[cfg(unix)]
const SHORTAGES: [i32; 4] = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EAGAIN];

/// The system has no more of something to give: open files, memory twice, its own resources.
#[cfg(windows)]
const SHORTAGES: [i32; 4] = [4, 8, 14, 1450];

/// Whether this error of the system says nothing of what it was asked for.
pub fn is_shortage(errno: Option<i32>) -> bool {
    errno.is_some_and(|errno| SHORTAGES.contains(&errno))
}

/// What is to be looked at later.
#[derive(Debug, Default)]
pub struct Later {
    missed: Dirty,
    wait: Duration,
    due: Option<Instant>,
}

impl Later {
    /// A look, which took so long, could not look at these folders.
    pub fn put(&mut self, missed: HashMap<FolderKey, Mark>, took: Duration) {
        for (key, mark) in missed {
            self.missed.put(&key, &mark);
        }
        self.postpone(took);
    }

    /// A look at everything, which took so long, was in vain. `lost`: the caller is to be told of it.
    pub fn put_everything(&mut self, lost: bool, took: Duration) {
        self.missed.mark_everything();
        self.missed.lost |= lost;
        self.postpone(took);
    }

    fn postpone(&mut self, took: Duration) {
        self.wait = (self.wait * 2).clamp(SHORTEST, LONGEST);
        self.due = Instant::now().checked_add(self.wait.max(took));
    }

    /// A look has missed nothing.
    pub fn settle(&mut self) {
        if self.due.is_none() {
            self.wait = Duration::ZERO;
        }
    }

    /// When to look again.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// What is due by now.
    pub fn take(&mut self) -> Option<Dirty> {
        self.due.filter(|due| *due <= Instant::now())?;
        self.due = None;
        Some(std::mem::take(&mut self.missed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_longer_each_time_and_then_begins_anew() {
        let mut later = Later::default();
        let top = FolderKey::of_source(0);
        let mut waits = Vec::new();
        for _ in 0..8 {
            later.put(HashMap::from([(top.clone(), Mark::entries())]), Duration::ZERO);
            waits.push(later.wait.as_millis());
            assert!(later.take().is_none());
            later.due = Some(Instant::now());
            assert!(later.take().is_some_and(|dirty| dirty.folders.contains_key(&top)));
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        later.settle();
        later.put_everything(true, Duration::from_secs(5));
        assert_eq!(later.wait, SHORTEST);
        assert!(later.due > Instant::now().checked_add(Duration::from_secs(4)));
    }

    #[test]
    fn a_refusal_is_no_shortage() {
        let refused = if cfg!(windows) { 5 } else { 13 };
        assert!(is_shortage(Some(SHORTAGES[0])));
        assert!(!is_shortage(Some(refused)));
        assert!(!is_shortage(None));
    }
}
