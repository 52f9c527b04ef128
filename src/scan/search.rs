//! The operation behind hits and coverage: every file is opened, read and searched.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::control::Control;
use super::file_search::{FileSearch, SearchBounds, Verdict};
use super::hit_rows::HitRows;
use super::ledger::Ledger;
use super::options::{ScanOptions, SearchOptions};
use super::worker::{Item, Operate, Outbox};
use crate::error::Result;
use crate::search::pattern::Patterns;
use crate::table::{HitsBuilder, Projection, Status, Table};

/// `multiline` needs a file in one piece; a larger one is `too_large`.
const MULTILINE_MOST_BYTES: u64 = 1 << 30;

/// Searches files.
pub struct SearchOperation {
    search: FileSearch,
    ledger: Ledger,
    opens_files: bool,
    hits_left: u64,
    /// Only the end of the scan ends the search of a file, and no time limit.
    to_the_end: bool,
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
        let ledger = Ledger::new(scan, coverage, search.patterns.multiline.then_some(MULTILINE_MOST_BYTES));
        Self {
            search: FileSearch::new(patterns, search, scan.thresholds, rows),
            opens_files: hits.is_some() || ledger.needs_content(),
            ledger,
            hits_left: u64::MAX,
            to_the_end: false,
        }
    }

    fn flush(&mut self, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        let rows = match self.search.rows.as_mut().filter(|hits| hits.builder.rows() > 0) {
            Some(hits) => Some((Table::Hits, hits.builder.finish()?)),
            None => None,
        };
        Ok(self.ledger.take(rows)?.map_or(ControlFlow::Continue(()), |output| outbox.send(output)))
    }

    fn search(&mut self, item: &Item<'_>, control: &Control, outbox: &dyn Outbox) -> Result<Verdict> {
        let bounds = SearchBounds { hits: self.hits_left, control, to_the_end: self.to_the_end };
        let search = &mut self.search;
        self.ledger.with_opened(item, |file| search.search(file, bounds, outbox))
    }
}

impl Operate for SearchOperation {
    fn begin(&mut self, control: &Control, exact_hits: Option<u64>) {
        self.hits_left = exact_hits.unwrap_or_else(|| control.hits_left());
        self.to_the_end = exact_hits.is_some();
    }

    fn work(&mut self, item: &Item<'_>, control: &Control, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        let mut verdict = match self.ledger.unopened(item, self.hits_left) {
            Some(verdict) => verdict,
            None if self.opens_files => self.search(item, control, outbox)?,
            None => Verdict::unsearched(Status::Searched, None),
        };
        self.hits_left = self.hits_left.saturating_sub(verdict.hits);
        self.ledger.account(item, &mut verdict, control);
        if self.ledger.is_full(outbox.batch_limit()) { self.flush(outbox) } else { Ok(ControlFlow::Continue(())) }
    }

    fn finish(&mut self, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        self.flush(outbox)
    }
}
