//! Work on many things at once that are no walk: the caller's thread does it, and others while the process has cores.
//!
//! A scan has its own workers (`scan`), which go where the tree leads. Here it is known at the start what there is to do,
//! so it is cut into parts, and each thread takes the next. The process has at most as many of these threads as cores
//! beside those that call: Polars may call from all of its own at once.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The helpers at work, of the process that counted them: a forked child has none of its parent's.
static HELPERS: Mutex<(u32, usize)> = Mutex::new((0, 0));

/// A helper's place.
struct Place;

impl Place {
    /// A place, if there is one left.
    fn take() -> Option<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut helpers = HELPERS.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if helpers.0 != process {
            *helpers = (process, 0);
        }
        (helpers.1 < cores).then(|| helpers.1 += 1).map(|()| Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut helpers = HELPERS.lock().unwrap_or_else(PoisonError::into_inner);
        if helpers.0 == std::process::id() {
            helpers.1 = helpers.1.saturating_sub(1);
        }
    }
}

/// Does `work` on parts of `items` things, each of at most `part` of them, by at most `threads` threads; the results
/// stand in the order of the parts. Each thread makes a state of its own, for what it keeps from part to part.
///
/// A panic in one part ends the others after the part that they are at, and goes on in the caller.
pub fn spread<S, R: Send>(
    items: usize,
    part: usize,
    threads: Option<usize>,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, Range<usize>) -> R + Sync,
) -> Vec<R> {
    let part = part.max(1);
    let parts = items.div_ceil(part);
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let done = Mutex::new(Vec::with_capacity(parts));
    let run = || {
        let mut state = state();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= parts || failed.load(Ordering::Relaxed) {
                return;
            }
            let range = at * part..items.min((at + 1) * part);
            let result = catch_unwind(AssertUnwindSafe(|| work(&mut state, range)));
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    let run = &run;
    std::thread::scope(|scope| {
        for _ in 1..parts.min(threads.unwrap_or(usize::MAX)) {
            let Some(place) = Place::take() else { break };
            let helper = std::thread::Builder::new().name("vespera-pool".to_owned());
            let spawned = helper.spawn_scoped(scope, move || {
                let _place = place;
                run();
            });
            if spawned.is_err() {
                // What there is of threads does the work.
                break;
            }
        }
        run();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result.unwrap_or_else(|panic| resume_unwind(panic))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_results_stand_in_order() {
        for (items, part) in [(0, 3), (1, 3), (3, 3), (1000, 7), (5, 0)] {
            let parts = spread(items, part, None, || (), |(), range| range.collect::<Vec<_>>());
            assert_eq!(parts.concat(), (0..items).collect::<Vec<_>>(), "{items} {part}");
        }
    }

    #[test]
    fn a_ceiling_on_threads_holds() {
        let by = Mutex::new(HashSet::new());
        spread(
            64,
            1,
            Some(1),
            || (),
            |(), _| {
                by.lock().unwrap().insert(std::thread::current().id());
            },
        );
        assert_eq!(by.into_inner().unwrap(), HashSet::from([std::thread::current().id()]));
    }

    #[test]
    fn calls_from_many_threads_share_the_cores() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let callers = 8;
        std::thread::scope(|scope| {
            for _ in 0..callers {
                scope.spawn(|| {
                    spread(
                        32,
                        1,
                        None,
                        || (),
                        |(), _| {
                            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            std::thread::sleep(std::time::Duration::from_millis(1));
                            now.fetch_sub(1, Ordering::SeqCst);
                        },
                    )
                });
            }
        });
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        assert!(most.into_inner() <= callers + cores);
    }

    #[test]
    fn a_panic_goes_on_in_the_caller_and_takes_no_place_with_it() {
        for _ in 0..100 {
            let panic = catch_unwind(|| spread(10, 1, None, || (), |(), range| assert_ne!(range.start, 4, "four")));
            assert!(crate::Error::of_panic(panic.unwrap_err().as_ref()).to_string().contains("four"));
        }
        assert_eq!(spread(10, 1, None, || (), |(), range| range.start).len(), 10);
        assert_eq!(HELPERS.lock().unwrap().1, 0);
    }
}
