//! The workers of a scan: one a core, and more while those wait for a disk.
//!
//! A warm tree is read as fast as the cores go, and a worker more than cores only costs. A cold one is read as fast as
//! the disk answers, and a disk answers many at once. So every worker looks now and then at how it spends its time: if
//! most of it went by without a core and without waiting for one, and it has asked a device for something or has slept
//! again and again, it hires another; one that was hired leaves again when it finds itself busy. (A virtual machine whose
//! host takes its core away has not slept. Without that condition a warm tree had up to seven workers on two cores.)
//!
//! Where the system does not tell a thread how it spends its time, nobody is hired.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::thread_counts::{Counts, cpu_time};
use super::worker::{self, Describe, Operate, Shared};
use crate::error::{Error, Result};

/// How many workers more than cores all scans of this process have, at most. A disk that is asked for so much at once
/// is busy.
const MOST_HIRED: usize = 30;

/// How often a worker looks at how it spends its time.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The workers that were hired, by all scans of this process.
static HIRED: AtomicUsize = AtomicUsize::new(0);

/// What one worker does: its operation, and how it describes entries for a mask.
pub type Job = (Box<dyn Operate>, Option<Describe>);

/// Makes the job of one more worker.
pub type MakeJob = Box<dyn Fn() -> Result<Job> + Send + Sync>;

/// The threads of one scan.
pub struct Crew {
    handles: Mutex<Vec<JoinHandle<()>>>,
    make_job: MakeJob,
    may_hire: bool,
}

impl Crew {
    /// A crew without workers. `may_hire`: nobody has set a ceiling.
    pub fn new(make_job: MakeJob, may_hire: bool) -> Self {
        Self { handles: Mutex::default(), make_job, may_hire: may_hire && Counts::ARE_KEPT }
    }

    fn handles(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more worker.
    ///
    /// # Errors
    /// If its job cannot be made or no thread can be started.
    pub fn start_worker(shared: &Arc<Shared>, hired: Option<Hired>) -> Result<()> {
        let (operation, describe) = (shared.crew.make_job)()?;
        let theirs = Arc::clone(shared);
        let worker = std::thread::Builder::new()
            .name("vespera-scan".to_owned())
            .spawn(move || worker::run(&theirs, operation, describe, hired))
            .map_err(|error| Error::io("start a worker thread", b"", error))?;
        shared.crew.handles().push(worker);
        Ok(())
    }

    /// Wait for everybody, also for those who are hired meanwhile.
    pub fn join(&self) {
        loop {
            let handles = std::mem::take(&mut *self.handles());
            if handles.is_empty() {
                return;
            }
            for worker in handles {
                // A worker's panic was caught and is the scan's failure.
                let _ = worker.join();
            }
        }
    }
}

/// The place of a worker that was hired; given back when it leaves.
#[derive(Debug)]
pub struct Hired(());

impl Hired {
    fn place() -> Option<Self> {
        if HIRED.fetch_add(1, Ordering::Relaxed) < MOST_HIRED {
            Some(Self(()))
        } else {
            HIRED.fetch_sub(1, Ordering::Relaxed);
            None
        }
    }
}

impl Drop for Hired {
    fn drop(&mut self) {
        HIRED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How one worker spends its time.
pub struct Pace<'a> {
    shared: &'a Arc<Shared>,
    hired: Option<Hired>,
    leaves: bool,
    since: Instant,
    busy: Duration,
    /// Time that it waited for other threads and not for the system.
    waited: Duration,
    /// What was counted at the last look, if that found reason to ask.
    counts: Option<Counts>,
}

impl<'a> Pace<'a> {
    /// Of a worker that begins now.
    pub fn new(shared: &'a Arc<Shared>, hired: Option<Hired>) -> Self {
        let (since, busy) = (Instant::now(), cpu_time());
        Self { shared, hired, leaves: false, since, busy, waited: Duration::ZERO, counts: None }
    }

    /// It waited this long for other threads.
    pub fn add_wait(&mut self, waited: Duration) {
        self.waited += waited;
    }

    /// Whether this worker is one more than cores.
    pub fn is_hired(&self) -> bool {
        self.hired.is_some()
    }

    /// Whether this worker was hired, and there is no more need of it.
    pub fn leaves(&self) -> bool {
        self.leaves
    }

    /// Look at the time spent, if it is time to: hire somebody, or find that there is no need of oneself.
    pub fn look(&mut self) {
        if !self.shared.crew.may_hire {
            return;
        }
        let wall = self.since.elapsed();
        if wall < LOOK_EVERY {
            return;
        }
        let busy = cpu_time();
        let worked = wall.saturating_sub(self.waited);
        let away = worked.saturating_sub(busy.saturating_sub(self.busy));
        if worked * 2 >= LOOK_EVERY {
            // What it was away for is asked only where it matters; the first answer is what the next is compared with.
            let asks = away * 2 > worked || self.hired.is_some();
            let now = if asks { Counts::now() } else { None };
            let blocked = match (&self.counts, &now) {
                (Some(before), Some(now)) => now.blocked_since(before, away),
                _ => away,
            };
            if self.counts.is_some()
                && now.is_some()
                && blocked * 2 > worked
                && let Some(hired) = Hired::place()
            {
                // Without another thread it takes longer, and nothing else is wrong.
                let _ = Crew::start_worker(self.shared, Some(hired));
            }
            self.leaves = self.hired.is_some() && blocked * 4 < worked;
            self.counts = now;
        }
        (self.since, self.busy, self.waited) = (Instant::now(), busy, Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::scan::control::{CancelToken, Control};
    use crate::scan::schedule::{Bounds, Schedule};
    use crate::scan::thread_counts::MANY_SLEEPS;
    use crate::scan::worker::{Item, Outbox};
    use crate::search::walk::{WalkOptions, Walker};

    /// The tests share the places of the process.
    static ALONE: Mutex<()> = Mutex::new(());

    fn alone() -> std::sync::MutexGuard<'static, ()> {
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    struct Nothing;

    impl Operate for Nothing {
        fn begin(&mut self, _: &Control, _: Option<u64>) {}
        fn work(&mut self, _: &Item<'_>, _: &Control, _: &dyn Outbox) -> Result<ControlFlow<()>> {
            Ok(ControlFlow::Continue(()))
        }
        fn finish(&mut self, _: &dyn Outbox) -> Result<ControlFlow<()>> {
            Ok(ControlFlow::Continue(()))
        }
    }

    /// A scan without work, and how many workers it has made so far.
    fn scan(may_hire: bool) -> (Arc<Shared>, Arc<AtomicUsize>) {
        let made = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&made);
        let make_job = move || {
            theirs.fetch_add(1, Ordering::Relaxed);
            let operation: Box<dyn Operate> = Box::new(Nothing);
            Ok((operation, None))
        };
        let options = WalkOptions {
            follow_symlinks: false,
            max_depth: None,
            one_file_system: false,
            keep_excluded: false,
            keep_folders: false,
            keep_others: false,
            folder_status: false,
            entry_status: false,
            content: false,
            focus: None,
            section: None,
        };
        let control = Control::new(None, CancelToken::default(), None);
        let schedule = Schedule::new(true, false, Bounds { first_span: 1, most_span: 1, spans: 1, bytes: 1 });
        let crew = Crew::new(Box::new(make_job), may_hire);
        (Arc::new(Shared::new(control, Walker::new(options, &[], false), crew, schedule)), made)
    }

    fn spin(time: Duration) {
        let begun = cpu_time();
        while cpu_time().saturating_sub(begun) < time {}
    }

    #[test]
    #[cfg_attr(
        any(not(target_os = "linux"), feature = "portable"),
        ignore = "only Linux tells a thread how it spends its time"
    )]
    fn who_waits_for_the_system_hires() {
        let _alone = alone();
        for (may_hire, hires) in [(true, 1), (false, 0)] {
            let (shared, made) = scan(may_hire);
            let mut pace = Pace::new(&shared, None);
            // The first look finds it away, the second finds it still away.
            for _ in 0..2 {
                for _ in 0..MANY_SLEEPS * 2 {
                    std::thread::sleep(LOOK_EVERY / 5);
                }
                assert_eq!(made.load(Ordering::Relaxed), 0);
                pace.look();
            }
            shared.crew.join();
            assert_eq!(made.load(Ordering::Relaxed), hires);
            assert!(!pace.leaves());
        }
    }

    #[test]
    fn who_only_has_no_core_does_not_hire() {
        let _alone = alone();
        let (shared, made) = scan(true);
        let mut pace = Pace::new(&shared, None);
        // One sleep looks as it does when the host of a virtual machine takes the core away.
        for _ in 0..5 {
            std::thread::sleep(LOOK_EVERY * 3);
            pace.look();
        }
        assert_eq!(made.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn who_waits_for_others_does_not_hire() {
        let _alone = alone();
        let (shared, made) = scan(true);
        let mut pace = Pace::new(&shared, None);
        std::thread::sleep(LOOK_EVERY * 3);
        pace.add_wait(pace.since.elapsed());
        pace.look();
        assert_eq!(made.load(Ordering::Relaxed), 0);
    }

    #[test]
    #[cfg_attr(
        any(not(target_os = "linux"), feature = "portable"),
        ignore = "only Linux tells a thread how it spends its time"
    )]
    fn who_works_does_not_hire_and_leaves_if_it_was_hired() {
        let _alone = alone();
        let (shared, made) = scan(true);
        // A core may be taken away in any one window, but not in a hundred of them.
        let mut hired = Pace::new(&shared, Hired::place());
        let mut looks = 0;
        while !hired.leaves() && looks < 100 {
            spin(LOOK_EVERY * 2);
            hired.look();
            looks += 1;
        }
        assert!(hired.leaves());
        assert_eq!(made.load(Ordering::Relaxed), 0, "it worked all the time");
    }

    #[test]
    fn places_are_limited_and_given_back() {
        let _alone = alone();
        let places: Vec<_> = std::iter::from_fn(Hired::place).collect();
        assert!(places.len() <= MOST_HIRED);
        assert!(Hired::place().is_none());
        drop(places);
        assert!(Hired::place().is_some());
    }
}
