//! A condition that threads wait for, told without a system call where nobody waits.
//!
//! The standard condition variable asks the system at every notification. A scan of ten thousand folders has ten
//! thousand tasks, and at the end of most of them nobody waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::Duration;

/// A condition variable that knows whether somebody waits.
#[derive(Debug, Default)]
pub struct Signal {
    condition: Condvar,
    waiting: AtomicUsize,
}

impl Signal {
    /// Wait for the next notification, at most for `limit`.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>, limit: Option<Duration>) -> MutexGuard<'a, T> {
        // Counted under the lock: whoever changes the state after this sees the count.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let guard = match limit {
            Some(limit) => self.condition.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0,
            None => self.condition.wait(guard).unwrap_or_else(PoisonError::into_inner),
        };
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        guard
    }

    /// Wake everybody who waits. The state they wait for was changed under the lock.
    pub fn notify_all(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.condition.notify_all();
        }
    }
}
