//! A running watcher, waited for one time box at a time so that signals are noticed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::errors::raised;
use super::guard::{caught, guarded};
use super::options::Arguments;
use super::running::{BOX, deadline};
use super::stream::PyBatches;
use crate::table::{Layout, Projection, Table};
use crate::watch::{Watch, WatchRequest, WatchStep};

/// How long it must have been quiet where the caller does not say.
const DEBOUNCE: Duration = Duration::from_millis(50);

/// A running watcher.
#[pyclass(name = "Watch", module = "vespera_file_ops._core", frozen)]
pub struct PyWatch {
    watch: Watch,
    // One caller at a time, so that two threads do not take two answers out of turn.
    taking: Mutex<()>,
}

fn table(batches: Vec<RecordBatch>) -> PyBatches {
    PyBatches::new(Projection::all(Table::Events, &[], Layout::default()).schema(), batches)
}

#[pymethods]
impl PyWatch {
    #[new]
    fn new(py: Python<'_>, sources: Vec<(Vec<u8>, bool)>, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        guarded(|| {
            let arguments = Arguments(options);
            let request = WatchRequest {
                scan: arguments.scan_options(sources)?,
                debounce: arguments.seconds("debounce")?.unwrap_or(DEBOUNCE),
                initial: arguments.flag("initial", false)?,
                cancel: options.contains("cancel")?.then(|| arguments.cancel()).transpose()?,
            };
            let watch = py.detach(|| Watch::start(request)).map_err(|error| raised(&error))?;
            while !py.detach(|| watch.wait_started(BOX)).map_err(|error| raised(&error))? {
                if let Err(signal) = py.check_signals() {
                    py.detach(|| drop(watch));
                    return Err(signal);
                }
            }
            Ok(Self { watch, taking: Mutex::default() })
        })
    }

    /// The changes of the next look within `timeout` seconds; "end" once it is closed.
    fn next(&self, py: Python<'_>, timeout: f64) -> PyResult<Option<(&'static str, PyBatches)>> {
        guarded(|| {
            let until = deadline(timeout);
            loop {
                let left = until.saturating_duration_since(Instant::now());
                let step = py.detach(|| {
                    let _turn = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
                    caught(|| self.watch.next(left.min(BOX)))
                });
                // What was taken is not lost to a signal: it is noticed in the next box.
                match step.map_err(|error| raised(&error))? {
                    WatchStep::Batch(batches) => return Ok(Some((Table::Events.name(), table(batches)))),
                    WatchStep::End => return Ok(Some(("end", table(Vec::new())))),
                    WatchStep::Idle => {}
                }
                py.check_signals()?;
                if left <= BOX {
                    return Ok(None);
                }
            }
        })
    }

    /// Look at everything again.
    fn rescan(&self) -> PyResult<()> {
        guarded(|| {
            self.watch.rescan();
            Ok(())
        })
    }

    /// Whether `next` would find something within `timeout` seconds. Nothing is taken.
    fn wait(&self, py: Python<'_>, timeout: f64) -> PyResult<bool> {
        guarded(|| {
            let left = deadline(timeout).saturating_duration_since(Instant::now());
            py.detach(|| caught(|| self.watch.wait_ready(left))).map_err(|error| raised(&error))
        })
    }

    /// A descriptor that is readable while `next` would find something; none on Windows, whose event loops take none.
    fn fileno(&self) -> PyResult<Option<i32>> {
        guarded(|| {
            #[cfg(unix)]
            return Ok(Some(std::os::fd::AsRawFd::as_raw_fd(&self.watch.descriptor())));
            #[cfg(windows)]
            return Ok(None);
        })
    }

    /// End it; whoever waits in `next` is told.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        guarded(|| {
            py.detach(|| self.watch.close());
            Ok(())
        })
    }
}
