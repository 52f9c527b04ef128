//! One file is searched: read, made text of, and its hits made rows, with what became of it.
//!
//! Which files those are, and what is told of the others, is for the scan ([`super::search`]) or for whoever has a path.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::control::Control;
use super::hit_rows::{FileHits, HitRows, HitTarget, SearchedFile};
use super::options::{BinaryFiles, SearchOptions};
use super::read_text::{TextOutcome, TextReader};
use super::share::SharedSearch;
use super::worker::Outbox;
use crate::error::{Error, ErrorKind, Result};
use crate::io::content::{ContentReader, Readable};
use crate::io::counters;
use crate::io::root::FileStatus;
use crate::io::strategy::{Strategy, Thresholds};
use crate::search::pattern::Patterns;
use crate::search::walk::EntryPath;
use crate::table::Status;

/// What became of one file, for its row.
pub struct Verdict {
    /// Whether it was searched, or why not.
    pub status: Status,
    /// What went wrong, or where it was cut.
    pub error: Option<String>,
    /// The rule that left it out.
    pub excluded_by: Option<String>,
    /// What the system said of it, if it was asked.
    pub metadata: Option<FileStatus>,
    /// How many hits stand.
    pub hits: u64,
    /// How many lines hold them.
    pub matched_lines: i64,
    /// How much of it was searched.
    pub bytes_searched: u64,
    /// What was learned of its text.
    pub text: TextOutcome,
    /// The reader that was used.
    pub strategy: Option<&'static str>,
}

impl Verdict {
    /// A file that is not searched.
    pub fn unsearched(status: Status, error: Option<String>) -> Self {
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
    pub fn failed(error: &Error) -> Self {
        let status = if error.kind() == ErrorKind::PathNotFound { Status::Vanished } else { Status::Unreadable };
        Self::unsearched(status, Some(error.row_text()))
    }
}

/// An open file that is to be searched.
#[derive(Clone, Copy)]
pub struct OpenedFile<'a> {
    /// Its path, for its rows.
    pub path: EntryPath<'a>,
    /// The file.
    pub content: Readable<'a>,
    /// The caller named it: it is searched to its end, binary or not.
    pub named: bool,
}

/// How far a search may go.
#[derive(Clone, Copy)]
pub struct SearchBounds<'a> {
    /// At most so many hits.
    pub hits: u64,
    /// The scan's signals.
    pub control: &'a Control,
    /// Only the end of the scan ends the search of a file, and no time limit.
    pub to_the_end: bool,
}

/// Searches one file after the other, with buffers that it keeps.
pub struct FileSearch {
    /// What is told of each hit.
    pub options: SearchOptions,
    /// The rows, if they are wanted.
    pub rows: Option<HitRows>,
    patterns: Arc<Patterns>,
    reader: ContentReader,
    text: TextReader,
}

impl FileSearch {
    /// A search for these patterns.
    pub fn new(
        patterns: &Arc<Patterns>,
        options: &SearchOptions,
        thresholds: Thresholds,
        rows: Option<HitRows>,
    ) -> Self {
        Self {
            text: TextReader::new(patterns, options),
            options: options.clone(),
            rows,
            patterns: Arc::clone(patterns),
            reader: ContentReader::new(thresholds),
        }
    }

    /// Search a file.
    ///
    /// # Errors
    /// A defect. What is wrong with the file is its verdict.
    pub fn search(&mut self, file: OpenedFile<'_>, bounds: SearchBounds<'_>, outbox: &dyn Outbox) -> Result<Verdict> {
        let OpenedFile { path, content, named } = file;
        let SearchBounds { control, to_the_end, .. } = bounds;
        let limit = self.options.max_hits_per_file.unwrap_or(u64::MAX).min(bounds.hits);
        if let Some(rows) = &mut self.rows {
            rows.builder.begin_file();
        }
        let mut hits = FileHits::new(limit, self.rows.as_ref().map(|rows| rows.builder.mark()));
        let searched = SearchedFile {
            path,
            handle: content.handle,
            patterns: &self.patterns,
            options: &self.options,
            control,
            to_the_end,
        };
        self.text.begin_file(self.options.binary == BinaryFiles::Stop, named);
        let (text, rows) = (&mut self.text, &mut self.rows);
        let helpers = SharedSearch { patterns: &self.patterns, options: &self.options, outbox };
        let read = self.reader.read_with(Some(&helpers), content, &mut |chunk| {
            control.bytes.fetch_add((chunk.bytes.len() - chunk.repeated) as u64, Ordering::Relaxed);
            text.search(chunk, &mut HitTarget { file: searched, hits: &mut hits, rows: rows.as_mut(), outbox })
        });
        if let Some(defect) = hits.defect.take() {
            return Err(defect);
        }
        let report = match read {
            Ok(report) => report,
            Err(error) => {
                hits.take_back(self.rows.as_mut());
                let mut verdict = Verdict::failed(&Error::io("read", path.name, error));
                verdict.hits = hits.rows;
                verdict.matched_lines = hits.matched_lines;
                return Ok(verdict);
            }
        };
        counters::BYTES_READ.add(report.bytes);
        let outcome = self.text.outcome();
        if hits.lost || hits.stopped || (report.changed && report.strategy == Strategy::Mmap) {
            hits.take_back(self.rows.as_mut());
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
        Ok(Verdict {
            status,
            error,
            excluded_by: None,
            metadata: report.status,
            hits: hits.rows,
            matched_lines: hits.matched_lines,
            bytes_searched: if outcome.ends_at_nul { outcome.bytes_before_nul } else { report.bytes },
            text: outcome,
            strategy: Some(report.strategy.as_str()),
        })
    }
}
