//! Work on many things at once that are no walk: the caller's thread does it, and others where it takes long.
//!
//! A scan has its own workers (`scan`), which go where the tree leads. Here it is known at the start what there is to do,
//! so it is cut into parts, and each thread takes the next. What the parts cost, their times tell: a part grows while it
//! is done in no time, and a helper is hired only for what has taken a while. Polars calls from all of its own threads at
//! once, with a few hundred rows each: threads for each such call cost more than they brought.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A thread takes twice as much the next time if a part took less than this.
const SHORT: Duration = Duration::from_millis(1);
/// A call hires one helper each time that so much has passed. (Starting a thread and its buffers costs about 0.1 ms.)
const HIRE_EVERY: Duration = Duration::from_millis(5);
/// At most so many threads a core are at work: some of them wait for a disk.
const THREADS_A_CORE: usize = 2;

/// The threads at work, of the process that counted them: a forked child has none of its parent's.
static AT_WORK: Mutex<(u32, usize)> = Mutex::new((0, 0));

/// How many cores the process may use. Asked once: the system answers from a dozen files.
#[must_use]
pub fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// A thread's place.
struct Place;

impl Place {
    /// A caller's, who works in any case.
    fn of_caller() -> Self {
        at_work(|threads| *threads += 1);
        Self
    }

    /// A helper's, if there is one left.
    fn of_helper() -> Option<Self> {
        let has_place = at_work(|threads| {
            let has_place = *threads < cores() * THREADS_A_CORE;
            *threads += usize::from(has_place);
            has_place
        });
        if has_place { Some(Self) } else { None }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        at_work(|threads| *threads = threads.saturating_sub(1));
    }
}

/// Counts the threads of this process.
fn at_work<R>(count: impl FnOnce(&mut usize) -> R) -> R {
    let mut at_work = AT_WORK.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if at_work.0 != process {
        *at_work = (process, 0);
    }
    count(&mut at_work.1)
}

/// Does `work` on parts of `items` things, each of at most `most` of them; the results stand in the order of the parts.
/// Each thread makes a state of its own, for what it keeps from part to part.
///
/// A panic in one part ends the others after the part that they are at, and goes on in the caller.
pub fn spread<S, R: Send>(
    items: usize,
    most: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, Range<usize>) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let done = Mutex::new(Vec::new());
    let run = |between_parts: &mut dyn FnMut()| {
        let mut state = state();
        let mut size = 1;
        loop {
            let start = next.fetch_add(size, Ordering::Relaxed);
            if start >= items || failed.load(Ordering::Relaxed) {
                return;
            }
            let began = Instant::now();
            let result = catch_unwind(AssertUnwindSafe(|| work(&mut state, start..items.min(start + size))));
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((start, result));
            if began.elapsed() < SHORT {
                size = (2 * size).min(most.max(1));
            }
            between_parts();
        }
    };
    let run = &run;
    let next = &next;
    let _place = Place::of_caller();
    thread::scope(|scope| {
        let mut hire_at = Instant::now() + HIRE_EVERY;
        run(&mut || {
            if Instant::now() < hire_at || next.load(Ordering::Relaxed) >= items {
                return;
            }
            hire_at = Instant::now() + HIRE_EVERY;
            let Some(place) = Place::of_helper() else { return };
            let helper = thread::Builder::new().name("vespera-pool".to_owned());
            // A thread that the system refuses is done without.
            let _ = helper.spawn_scoped(scope, move || {
                let _place = place;
                run(&mut || ());
            });
        });
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(start, _)| *start);
    done.into_iter().map(|(_, result)| result.unwrap_or_else(|panic| resume_unwind(panic))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_results_stand_in_order() {
        for (items, most) in [(0, 3), (1, 3), (3, 3), (1000, 7), (100_000, 4096), (5, 0)] {
            let parts = spread(items, most, || (), |(), range| range.collect::<Vec<_>>());
            assert_eq!(parts.concat(), (0..items).collect::<Vec<_>>(), "{items} {most}");
            assert!(parts.iter().all(|part| part.len() <= most.max(1)), "{items} {most}");
        }
    }

    #[test]
    fn what_is_done_in_no_time_is_done_by_the_caller_in_few_parts() {
        let by = spread(256, 4096, || (), |(), _| thread::current().id());
        assert!(by.len() < 16, "{}", by.len());
        assert_eq!(HashSet::from_iter(by), HashSet::from([thread::current().id()]));
    }

    #[test]
    fn what_takes_long_is_done_by_several_one_by_one() {
        let parts = spread(
            40,
            4096,
            || (),
            |(), range| {
                thread::sleep(Duration::from_millis(2));
                (thread::current().id(), range.len())
            },
        );
        let by: HashSet<_> = parts.iter().map(|(by, _)| *by).collect();
        assert!(by.len() > 1 && by.len() <= THREADS_A_CORE * cores(), "{parts:?}");
        assert!(parts.iter().all(|(_, things)| *things == 1));
    }

    #[test]
    fn calls_from_many_threads_share_the_cores() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let callers = 8;
        thread::scope(|scope| {
            for _ in 0..callers {
                scope.spawn(|| {
                    spread(
                        32,
                        1,
                        || (),
                        |(), _| {
                            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            thread::sleep(Duration::from_millis(1));
                            now.fetch_sub(1, Ordering::SeqCst);
                        },
                    )
                });
            }
        });
        // Those who call late may find helpers at work.
        assert!(most.into_inner() <= callers + THREADS_A_CORE * cores());
    }

    #[test]
    fn a_panic_goes_on_in_the_caller_and_takes_no_place_with_it() {
        for _ in 0..100 {
            let panic = catch_unwind(|| spread(10, 1, || (), |(), range| assert_ne!(range.start, 4, "four")));
            assert!(crate::Error::of_panic(panic.unwrap_err().as_ref()).to_string().contains("four"));
        }
        assert_eq!(spread(10, 1, || (), |(), range| range.start).len(), 10);
        assert_eq!(AT_WORK.lock().unwrap().1, 0);
    }
}
