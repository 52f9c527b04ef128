//! Whether the caller still asks for results.
//!
//! A scan ends when its caller drops it, and a caller may be unable to: Polars lets go of a source off the interpreter's
//! lock, which only notes that it is to be dropped at the next call into Polars. So the workers, when they wait or hand
//! something over, look at how long nobody has asked. If that is long they tell, once and then less and less often. A
//! caller that is only slow loses nothing by it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A caller asks every 25 ms while it waits; one that has not for so long has something else to do, or is gone.
const LONG: Duration = Duration::from_millis(200);
/// The longest time between two tellings.
const LONGEST: Duration = Duration::from_mins(1);

/// The caller's attention; the times are milliseconds since the scan began.
#[derive(Debug)]
pub struct Neglect {
    began: Instant,
    tell: OnceLock<fn()>,
    asked: AtomicU64,
    tell_at: AtomicU64,
}

impl Neglect {
    /// Of a scan that begins now, and that nobody is told about.
    pub fn new() -> Self {
        let long = AtomicU64::new(millis(LONG));
        Self { began: Instant::now(), tell: OnceLock::new(), asked: AtomicU64::new(0), tell_at: long }
    }

    /// Have `tell` called, by a worker, when nobody has asked for long.
    pub fn on_long(&self, tell: fn()) {
        let _ = self.tell.set(tell);
    }

    /// The caller asks.
    pub fn asked(&self) {
        let now = millis(self.began.elapsed());
        self.asked.store(now, Ordering::Relaxed);
        self.tell_at.store(now + millis(LONG), Ordering::Relaxed);
    }

    /// Tell if it is time to.
    pub fn look(&self) {
        let Some(tell) = self.tell.get() else { return };
        let (now, tell_at) = (millis(self.began.elapsed()), self.tell_at.load(Ordering::Relaxed));
        if now < tell_at {
            return;
        }
        let neglected = now.saturating_sub(self.asked.load(Ordering::Relaxed));
        let next = now + neglected.min(millis(LONGEST));
        // One worker tells; and if the caller asks at this moment, nobody does.
        if self.tell_at.compare_exchange(tell_at, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tell();
        }
    }

    /// How long a worker may wait before it looks.
    pub fn patience(&self) -> Option<Duration> {
        self.tell.get()?;
        let left = self.tell_at.load(Ordering::Relaxed).saturating_sub(millis(self.began.elapsed()));
        Some(Duration::from_millis(left.max(1)))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn who_is_not_asked_tells_and_then_less_and_less_often() {
        static TOLD: AtomicUsize = AtomicUsize::new(0);
        let told = || TOLD.load(Ordering::Relaxed);
        let neglect = Neglect::new();
        assert_eq!(neglect.patience(), None);
        neglect.on_long(|| {
            TOLD.fetch_add(1, Ordering::Relaxed);
        });
        for _ in 0..4 {
            std::thread::sleep(LONG / 4);
            neglect.asked();
            neglect.look();
        }
        assert_eq!(told(), 0);
        for expected in [1, 2] {
            std::thread::sleep(neglect.patience().unwrap());
            neglect.look();
            neglect.look();
            assert_eq!(told(), expected);
        }
        assert!(neglect.patience().unwrap() > LONG);
        neglect.asked();
        assert!(neglect.patience().unwrap() <= LONG);
    }
}
