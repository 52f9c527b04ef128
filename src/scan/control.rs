//! The signals between a scan, its workers and its caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::io::root::TimeSpec;

/// A flag that any thread may set to stop the scans that hold it.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Stop every scan that holds this token.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was set.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How far a scan still goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Files are opened.
    Full,
    /// The limit on hits is used up: the walk goes on, files are not opened.
    Limit,
    /// The time is up or the caller cancelled: nothing is asked of the system any more.
    Stopped,
    /// Nobody waits for the result.
    Closed,
}

/// The shared state that workers look at while they work.
#[derive(Debug)]
pub struct Control {
    reach: AtomicU8,
    deadline: Option<Instant>,
    cancel: CancelToken,
    hits_left: AtomicU64,
    /// When it began, by the clock that file systems take their times from.
    pub began: TimeSpec,
    /// Files worked on so far, for progress.
    pub files: AtomicU64,
    /// Bytes read so far, for progress.
    pub bytes: AtomicU64,
    /// Hits found so far, for progress.
    pub hits: AtomicU64,
}

impl Control {
    /// The state of a scan that begins now.
    #[must_use]
    pub fn new(time_limit: Option<Duration>, cancel: CancelToken, max_hits: Option<u64>) -> Self {
        Self {
            reach: AtomicU8::new(Reach::Full as u8),
            // A limit too far away to be an instant is no limit.
            deadline: time_limit.and_then(|limit| Instant::now().checked_add(limit)),
            cancel,
            began: TimeSpec::now(),
            hits_left: AtomicU64::new(max_hits.unwrap_or(u64::MAX)),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            hits: AtomicU64::new(0),
        }
    }

    /// How far the scan still goes; looks at the clock and the token.
    #[must_use]
    pub fn reach(&self) -> Reach {
        let reach = match self.reach.load(Ordering::Relaxed) {
            0 => Reach::Full,
            1 => Reach::Limit,
            2 => Reach::Stopped,
            _ => Reach::Closed,
        };
        let out_of_time = || self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if matches!(reach, Reach::Full | Reach::Limit) && (self.cancel.is_cancelled() || out_of_time()) {
            self.lower(Reach::Stopped);
            return Reach::Stopped;
        }
        reach
    }

    /// Go less far from now on.
    pub fn lower(&self, reach: Reach) {
        self.reach.fetch_max(reach as u8, Ordering::Relaxed);
    }

    /// Whether the token stopped it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// How many hits may still leave the scan.
    #[must_use]
    pub fn hits_left(&self) -> u64 {
        self.hits_left.load(Ordering::Relaxed)
    }

    /// So many hits may still leave the scan.
    pub fn set_hits_left(&self, hits: u64) {
        self.hits_left.store(hits, Ordering::Relaxed);
    }
}
