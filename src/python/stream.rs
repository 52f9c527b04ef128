//! Batches and streams of batches, as Python takes them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};

use super::capsule::{ArrayCapsules, array_capsules, schema_capsule, stream_capsule};
use super::errors::raised;
use super::extractors::Extractors;
use super::guard::{caught, guarded};
use crate::error::{Error, ErrorKind};
use crate::scan::{Scan, ScanRequest, Selection, Step};
use crate::table::Projection;

/// One record batch.
#[pyclass(name = "Batch", module = "vespera_file_ops._core", frozen)]
pub struct PyBatch(pub RecordBatch);

#[pymethods]
impl PyBatch {
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        #[expect(unused_variables, reason = "a wish: who needs other types than the schema's casts them")]
        requested_schema: Option<&Bound<'py, PyCapsule>>,
    ) -> PyResult<ArrayCapsules<'py>> {
        guarded(|| array_capsules(py, &self.0))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        guarded(|| schema_capsule(py, self.0.schema().as_ref()))
    }

    fn __len__(&self) -> usize {
        self.0.num_rows()
    }
}

/// Batches that lie in memory.
#[pyclass(name = "Batches", module = "vespera_file_ops._core", frozen)]
pub struct PyBatches {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl PyBatches {
    /// Batches of one schema.
    pub fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self { schema, batches }
    }
}

#[pymethods]
impl PyBatches {
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        #[expect(unused_variables, reason = "a wish: who needs other types than the schema's casts them")]
        requested_schema: Option<&Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        guarded(|| {
            let batches: Vec<_> = self.batches.iter().cloned().map(Ok).collect();
            stream_capsule(py, RecordBatchIterator::new(batches, SchemaRef::clone(&self.schema)))
        })
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        guarded(|| schema_capsule(py, self.schema.as_ref()))
    }
}

/// A table as a stream; every consumer starts a scan of its own.
#[pyclass(name = "TableStream", module = "vespera_file_ops._core", frozen)]
pub struct PyTableStream {
    request: ScanRequest,
    projection: Projection,
    extractors: Extractors,
}

impl PyTableStream {
    /// The selected columns of one table of this scan.
    pub fn new(request: ScanRequest, projection: Projection, extractors: Extractors) -> Self {
        Self { request, projection, extractors }
    }

    fn start(&self, py: Python<'_>) -> PyResult<Scan> {
        let selection = Selection { tables: vec![self.projection.clone()], n_rows: None, mask_columns: None };
        py.detach(|| self.request.start(&selection)).map_err(|error| raised(&error))
    }
}

/// The batches of a running scan, for consumers that do not know Python.
struct ScanReader {
    scan: Scan,
    schema: SchemaRef,
    extractors: Extractors,
}

/// The next step. Whatever ends the scan early stops its workers; a panic must not reach the C code that asks.
fn next_batch(scan: &mut Scan, extractors: &Extractors, time_box: Duration) -> Result<Step, Error> {
    let step = if scan.is_cancelled() {
        Err(Error::new(ErrorKind::Cancelled, "cancelled through its CancelToken"))
    } else {
        caught(|| match scan.next(time_box)? {
            Step::Extract(request) => {
                let extracted =
                    Python::attach(|py| extractors.extract(py, &request).map_err(|error| error.to_string()));
                let stopped = |text| Error::new(ErrorKind::Cancelled, text);
                scan.answer_extraction(&request, extracted.map_err(stopped)?);
                Ok(Step::Idle)
            }
            step => Ok(step),
        })
    };
    if step.is_err() {
        scan.close();
    }
    step
}

impl Iterator for ScanReader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match next_batch(&mut self.scan, &self.extractors, Duration::from_millis(25)) {
                Ok(Step::Batch(_, batch)) => return Some(Ok(batch)),
                Ok(Step::End) => return None,
                Ok(Step::Idle | Step::Mask(_) | Step::Extract(_)) => {}
                Err(error) => return Some(Err(ArrowError::ExternalError(Box::new(error)))),
            }
        }
    }
}

impl RecordBatchReader for ScanReader {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

#[pymethods]
impl PyTableStream {
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        #[expect(unused_variables, reason = "a wish: who needs other types than the schema's casts them")]
        requested_schema: Option<&Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        guarded(|| {
            let scan = self.start(py)?;
            let extractors = self.extractors.clone();
            stream_capsule(py, ScanReader { scan, schema: self.projection.schema(), extractors })
        })
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        guarded(|| schema_capsule(py, self.projection.schema().as_ref()))
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<PyTableStreamIterator> {
        guarded(|| {
            let (scan, extractors) = (Mutex::new(self.start(py)?), self.extractors.clone());
            Ok(PyTableStreamIterator { scan, extractors, taken: Mutex::default() })
        })
    }
}

/// The batches of one run of a [`PyTableStream`].
#[pyclass(name = "TableStreamIterator", module = "vespera_file_ops._core", frozen)]
pub struct PyTableStreamIterator {
    scan: Mutex<Scan>,
    extractors: Extractors,
    taken: Mutex<VecDeque<RecordBatch>>,
}

#[pymethods]
impl PyTableStreamIterator {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<PyBatch>> {
        guarded(|| {
            loop {
                if let Some(batch) = self.taken.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
                    return Ok(Some(PyBatch(batch)));
                }
                let step = py.detach(|| {
                    let mut scan = self.scan.lock().unwrap_or_else(PoisonError::into_inner);
                    next_batch(&mut scan, &self.extractors, Duration::from_millis(25))
                });
                py.check_signals()?;
                match step.map_err(|error| raised(&error))? {
                    Step::Batch(_, batch) => return Ok(Some(PyBatch(batch))),
                    Step::End => return Ok(None),
                    Step::Idle | Step::Mask(_) | Step::Extract(_) => {}
                }
            }
        })
    }
}

/// A batch as Python lists, by column, without any data frame library.
#[pyfunction]
pub fn rows<'py>(py: Python<'py>, batch: &PyBatch) -> PyResult<Bound<'py, PyDict>> {
    guarded(|| {
        let batch = &batch.0;
        let columns = PyDict::new(py);
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            columns.set_item(field.name(), super::values::list(py, column)?)?;
        }
        Ok(columns)
    })
}
