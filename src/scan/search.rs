//! The operation behind hits and coverage: every file is opened, read and searched, and every file is accounted for.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::control::{Control, Reach};
use super::describe::status_of_entry;
use super::file_search::{FileSearch, OpenedFile, SearchBounds, Verdict};
use super::hit_rows::HitRows;
use super::options::{ScanOptions, SearchOptions};
use super::summary::Summary;
use super::worker::{Item, Operate, Outbox, Output};
use crate::error::{Error, Result};
use crate::io::counters;
use crate::io::root::{AsHandle, FileKind, status_of};
use crate::search::pattern::Patterns;
use crate::search::walk::{Note, Role};
use crate::table::schema::Cost;
use crate::table::{CoverageBuilder, CoverageRow, HitsBuilder, Projection, Status, Table};

/// `multiline` needs a file in one piece; a larger one is `too_large`.
const MULTILINE_MOST_BYTES: u64 = 1 << 30;

/// Searches files.
// Switches that are resolved once, so that the hot path asks nothing else.
#[allow(clippy::struct_excessive_bools)]
pub struct SearchOperation {
    search: FileSearch,
    follow: bool,
    max_file_size: Option<u64>,
    coverage: Option<CoverageBuilder>,
    coverage_needs_status: bool,
    opens_files: bool,
    hits_left: u64,
    /// Only the end of the scan ends the search of a file, and no time limit.
    to_the_end: bool,
    summary: Summary,
}

impl SearchOperation {
    /// One worker's part of the operation, for those of the tables that are wanted.
    pub fn new(
        patterns: &Arc<Patterns>,
        search: &SearchOptions,
        scan: &ScanOptions,
        hits: Option<&Projection>,
        coverage: Option<&Projection>,
    ) -> Self {
        let rows = hits.map(|projection| HitRows::new(HitsBuilder::new(projection), projection.needs_status()));
        Self {
            search: FileSearch::new(patterns, search, scan.thresholds, rows),
            follow: scan.follow_symlinks,
            max_file_size: scan.max_file_size,
            coverage: coverage.map(CoverageBuilder::new),
            coverage_needs_status: coverage.is_some_and(Projection::needs_status),
            opens_files: hits.is_some() || coverage.is_some_and(|projection| projection.cost() == Cost::Content),
            hits_left: u64::MAX,
            to_the_end: false,
            summary: Summary::default(),
        }
    }

    fn flush(&mut self, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        let mut output = Output { batches: Vec::new(), summary: std::mem::take(&mut self.summary) };
        if let Some(hits) = self.search.rows.as_mut().filter(|hits| hits.builder.rows() > 0) {
            output.batches.push((Table::Hits, hits.builder.finish()?));
        }
        if let Some(coverage) = self.coverage.as_mut().filter(|coverage| coverage.rows() > 0) {
            output.batches.push((Table::Coverage, coverage.finish()?));
        }
        if output.batches.is_empty() && output.summary == Summary::default() {
            return Ok(ControlFlow::Continue(()));
        }
        Ok(outbox.send(output))
    }

    /// Why a file is not opened, if it is not.
    fn unopened(&self, item: &Item<'_>) -> Option<Verdict> {
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
            Reach::Full if self.hits_left == 0 => return Some(Verdict::unsearched(Status::Limit, None)),
            Reach::Full => {}
        }
        if entry.kind != FileKind::File {
            let error = format!("is a {}, whose content is never opened", entry.kind.as_str());
            return Some(Verdict::unsearched(Status::Unreadable, Some(error)));
        }
        let most = match (self.max_file_size, self.search.options.patterns.multiline) {
            (most, true) => Some(most.map_or(MULTILINE_MOST_BYTES, |most| most.min(MULTILINE_MOST_BYTES))),
            (most, false) => most,
        };
        if let Some(most) = most {
            match status_of_entry(item, self.follow) {
                Ok(status) if status.size > most => {
                    let error = format!("{} bytes, more than {most}", status.size);
                    let mut verdict = Verdict::unsearched(Status::TooLarge, Some(error));
                    verdict.metadata = Some(status);
                    return Some(verdict);
                }
                Ok(_) => {}
                Err(error) => return Some(Verdict::failed(&error)),
            }
        }
        None
    }

    fn search(&mut self, item: &Item<'_>, control: &Control, outbox: &dyn Outbox) -> Result<Verdict> {
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
        let short_read_is_end = item.listing.folder.short_read_is_end;
        let file = OpenedFile { path, handle: handle.as_handle(), named, short_read_is_end };
        let bounds = SearchBounds { hits: self.hits_left, control, to_the_end: self.to_the_end };
        let mut verdict = self.search.search(file, bounds, outbox)?;
        if self.coverage_needs_status && verdict.metadata.is_none() && verdict.strategy.is_some() {
            counters::FILES_DESCRIBED.add(1);
            verdict.metadata = status_of(handle.as_handle()).ok();
        }
        Ok(verdict)
    }

    fn account(&mut self, item: &Item<'_>, verdict: &mut Verdict) {
        self.summary.count(verdict.status);
        self.summary.hits += verdict.hits;
        self.summary.matched_lines += u64::try_from(verdict.matched_lines).unwrap_or(0);
        self.summary.bytes_searched += verdict.bytes_searched;
        self.hits_left = self.hits_left.saturating_sub(verdict.hits);
        let Some(coverage) = &mut self.coverage else { return };
        let reached = matches!(item.reach, Reach::Full | Reach::Limit) && !item.listing.unreached;
        if self.coverage_needs_status && verdict.metadata.is_none() && reached {
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
}

impl Operate for SearchOperation {
    fn begin(&mut self, control: &Control, exact_hits: Option<u64>) {
        self.hits_left = exact_hits.unwrap_or_else(|| control.hits_left());
        self.to_the_end = exact_hits.is_some();
    }

    fn work(&mut self, item: &Item<'_>, control: &Control, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        let mut verdict = match self.unopened(item) {
            Some(verdict) => verdict,
            None if self.opens_files => self.search(item, control, outbox)?,
            None => Verdict::unsearched(Status::Searched, None),
        };
        control.files.fetch_add(1, Ordering::Relaxed);
        control.hits.fetch_add(verdict.hits, Ordering::Relaxed);
        self.account(item, &mut verdict);
        let limit = outbox.batch_limit();
        let full = self.coverage.as_ref().is_some_and(|coverage| limit.is_reached(coverage.rows(), coverage.bytes()));
        if full { self.flush(outbox) } else { Ok(ControlFlow::Continue(())) }
    }

    fn finish(&mut self, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        self.flush(outbox)
    }
}
