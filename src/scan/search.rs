//! The operation behind hits and coverage: every file is opened, read and searched, and every file is accounted for.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::control::{Control, Reach};
use super::describe::status_of_entry;
use super::hit_rows::{FileHits, HitRows, HitTarget, SearchedFile};
use super::options::{BinaryFiles, ScanOptions, SearchOptions};
use super::read_text::{TextOutcome, TextReader};
use super::share::SharedSearch;
use super::summary::Summary;
use super::worker::{Item, Operate, Outbox, Output};
use crate::error::{Error, ErrorKind, Result};
use crate::io::content::ContentReader;
use crate::io::counters;
use crate::io::root::{AsHandle, FileKind, FileStatus, HandleRef, status_of};
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
    patterns: Arc<Patterns>,
    options: SearchOptions,
    follow: bool,
    max_file_size: Option<u64>,
    reader: ContentReader,
    text: TextReader,
    hits: Option<HitRows>,
    coverage: Option<CoverageBuilder>,
    coverage_needs_status: bool,
    opens_files: bool,
    hits_left: u64,
    /// Only the end of the scan ends the search of a file, and no time limit.
    to_the_end: bool,
    summary: Summary,
}

/// What became of one file, for its row.
struct Verdict {
    status: Status,
    error: Option<String>,
    excluded_by: Option<String>,
    metadata: Option<FileStatus>,
    hits: u64,
    matched_lines: i64,
    bytes_searched: u64,
    text: TextOutcome,
    strategy: Option<&'static str>,
}

impl Verdict {
    fn unsearched(status: Status, error: Option<String>) -> Self {
        Self {
            status,
            error,
            excluded_by: None,
            metadata: None,
            hits: 0,
            matched_lines: 0,
            bytes_searched: 0,
            text: TextOutcome::default(),
            strategy: None,
        }
    }

    /// A file whose content the system does not give.
    fn failed(error: &Error) -> Self {
        let status = if error.kind() == ErrorKind::PathNotFound { Status::Vanished } else { Status::Unreadable };
        Self::unsearched(status, Some(error.row_text()))
    }
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
        Self {
            text: TextReader::new(patterns, search),
            patterns: Arc::clone(patterns),
            options: search.clone(),
            follow: scan.follow_symlinks,
            max_file_size: scan.max_file_size,
            reader: ContentReader::new(scan.thresholds),
            hits: hits.map(|projection| HitRows::new(HitsBuilder::new(projection), projection.needs_status())),
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
        if let Some(hits) = self.hits.as_mut().filter(|hits| hits.builder.rows() > 0) {
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
        let most = match (self.max_file_size, self.options.patterns.multiline) {
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
        let handle = match item.listing.open_content(item.entry, folder, self.follow || item.listing.named) {
            Ok(handle) => handle,
            Err(error) => return Ok(Verdict::failed(&Error::io("open", path.name, error))),
        };
        let limit = self.options.max_hits_per_file.unwrap_or(u64::MAX).min(self.hits_left);
        if let Some(rows) = &mut self.hits {
            rows.builder.begin_file();
        }
        let mut hits = FileHits::new(limit, self.hits.as_ref().map(|rows| rows.builder.mark()));
        let file = SearchedFile {
            path,
            handle: handle.as_handle(),
            patterns: &self.patterns,
            options: &self.options,
            control,
            to_the_end: self.to_the_end,
        };
        let stops_at_nul = self.options.binary == BinaryFiles::Stop;
        self.text.begin_file(stops_at_nul, item.listing.named);
        let (text, rows) = (&mut self.text, &mut self.hits);
        let helpers = SharedSearch { patterns: &self.patterns, options: &self.options, outbox };
        let short_read_is_end = item.listing.folder.short_read_is_end;
        let read = self.reader.read_with(Some(&helpers), handle.as_handle(), short_read_is_end, &mut |chunk| {
            control.bytes.fetch_add((chunk.bytes.len() - chunk.repeated) as u64, Ordering::Relaxed);
            text.search(chunk, &mut HitTarget { file, hits: &mut hits, rows: rows.as_mut(), outbox })
        });
        if let Some(defect) = hits.defect.take() {
            return Err(defect);
        }
        let report = match read {
            Ok(report) => report,
            Err(error) => {
                hits.take_back(self.hits.as_mut());
                let mut verdict = Verdict::failed(&Error::io("read", path.name, error));
                verdict.hits = hits.rows;
                verdict.matched_lines = hits.matched_lines;
                return Ok(verdict);
            }
        };
        counters::BYTES_READ.add(report.bytes);
        let outcome = self.text.outcome();
        if hits.lost || hits.stopped || (report.changed && report.strategy == crate::io::strategy::Strategy::Mmap) {
            hits.take_back(self.hits.as_mut());
        }
        let status = if hits.stopped {
            Status::NotReached
        } else if hits.lost || report.changed {
            Status::Changed
        } else if hits.limit_reached || outcome.cut_at.is_some() {
            Status::Limit
        } else if outcome.ends_at_nul {
            Status::Binary
        } else {
            Status::Searched
        };
        let error = match (status, outcome.cut_at) {
            (Status::Limit, Some(at)) => Some(format!(
                "a line above 16 MiB, cut at byte {at}: a match that is longer than the overlap there is not found"
            )),
            (Status::Changed, _) => Some("changed while it was read".to_owned()),
            _ => None,
        };
        let metadata = if self.coverage_needs_status { Self::status(handle.as_handle(), report.status) } else { None };
        Ok(Verdict {
            status,
            error,
            excluded_by: None,
            metadata,
            hits: hits.rows,
            matched_lines: hits.matched_lines,
            bytes_searched: if outcome.ends_at_nul { outcome.bytes_before_nul } else { report.bytes },
            text: outcome,
            strategy: Some(report.strategy.as_str()),
        })
    }

    fn status(handle: HandleRef<'_>, known: Option<FileStatus>) -> Option<FileStatus> {
        known.or_else(|| {
            counters::FILES_DESCRIBED.add(1);
            status_of(handle).ok()
        })
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
