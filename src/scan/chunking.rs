//! The operation behind chunks: every file is opened, read and chunked.

use std::ops::ControlFlow;

use super::control::Control;
use super::file_chunks::{ChunkRows, FileChunks};
use super::file_search::Verdict;
use super::ledger::Ledger;
use super::options::{ChunkingOptions, ScanOptions};
use super::worker::{Item, Operate, Outbox};
use crate::error::Result;
use crate::table::{Projection, Status, Table};

/// Chunks files.
pub struct ChunkOperation {
    chunks: FileChunks,
    ledger: Ledger,
    opens_files: bool,
}

impl ChunkOperation {
    /// One worker's part of the operation, for those of the tables that are wanted.
    pub fn new(
        chunking: &ChunkingOptions,
        scan: &ScanOptions,
        chunks: Option<&Projection>,
        coverage: Option<&Projection>,
    ) -> Self {
        let ledger = Ledger::new(scan, coverage, None);
        Self {
            chunks: FileChunks::new(chunking, scan.thresholds, chunks.map(ChunkRows::new)),
            opens_files: chunks.is_some() || ledger.needs_content(),
            ledger,
        }
    }

    fn flush(&mut self, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        let rows = match self.chunks.rows.as_mut().filter(|chunks| chunks.builder.rows() > 0) {
            Some(chunks) => Some((Table::Chunks, chunks.builder.finish()?)),
            None => None,
        };
        Ok(self.ledger.take(rows)?.map_or(ControlFlow::Continue(()), |output| outbox.send(output)))
    }
}

impl Operate for ChunkOperation {
    fn begin(&mut self, _control: &Control, _exact_hits: Option<u64>) {}

    fn work(&mut self, item: &Item<'_>, control: &Control, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        let mut verdict = match self.ledger.unopened(item, u64::MAX) {
            Some(verdict) => verdict,
            None if self.opens_files => {
                let chunks = &mut self.chunks;
                self.ledger.with_opened(item, |file| chunks.chunk(file, control, outbox))?
            }
            None => Verdict::unsearched(Status::Searched, None),
        };
        self.ledger.account(item, &mut verdict, control);
        let limit = outbox.batch_limit();
        let rows = self.chunks.rows.as_ref().map(|chunks| (chunks.builder.rows(), chunks.builder.bytes()));
        let is_full = rows.is_some_and(|(rows, bytes)| limit.is_reached(rows, bytes)) || self.ledger.is_full(limit);
        if is_full { self.flush(outbox) } else { Ok(ControlFlow::Continue(())) }
    }

    fn finish(&mut self, outbox: &dyn Outbox) -> Result<ControlFlow<()>> {
        self.flush(outbox)
    }
}
