//! What a file looked like before it was read, so that a change meanwhile is bound to show.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Stopped;
use crate::io::root::{self, FileStatus, HandleRef, TimeSpec};

/// Two writes closer than this may carry the same time (a tick of the kernel's clock is at most 10 ms).
const TICK: Duration = Duration::from_millis(20);
/// A write carries the time at which it began, and one call may write a whole file: how much it writes in a second,
/// at the least. (A page cache takes 1 to 3 GB/s; two cores that do other things besides, half of it.)
const WRITTEN_PER_SECOND: f64 = 512.0 * 1024.0 * 1024.0;
/// A writer may lose its core in the middle of a call, until its turn comes again. The longer the call, the likelier.
const TURN: Duration = Duration::from_millis(30);
/// A write that loses its core nearly always has at least so much to copy.
const LONG_WRITE: f64 = 1024.0 * 1024.0;
/// One call writes at most so much.
const MOST_WRITTEN: u32 = 1 << 31;

/// What a file looked like at one moment, and whether a later write is bound to show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Observation {
    pub(super) status: FileStatus,
    settled: bool,
}

impl Observation {
    pub(super) fn of(status: FileStatus) -> Self {
        Self { status, settled: true }
    }

    /// Waits, up to `most`, until the file's last change is so old that another one cannot carry the same time, and
    /// that the call which made it has ended.
    ///
    /// A file that is written all the while stays unsettled, and then counts as changed.
    pub(super) fn settled(
        file: HandleRef<'_>,
        mut status: FileStatus,
        most: Duration,
        stopped: Stopped<'_>,
    ) -> io::Result<Self> {
        let left = |status: &FileStatus| time_until_old(status.last_change(), quiet_after(status.size).min(most));
        for _ in 0..2 {
            let Some(wait) = left(&status) else { return Ok(Self::of(status)) };
            let until = Instant::now() + wait;
            while !stopped() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                std::thread::sleep(left.min(TICK));
            }
            status = root::status_of(file)?;
        }
        Ok(Self { status, settled: left(&status).is_none() })
    }

    pub(super) fn still_holds(&self, file: HandleRef<'_>) -> bool {
        self.settled && root::status_of(file).is_ok_and(|now| now.same_content_as(&self.status))
    }
}

/// How old the last change of a file of this size must be.
fn quiet_after(size: u64) -> Duration {
    // The loss of the cast is some bytes in petabytes; a size that no file has is no reason to wait for ever.
    #[allow(clippy::cast_precision_loss)]
    let size = (size as f64).min(f64::from(MOST_WRITTEN));
    TICK + TURN.mul_f64((size / LONG_WRITE).min(1.0)) + Duration::from_secs_f64(size / WRITTEN_PER_SECOND)
}

/// How long until `time` is `quiet` ago; `None` if it is, or lies so far ahead that waiting would not help.
fn time_until_old(time: TimeSpec, quiet: Duration) -> Option<Duration> {
    let seconds = u64::try_from(time.seconds).ok()?;
    let then = UNIX_EPOCH.checked_add(Duration::new(seconds, time.nanos))?;
    match SystemTime::now().duration_since(then) {
        Ok(age) => quiet.checked_sub(age).filter(|left| !left.is_zero()),
        Err(ahead) => Some(ahead.duration()).filter(|&ahead| ahead < TICK).map(|ahead| ahead + quiet),
    }
}
