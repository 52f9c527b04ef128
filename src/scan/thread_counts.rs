//! What a thread is told of how it spends its time: how long it had a core, stood in the queue for one, and slept.
//!
//! Only Linux tells all of it. What no system but one tells decides nothing but how many threads there are.

#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
pub use nowhere::{Counts, cpu_time};
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub use on_linux::{Counts, cpu_time};

/// Who sleeps so often between two looks waits for something, also where it is no disk: for a network, for a server.
#[cfg(any(test, all(target_os = "linux", not(feature = "portable"))))]
pub const MANY_SLEEPS: u64 = 8;

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod on_linux {
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    use super::MANY_SLEEPS;

    /// The time that this thread has had a core.
    pub fn cpu_time() -> Duration {
        Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
    }

    /// What the kernel has counted of this thread so far. What it does not count stays 0.
    #[derive(Debug)]
    pub struct Counts {
        /// How long it stood in the queue for a core.
        queued: Duration,
        /// How many bytes it made a device give.
        fetched: u64,
        /// How often it went to sleep.
        sleeps: u64,
    }

    impl Counts {
        /// Whether this system counts.
        pub const ARE_KEPT: bool = true;

        /// Until now; `None` where the kernel does not say how long a thread stood in the queue.
        pub fn now() -> Option<Self> {
            thread_local! {
                static FILES: [Option<File>; 3] =
                    ["schedstat", "io", "status"].map(|name| File::open(format!("/proc/thread-self/{name}")).ok());
            }
            FILES.with(|[scheduler, io, status]| {
                Some(Self {
                    // Three numbers: nanoseconds with a core, nanoseconds in the queue, turns.
                    queued: Duration::from_nanos(number_in(scheduler.as_ref(), "", 1)?),
                    fetched: number_in(io.as_ref(), "\nread_bytes:", 0).unwrap_or(0),
                    sleeps: number_in(status.as_ref(), "\nvoluntary_ctxt_switches:", 0).unwrap_or(0),
                })
            })
        }

        /// How much of the time without a core it waited for the system.
        pub fn blocked_since(&self, before: &Self, away: Duration) -> Duration {
            if self.fetched > before.fetched || self.sleeps >= before.sleeps + MANY_SLEEPS {
                away.saturating_sub(self.queued.saturating_sub(before.queued))
            } else {
                Duration::ZERO
            }
        }
    }

    /// The number at this place behind `label` in one of the kernel's short texts.
    fn number_in(file: Option<&File>, label: &str, place: usize) -> Option<u64> {
        let mut text = [0; 16 << 10];
        let length = file?.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(&text[..length]).ok()?;
        text[text.find(label)? + label.len()..].split_ascii_whitespace().nth(place)?.parse().ok()
    }
}

/// Where threads are told nothing.
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
mod nowhere {
    use std::time::Duration;

    /// The time that this thread has had a core: nobody asks who is not told the rest.
    pub fn cpu_time() -> Duration {
        Duration::ZERO
    }

    /// What a thread would be told.
    #[derive(Debug)]
    pub enum Counts {}

    impl Counts {
        /// Whether this system counts.
        pub const ARE_KEPT: bool = false;

        /// There are none.
        pub fn now() -> Option<Self> {
            None
        }

        /// How much of the time without a core it waited for the system.
        pub fn blocked_since(&self, _before: &Self, _away: Duration) -> Duration {
            match *self {}
        }
    }
}
