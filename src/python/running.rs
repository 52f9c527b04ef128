//! A running scan, taken one time box at a time so that signals are noticed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::errors::raised;
use super::extractors::Extractors;
use super::guard::{caught, guarded};
use super::stream::{PyBatch, PyBatches};
use crate::error::{Error, ErrorKind};
use crate::fail_point::FailPoint;
use crate::scan::{MaskRequest, Scan, Step};
use crate::table::{Projection, Status, Table, bytes_of};

/// The longest wait between two looks at the signals.
pub const BOX: Duration = Duration::from_millis(25);

/// The most that an eager call may hold.
const MOST_EAGER_BYTES: usize = 4 << 30;

/// A running scan.
#[pyclass(name = "Scan", module = "vespera_file_ops._core", frozen)]
pub struct PyScan {
    scan: Arc<Mutex<Scan>>,
    gathered: Mutex<Gathered>,
    tables: Vec<Projection>,
    keeps_ledger: bool,
    extractors: Extractors,
}

#[derive(Default)]
struct Gathered {
    batches: Vec<(Table, RecordBatch)>,
    bytes: usize,
}

impl PyScan {
    /// A scan that has just been started.
    pub fn new(scan: Scan, tables: Vec<Projection>, keeps_ledger: bool, extractors: Extractors) -> Self {
        Self { scan: Arc::new(Mutex::new(scan)), gathered: Mutex::default(), tables, keeps_ledger, extractors }
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.scan.lock().unwrap_or_else(PoisonError::into_inner).close());
    }

    /// The next step within a time box, or the error that ends the scan.
    fn step(&self, py: Python<'_>, time_box: Duration) -> PyResult<Step> {
        // A panic is caught here too, because the workers are stopped whatever ended the scan.
        let step = py.detach(|| {
            caught(|| {
                let mut scan = self.scan.lock().unwrap_or_else(PoisonError::into_inner);
                if scan.is_cancelled() && !self.keeps_ledger {
                    scan.close();
                    return Err(Error::new(ErrorKind::Cancelled, "cancelled through its CancelToken"));
                }
                scan.next(time_box)
            })
        });
        let step = step.map_err(|error| raised(&error)).and_then(|step| py.check_signals().map(|()| step));
        let step = step.and_then(|step| match step {
            Step::Extract(request) => {
                let extracted = self.extractors.extract(py, &request)?;
                py.detach(|| {
                    self.scan.lock().unwrap_or_else(PoisonError::into_inner).answer_extraction(&request, extracted);
                });
                Ok(Step::Idle)
            }
            step => Ok(step),
        });
        match step {
            Ok(step) => Ok(step),
            Err(error) => {
                self.stop(py);
                Err(error)
            }
        }
    }
}

#[pymethods]
impl PyScan {
    /// The next event within `timeout` seconds.
    fn next<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Option<(&'static str, Bound<'py, PyAny>)>> {
        guarded(|| {
            let until = deadline(timeout);
            loop {
                let left = until.saturating_duration_since(Instant::now());
                let event = match self.step(py, left.min(BOX))? {
                    Step::Batch(table, batch) => (table.name(), PyBatch(batch).into_pyobject(py)?.into_any()),
                    Step::Mask(request) => {
                        let request = PyMaskRequest::new(Arc::clone(&self.scan), request);
                        ("mask", request.into_pyobject(py)?.into_any())
                    }
                    Step::End => ("end", py.None().into_bound(py)),
                    Step::Idle | Step::Extract(_) if left <= BOX => return Ok(None),
                    Step::Idle | Step::Extract(_) => continue,
                };
                return Ok(Some(event));
            }
        })
    }

    /// Gather rows for up to `timeout` seconds; True when the scan is complete.
    fn advance(&self, py: Python<'_>, timeout: f64) -> PyResult<bool> {
        guarded(|| {
            let until = deadline(timeout);
            loop {
                let left = until.saturating_duration_since(Instant::now());
                match self.step(py, left.min(BOX))? {
                    Step::Batch(table, batch) => {
                        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
                        gathered.bytes += bytes_of(&batch);
                        gathered.batches.push((table, batch));
                        if gathered.bytes > MOST_EAGER_BYTES {
                            drop(gathered);
                            self.stop(py);
                            let text = "the result is above 4 GiB; use scan_files, scan_hits, scan_coverage or \
                                    scan_chunks, whose rows can be filtered and streamed into a sink";
                            return Err(raised(&Error::new(ErrorKind::Limit, text)));
                        }
                    }
                    Step::End => return Ok(true),
                    Step::Mask(_) => {
                        let text = "a scan with a prefilter is taken with next(), which asks for the mask";
                        return Err(raised(&Error::argument("prefilter", text)));
                    }
                    Step::Idle | Step::Extract(_) => {}
                }
                if left.is_zero() {
                    return Ok(false);
                }
            }
        })
    }

    /// Everything gathered of one table.
    fn take(&self, table: &str) -> PyResult<PyBatches> {
        guarded(|| {
            let Some(projection) = self.tables.iter().find(|projection| projection.table().name() == table) else {
                return Err(raised(&Error::argument("table", &format!("this scan does not give {table:?}"))));
            };
            FailPoint::Taking.pass();
            let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
            let (wanted, others) =
                std::mem::take(&mut gathered.batches).into_iter().partition(|(of, _)| *of == projection.table());
            gathered.batches = others;
            let wanted: Vec<_> = wanted;
            Ok(PyBatches::new(projection.schema(), wanted.into_iter().map(|(_, batch)| batch).collect()))
        })
    }

    /// What the scan counted.
    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        guarded(|| {
            let scan = self.scan.lock().unwrap_or_else(PoisonError::into_inner);
            let summary = scan.summary();
            let counts = PyDict::new(py);
            counts.set_item("found", summary.found())?;
            for status in Status::ALL {
                counts.set_item(status.as_str(), summary.of(status))?;
            }
            counts.set_item("hits", summary.hits)?;
            counts.set_item("matched_lines", summary.matched_lines)?;
            counts.set_item("bytes_searched", summary.bytes_searched)?;
            counts.set_item("errors", summary.errors)?;
            counts.set_item("hit_limit_reached", summary.hit_limit_reached)?;
            counts.set_item("seconds", scan.seconds())?;
            counts.set_item("complete", summary.is_complete())?;
            Ok(counts)
        })
    }

    /// Files, bytes and hits so far.
    fn progress<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        guarded(|| {
            let progress = self.scan.lock().unwrap_or_else(PoisonError::into_inner).progress();
            let counts = PyDict::new(py);
            counts.set_item("files", progress.files)?;
            counts.set_item("bytes", progress.bytes)?;
            counts.set_item("hits", progress.hits)?;
            Ok(counts)
        })
    }

    /// Stop the workers and join them.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        guarded(|| {
            self.stop(py);
            Ok(())
        })
    }
}

/// When a wait of `timeout` seconds ends, an hour from now at the latest.
pub fn deadline(timeout: f64) -> Instant {
    let timeout = Duration::try_from_secs_f64(timeout.max(0.0)).unwrap_or(Duration::from_hours(1));
    Instant::now() + timeout.min(Duration::from_hours(1))
}

/// A question that a scan waits for: which of these entries to open.
#[pyclass(name = "MaskRequest", module = "vespera_file_ops._core", frozen)]
pub struct PyMaskRequest {
    scan: Arc<Mutex<Scan>>,
    request: Mutex<Option<MaskRequest>>,
    rows: RecordBatch,
}

impl PyMaskRequest {
    fn new(scan: Arc<Mutex<Scan>>, request: MaskRequest) -> Self {
        let rows = request.rows.clone();
        Self { scan, request: Mutex::new(Some(request)), rows }
    }
}

#[pymethods]
impl PyMaskRequest {
    /// The walked entries.
    #[getter]
    fn rows(&self) -> PyBatch {
        PyBatch(self.rows.clone())
    }

    /// One byte for each row: 1 opens it, 0 leaves it out.
    fn answer(&self, py: Python<'_>, mask: &[u8]) -> PyResult<()> {
        guarded(|| {
            let Some(request) = self.request.lock().unwrap_or_else(PoisonError::into_inner).take() else {
                return Err(raised(&Error::argument("mask", "this request was answered already")));
            };
            let passes = mask.iter().map(|flag| *flag != 0).collect();
            let answered =
                py.detach(|| self.scan.lock().unwrap_or_else(PoisonError::into_inner).answer(request, passes));
            answered.map_err(|error| raised(&error))
        })
    }
}
