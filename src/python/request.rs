//! A validated scan, which may be started often.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::errors::raised;
use super::extractors::Extractors;
use super::guard::guarded;
use super::options::Arguments;
use super::reminder::remind_polars;
use super::running::PyScan;
use super::stream::{PyBatch, PyTableStream};
use crate::error::Error;
use crate::scan::{DescribeOptions, Operation, ScanRequest, Selection};
use crate::table::{Layout, Projection, Table, TimeUnit};

/// A validated scan of one table, or of hits and coverage together.
#[pyclass(name = "Request", module = "vespera_file_ops._core", frozen)]
pub struct PyRequest {
    request: ScanRequest,
    tables: Vec<Table>,
    /// Whether the ledger is part of the answer, so that a cancelled scan tells there what was not reached.
    keeps_ledger: bool,
    extractors: Extractors,
}

fn layout(views: bool, timestamps: &str) -> PyResult<Layout> {
    let timestamps = match timestamps {
        "ns" => TimeUnit::Nanoseconds,
        "us" => TimeUnit::Microseconds,
        other => {
            let text = format!("expected \"ns\" or \"us\", got {other:?}");
            return Err(raised(&Error::argument("timestamps", &text)));
        }
    };
    Ok(Layout { views, timestamps })
}

impl PyRequest {
    fn table(&self, name: &str) -> PyResult<Table> {
        self.tables.iter().copied().find(|table| table.name() == name).ok_or_else(|| {
            let names: Vec<_> = self.tables.iter().map(|table| table.name()).collect();
            raised(&Error::argument("table", &format!("expected {}, got {name:?}", names.join(" or "))))
        })
    }

    fn projection(&self, table: Table, columns: Option<&[String]>, layout: Layout) -> PyResult<Projection> {
        let all = self.request.projection(table, layout);
        match columns {
            None => Ok(all),
            Some(columns) => all.narrowed(columns).map_err(|error| raised(&error)),
        }
    }
}

#[pymethods]
impl PyRequest {
    #[new]
    fn new(table: &str, sources: Vec<(Vec<u8>, bool)>, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        guarded(|| {
            let arguments = Arguments(options);
            let scan = arguments.scan_options(sources)?;
            let tables = match table {
                "files" => vec![Table::Files],
                "hits" => vec![Table::Hits],
                "coverage" => vec![Table::Coverage],
                "search" => vec![Table::Hits, Table::Coverage],
                "chunks" => vec![Table::Chunks],
                "chunk" => vec![Table::Chunks, Table::Coverage],
                other => {
                    let text = format!("expected files, hits, coverage, search, chunks or chunk, got {other:?}");
                    return Err(raised(&Error::argument("table", &text)));
                }
            };
            let mut extractors = Extractors::default();
            let operation = if tables == [Table::Files] {
                let (blake3, observed) = (arguments.flag("blake3", false)?, arguments.flag("observed", false)?);
                Operation::Describe(DescribeOptions { blake3, observed })
            } else if tables.contains(&Table::Chunks) {
                let (chunking, functions) = arguments.chunking_options()?;
                extractors = functions;
                Operation::Chunk(Box::new(chunking))
            } else {
                Operation::Search(Box::new(arguments.search_options()?))
            };
            let request = options.py().detach(|| ScanRequest::new(scan, operation)).map_err(|error| raised(&error))?;
            Ok(Self { request, keeps_ledger: tables.contains(&Table::Coverage), tables, extractors })
        })
    }

    /// An empty batch of one of its tables.
    #[pyo3(signature = (table, *, views = true, timestamps = "ns"))]
    fn schema(&self, table: &str, views: bool, timestamps: &str) -> PyResult<PyBatch> {
        guarded(|| {
            let projection = self.request.projection(self.table(table)?, layout(views, timestamps)?);
            Ok(PyBatch(RecordBatch::new_empty(projection.schema())))
        })
    }

    /// Start it.
    #[pyo3(signature = (*, columns = None, n_rows = None, views = true, timestamps = "ns", prefilter = None))]
    fn open(
        &self,
        py: Python<'_>,
        columns: Option<HashMap<String, Vec<String>>>,
        n_rows: Option<u64>,
        views: bool,
        timestamps: &str,
        prefilter: Option<Vec<String>>,
    ) -> PyResult<PyScan> {
        guarded(|| {
            let layout = layout(views, timestamps)?;
            let columns = columns.unwrap_or_default();
            let tables: PyResult<Vec<_>> = self
                .tables
                .iter()
                .map(|table| self.projection(*table, columns.get(table.name()).map(Vec::as_slice), layout))
                .collect();
            let selection = Selection { tables: tables?, n_rows, mask_columns: prefilter };
            let scan = py.detach(|| self.request.start(&selection)).map_err(|error| raised(&error))?;
            scan.on_neglect(remind_polars);
            Ok(PyScan::new(scan, selection.tables, self.keeps_ledger, self.extractors.clone()))
        })
    }

    /// One of its tables as a stream that starts a fresh scan for each consumer.
    #[pyo3(signature = (table, *, columns = None, timestamps = "ns"))]
    // PyO3 makes the list anew from Python's, so it can only be owned here.
    #[allow(clippy::needless_pass_by_value)]
    fn stream(&self, table: &str, columns: Option<Vec<String>>, timestamps: &str) -> PyResult<PyTableStream> {
        guarded(|| {
            let layout = layout(false, timestamps)?;
            let projection = self.projection(self.table(table)?, columns.as_deref(), layout)?;
            Ok(PyTableStream::new(self.request.clone(), projection, self.extractors.clone()))
        })
    }
}
