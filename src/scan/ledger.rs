//! Every file that the walk found is accounted for: why it was not opened, or what became of it.
//!
//! Shared by the operations that open files ([`super::search`], [`super::chunking`]).

use std::sync::atomic::Ordering;

use arrow_array::RecordBatch;

use super::control::{Control, Reach};
use super::describe::status_of_entry;
use super::file_search::{OpenedFile, Verdict};
use super::options::ScanOptions;
use super::summary::Summary;
use super::worker::{BatchLimit, Item, Output};
use crate::error::{Error, Result};
use crate::io::content::Readable;
use crate::io::counters;
use crate::io::root::{AsHandle, FileKind, status_of};
use crate::search::walk::{Note, Role};
use crate::table::schema::Cost;
use crate::table::{CoverageBuilder, CoverageRow, Projection, Status, Table};

/// One worker's part of the ledger.
pub struct Ledger {
    follow: bool,
    max_file_size: Option<u64>,
    coverage: Option<CoverageBuilder>,
    needs_status: bool,
    needs_content: bool,
    summary: Summary,
}

impl Ledger {
    /// A ledger that is a table if `coverage` says so, and counts in any case. `most_bytes`: what the operation can hold of
    /// a file.
    pub fn new(scan: &ScanOptions, coverage: Option<&Projection>, most_bytes: Option<u64>) -> Self {
        Self {
            follow: scan.follow_symlinks,
            max_file_size: [scan.max_file_size, most_bytes].into_iter().flatten().min(),
            coverage: coverage.map(CoverageBuilder::new),
            needs_status: coverage.is_some_and(Projection::needs_status),
            needs_content: coverage.is_some_and(|projection| projection.cost() == Cost::Content),
            summary: Summary::default(),
        }
    }

    /// Whether it tells what only the content of files says.
    pub fn needs_content(&self) -> bool {
        self.needs_content
    }

    /// Why a file is not opened, if it is not. `rows_left`: how many rows the scan still wants.
    pub fn unopened(&self, item: &Item<'_>, rows_left: u64) -> Option<Verdict> {
        let entry = item.entry;
        match item.listing.note(entry) {
            Some(Note::Hidden) => {
                let mut verdict = Verdict::unsearched(Status::Hidden, None);
                verdict.excluded_by = Some("hidden name".to_owned());
                return Some(verdict);
            }
            Some(Note::Ignored(rule)) => {
                let mut verdict = Verdict::unsearched(Status::Ignored, None);
                verdict.excluded_by = Some(rule.clone());
                return Some(verdict);
            }
            // A source that names nothing was never seen, so it cannot have vanished.
            Some(Note::Failed(error)) if item.listing.named => {
                return Some(Verdict::unsearched(Status::Unreadable, Some(error.row_text())));
            }
            Some(Note::Failed(error)) => return Some(Verdict::failed(error)),
            None => {}
        }
        if item.listing.unreached {
            return Some(Verdict::unsearched(Status::NotReached, None));
        }
        if entry.role == Role::Own {
            return item.listing.error.as_ref().map(Verdict::failed);
        }
        match item.reach {
            Reach::Limit => return Some(Verdict::unsearched(Status::Limit, None)),
            Reach::Stopped | Reach::Closed => return Some(Verdict::unsearched(Status::NotReached, None)),
            Reach::Full if rows_left == 0 => return Some(Verdict::unsearched(Status::Limit, None)),
            Reach::Full => {}
        }
        if entry.kind != FileKind::File {
            let error = format!("is a {}, whose content is never opened", entry.kind.as_str());
            return Some(Verdict::unsearched(Status::Unreadable, Some(error)));
        }
        self.too_large(item)
    }

    fn too_large(&self, item: &Item<'_>) -> Option<Verdict> {
        let most = self.max_file_size?;
        match status_of_entry(item, self.follow) {
            Ok(status) if status.size > most => {
                let error = format!("{} bytes, more than {most}", status.size);
                let mut verdict = Verdict::unsearched(Status::TooLarge, Some(error));
                verdict.metadata = Some(status);
                Some(verdict)
            }
            Ok(_) => None,
            Err(error) => Some(Verdict::failed(&error)),
        }
    }

    /// Open a file for `work`, and add what the table asks of its status.
    ///
    /// # Errors
    /// A defect of `work`. What is wrong with the file is its verdict.
    pub fn with_opened(
        &self,
        item: &Item<'_>,
        work: impl FnOnce(OpenedFile<'_>) -> Result<Verdict>,
    ) -> Result<Verdict> {
        let path = item.listing.path(item.entry);
        let folder = match item.folder() {
            Ok(folder) => folder,
            Err(error) => return Ok(Verdict::failed(error)),
        };
        counters::FILES_OPENED.add(1);
        let named = item.listing.named;
        let handle = match item.listing.open_content(item.entry, folder, self.follow || named) {
            Ok(handle) => handle,
            Err(error) => return Ok(Verdict::failed(&Error::io("open", path.name, error))),
        };
        let content = Readable::new(handle.as_handle(), item.listing.folder.short_read_is_end);
        let mut verdict = work(OpenedFile { path, content, named })?;
        if self.needs_status && verdict.metadata.is_none() && verdict.strategy.is_some() {
            counters::FILES_DESCRIBED.add(1);
            verdict.metadata = status_of(handle.as_handle()).ok();
        }
        Ok(verdict)
    }

    /// Write down what became of a file.
    pub fn account(&mut self, item: &Item<'_>, verdict: &mut Verdict, control: &Control) {
        control.files.fetch_add(1, Ordering::Relaxed);
        control.hits.fetch_add(verdict.hits, Ordering::Relaxed);
        self.summary.count(verdict.status);
        self.summary.hits += verdict.hits;
        self.summary.matched_lines += u64::try_from(verdict.matched_lines).unwrap_or(0);
        self.summary.bytes_searched += verdict.bytes_searched;
        let Some(coverage) = &mut self.coverage else { return };
        let reached = matches!(item.reach, Reach::Full | Reach::Limit) && !item.listing.unreached;
        if self.needs_status && verdict.metadata.is_none() && reached {
            verdict.metadata = status_of_entry(item, self.follow).ok();
        }
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        coverage.push(&CoverageRow {
            path: item.listing.path(item.entry),
            kind: item.entry.kind,
            metadata: verdict.metadata.as_ref(),
            status: verdict.status,
            hits: number(verdict.hits),
            matched_lines: verdict.matched_lines,
            bytes_searched: number(verdict.bytes_searched),
            binary_offset: verdict.text.binary_offset.map(number),
            encoding: verdict.text.encoding.map(|encoding| encoding.label()).as_deref(),
            strategy: verdict.strategy,
            excluded_by: verdict.excluded_by.as_deref(),
            error: verdict.error.as_deref(),
        });
    }

    /// Whether its batch is large enough to be handed over.
    pub fn is_full(&self, limit: BatchLimit) -> bool {
        self.coverage.as_ref().is_some_and(|coverage| limit.is_reached(coverage.rows(), coverage.bytes()))
    }

    /// What has been written down, with these rows of the operation's own table; nothing if there is nothing.
    ///
    /// # Errors
    /// A defect of a builder.
    pub fn take(&mut self, rows: Option<(Table, RecordBatch)>) -> Result<Option<Output>> {
        let mut output = Output { batches: Vec::from_iter(rows), summary: std::mem::take(&mut self.summary) };
        if let Some(coverage) = self.coverage.as_mut().filter(|coverage| coverage.rows() > 0) {
            output.batches.push((Table::Coverage, coverage.finish()?));
        }
        Ok((!output.batches.is_empty() || output.summary != Summary::default()).then_some(output))
    }
}
