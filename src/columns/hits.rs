//! The hits of a file as one value: how many, or a list of them.

use std::ops::ControlFlow;
use std::sync::Weak;

use arrow_array::ArrayRef;
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{ArrowError, Fields};

use super::chunks::list_of;
use super::content::Files;
use super::{SearchPlan, Values};
use crate::error::{Error, ErrorKind, Result};
use crate::io::shared_read::SharedRead;
use crate::scan::control::Control;
use crate::scan::file_search::{FileSearch, OpenedFile, SearchBounds, Verdict};
use crate::scan::hit_rows::HitRows;
use crate::scan::worker::{BatchLimit, Outbox, Output};
use crate::scan::{CancelToken, Extracted};
use crate::search::walk::EntryPath;
use crate::table::{HitsBuilder, Layout, Projection, Status, Table};

/// The columns of the hits table that speak of the file: they stand beside the list already.
const OF_FILE: [&str; 6] = ["path", "path_bytes", "relative_path", "extension", "size", "modified"];

/// The hits of one file may take so many bytes.
const LIST_BYTES: usize = 1 << 30;

fn projection(plan: &SearchPlan) -> Result<Projection> {
    let all = Projection::all(Table::Hits, &plan.options.asked_columns(), Layout::default());
    let names: Vec<_> =
        all.specs().map(|spec| spec.name.to_owned()).filter(|name| !OF_FILE.contains(&&**name)).collect();
    all.narrowed(&names)
}

/// The fields of one hit.
pub(super) fn fields(plan: &SearchPlan) -> Fields {
    projection(plan).map_or_else(|_| Fields::empty(), |projection| projection.schema().fields().clone())
}

/// Searches the files of a part.
pub(super) struct PathSearch {
    files: Files,
    search: FileSearch,
    control: Control,
}

impl PathSearch {
    /// A search that counts.
    pub(super) fn counting(files: Files, plan: &SearchPlan) -> Self {
        Self::new(files, plan, None)
    }

    fn new(files: Files, plan: &SearchPlan, rows: Option<HitRows>) -> Self {
        let search = FileSearch::new(&plan.patterns, &plan.options, files.thresholds, rows);
        Self { files, search, control: Control::new(None, CancelToken::default(), None) }
    }

    /// How many hits a file has.
    pub(super) fn count(&mut self, path: &[u8]) -> Result<i64> {
        let verdict = self.search(path)?;
        Ok(i64::try_from(verdict.hits).unwrap_or(i64::MAX))
    }

    fn search(&mut self, path: &[u8]) -> Result<Verdict> {
        let file = self.files.opener.open(path)?;
        let shown = EntryPath { folder: b"", source_bytes: 0, name: path, folder_is_text: true };
        let opened = OpenedFile { path: shown, content: file.readable(), named: true };
        let bounds = SearchBounds { hits: u64::MAX, control: &self.control, to_the_end: true };
        let verdict = self.search.search(opened, bounds, &Undivided)?;
        ensure_searched(path, &verdict)?;
        Ok(verdict)
    }
}

/// An error for what was not searched to its end.
pub(super) fn ensure_searched(path: &[u8], verdict: &Verdict) -> Result<()> {
    let (kind, text) = match verdict.status {
        Status::Searched | Status::Binary | Status::Limit => return Ok(()),
        Status::Changed => (ErrorKind::Changed, "changed while it was read; try again when nobody writes to it"),
        Status::NotReached => {
            (ErrorKind::Limit, "it gives more than a value of a column can hold; use search_text or chunk_files")
        }
        _ => (ErrorKind::Io, verdict.error.as_deref().unwrap_or("cannot be read")),
    };
    Err(Error::new(kind, text.to_owned()).with_path(path))
}

/// Nobody takes batches before the end.
pub(super) struct Undivided;

impl Outbox for Undivided {
    fn batch_limit(&self) -> BatchLimit {
        BatchLimit { rows: usize::MAX, bytes: LIST_BYTES }
    }

    fn send(&self, _output: Output) -> ControlFlow<()> {
        ControlFlow::Break(())
    }

    fn call_for_help(&self, _work: Weak<SharedRead>) {}

    fn extract(&self, _suffix: usize, _path: Vec<u8>, _content: Vec<u8>) -> Option<Extracted> {
        None
    }
}

/// The lists of the hits of files.
pub(super) struct HitLists {
    search: PathSearch,
    fields: Fields,
    /// Where each list ends.
    ends: Vec<i64>,
    nulls: NullBufferBuilder,
}

impl HitLists {
    pub(super) fn new(files: Files, plan: &SearchPlan) -> Result<Self> {
        let projection = projection(plan)?;
        let rows = HitRows::undivided(HitsBuilder::new(&projection));
        let search = PathSearch::new(files, plan, Some(rows));
        let fields = projection.schema().fields().clone();
        Ok(Self { search, fields, ends: vec![0], nulls: NullBufferBuilder::new(0) })
    }

    fn rows(&self) -> i64 {
        let rows = self.search.search.rows.as_ref().map_or(0, |rows| rows.builder.rows());
        i64::try_from(rows).unwrap_or(i64::MAX)
    }
}

impl Values for HitLists {
    fn push(&mut self, path: &[u8]) -> Result<()> {
        self.search.search(path)?;
        self.ends.push(self.rows());
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.ends.push(self.rows());
        self.nulls.append_null();
    }

    fn bytes(&self) -> usize {
        self.search.search.rows.as_ref().map_or(0, |rows| rows.builder.bytes())
    }

    fn finish(&mut self) -> std::result::Result<ArrayRef, ArrowError> {
        let Some(rows) = &mut self.search.search.rows else {
            return Err(ArrowError::InvalidArgumentError("a list of hits without rows".to_owned()));
        };
        let batch = rows.builder.finish().map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
        list_of(self.fields.clone(), batch.columns().to_vec(), &mut self.ends, &mut self.nulls)
    }
}
