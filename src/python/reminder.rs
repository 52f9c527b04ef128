//! Reminds Polars of what it has let go of.
//!
//! Where Polars drops a Python object off the interpreter's lock, it notes it down and gives it back at its next call. If
//! there is no next call, the object stays, and a source's scan with its threads: after Ctrl-C about one lazy query in a
//! hundred was found so. A scan that nobody asks for its rows has Polars called, by a thread of its own: the scan's
//! workers never touch Python, because whoever closes the scan waits for them with the interpreter's lock in hand.
//!
//! A thread that asks for the lock while the interpreter ends may never return from that, so none is started from then
//! on, and the end waits for those that are under way.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::guard::guarded;

/// How many threads are under way, of which process.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
static PROCESS: AtomicU32 = AtomicU32::new(0);
static INTERPRETER_ENDS: AtomicBool = AtomicBool::new(false);

/// The longest that the end of the interpreter waits.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

struct UnderWay;

impl UnderWay {
    fn begin() -> Option<Self> {
        PROCESS.store(std::process::id(), Ordering::SeqCst);
        UNDER_WAY.fetch_add(1, Ordering::SeqCst);
        let begun = Self;
        (!INTERPRETER_ENDS.load(Ordering::SeqCst)).then_some(begun)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Have Polars called soon, by another thread.
pub fn remind_polars() {
    let Some(under_way) = UnderWay::begin() else { return };
    // Where no thread can be had there will be another reminder.
    let _ = std::thread::Builder::new().name("vespera-remind".to_owned()).spawn(move || {
        let _until_the_end = under_way;
        Python::try_attach(|py| {
            if let Err(error) = call_polars(py) {
                error.write_unraisable(py, None);
            }
        });
    });
}

fn call_polars(py: Python<'_>) -> PyResult<()> {
    let modules = py.import("sys")?.getattr("modules")?;
    // Not imported for this: without it there is nothing that it could have let go of.
    let polars = modules.call_method1("get", ("polars",))?;
    if !polars.is_none() {
        // Any function of its core would do: they all begin by giving back what was let go of.
        polars.call_method0("thread_pool_size")?;
    }
    Ok(())
}

/// The interpreter ends: wait for the threads that are under way, and start no more.
#[pyfunction]
pub fn no_more_reminders(py: Python<'_>) -> PyResult<()> {
    guarded(|| {
        INTERPRETER_ENDS.store(true, Ordering::SeqCst);
        // A forked child inherits the count, but not the threads.
        if PROCESS.load(Ordering::SeqCst) == std::process::id() {
            let begun = Instant::now();
            py.detach(|| {
                while UNDER_WAY.load(Ordering::SeqCst) > 0 && begun.elapsed() < LONGEST_WAIT {
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
        Ok(())
    })
}
