//! The one pipeline: walk → read → operate → table.
//!
//! A [`ScanRequest`] is validated once and may be started often. A [`Scan`] is one run of it: workers list folders and
//! work on spans of files ([`schedule`]), results leave in the order of rows, and the caller takes them one
//! [`Step`] at a time, each within a time box. Dropping the scan stops its workers and waits for them.
//!
//! Rows of a table do not depend on the number of threads. Results that wait to leave are bounded in bytes; a worker
//! with more than that waits, unless its span is the one that leaves next.

mod chunking;
pub(crate) mod control;
mod crew;
mod describe;
mod exact_limit;
mod extraction;
pub(crate) mod file_chunks;
pub(crate) mod file_search;
pub(crate) mod hit_rows;
mod ledger;
mod neglect;
mod options;
mod read_text;
mod request;
mod schedule;
mod search;
mod share;
mod signal;
mod source;
mod summary;
mod thread_counts;
pub(crate) mod worker;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;

pub use control::{CancelToken, Reach};
pub(crate) use describe::is_hidden;
pub use extraction::{ExtractRequest, Extracted};
pub use options::{
    BinaryFiles, ChunkingOptions, DescribeOptions, MAX_LINE_BYTES, Operation, ScanOptions, SearchOptions, SourceSpec,
};
pub(crate) use read_text::BINARY_HEAD;
pub use source::{Sources, normalised};
pub use summary::Summary;
pub use worker::MaskRequest;

use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;
use crate::table::{Layout, Table};
use exact_limit::{ExactLimit, Passed};
pub use request::{ScanRequest, Selection};
use schedule::Leaving;
use worker::{Output, Shared};

/// What the pipeline has for its caller.
#[derive(Debug)]
pub enum Step {
    /// Rows of a table.
    Batch(Table, RecordBatch),
    /// Entries that wait for the caller to say which of them pass.
    Mask(MaskRequest),
    /// A content whose text the caller extracts.
    Extract(ExtractRequest),
    /// Nothing within the time box.
    Idle,
    /// There is no more.
    End,
}

/// How far a scan has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Files worked on.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Hits found.
    pub hits: u64,
}

/// A running scan.
pub struct Scan {
    shared: Arc<Shared>,
    batches: VecDeque<(Table, RecordBatch)>,
    /// Where a ledger must say which files a limit on hits has cut.
    exact_limit: Option<ExactLimit>,
    /// Where it is enough to end when so many rows have left.
    ends_at_hits: bool,
    rows_left: Option<u64>,
    unusable: Vec<Error>,
    summary: Summary,
    started: Instant,
    seconds: Option<f64>,
    /// The process whose threads work on it.
    process: u32,
}

impl Scan {
    fn new(shared: Arc<Shared>, exact_limit: Option<ExactLimit>, ends_at_hits: bool, rows_left: Option<u64>) -> Self {
        Self {
            shared,
            batches: VecDeque::new(),
            exact_limit,
            ends_at_hits,
            rows_left,
            unusable: Vec::new(),
            summary: Summary::default(),
            started: Instant::now(),
            seconds: None,
            process: std::process::id(),
        }
    }

    /// What comes next, waiting at most for `time_box`.
    ///
    /// # Errors
    /// A defect in a worker, which ends the scan. What is wrong with a file is a row.
    pub fn next(&mut self, time_box: Duration) -> Result<Step> {
        if self.is_inherited() {
            let text = "a scan cannot be continued in a forked process, which has none of its threads; start a new one";
            return Err(Error::new(ErrorKind::Forked, text));
        }
        FailPoint::Step.pass();
        self.shared.neglect.asked();
        let until = Instant::now() + time_box;
        loop {
            if let Some((table, batch)) = self.batches.pop_front() {
                return Ok(Step::Batch(table, batch));
            }
            if self.seconds.is_some() {
                return Ok(Step::End);
            }
            match self.take(until)? {
                Taken::Leaving(leaving) => self.let_go(leaving),
                Taken::Mask(request) => return Ok(Step::Mask(request)),
                Taken::Extract(request) => return Ok(Step::Extract(request)),
                Taken::Idle => return Ok(Step::Idle),
                Taken::Over => self.close(),
            }
        }
    }

    fn take(&self, until: Instant) -> Result<Taken> {
        let shared = &self.shared;
        let mut state = shared.state();
        loop {
            if let Some(error) = &state.failure {
                return Err(error.clone());
            }
            if let Some(request) = state.mask_requests.pop_front() {
                return Ok(Taken::Mask(request));
            }
            if let Some(request) = state.extract_requests.pop_front() {
                return Ok(Taken::Extract(request));
            }
            if let Some(leaving) = state.schedule.leave() {
                drop(state);
                shared.work.notify_all();
                return Ok(Taken::Leaving(leaving));
            }
            if state.schedule.is_over() {
                return Ok(Taken::Over);
            }
            let now = Instant::now();
            if now >= until {
                return Ok(Taken::Idle);
            }
            state = shared.ready.wait(state, Some(until - now));
        }
    }

    /// Have `tell` called, by a worker, when nobody has called [`Self::next`] for long: its caller may be gone without
    /// having dropped it.
    pub fn on_neglect(&self, tell: fn()) {
        self.shared.neglect.on_long(tell);
    }

    /// Say which entries of a mask request pass: one flag a row.
    ///
    /// # Errors
    /// If there are not as many flags as rows.
    pub fn answer(&mut self, request: MaskRequest, passes: Vec<bool>) -> Result<()> {
        if passes.len() != request.rows.num_rows() {
            let text = format!("expected one flag a row ({}), got {}", request.rows.num_rows(), passes.len());
            return Err(Error::argument("mask", &text));
        }
        self.shared.state().schedule.pass(request.key, passes);
        self.shared.work.notify_all();
        Ok(())
    }

    /// Hand over the text of a content, or say why there is none: then the file is unreadable.
    pub fn answer_extraction(&mut self, request: &ExtractRequest, extracted: Extracted) {
        // Under the lock, so that the worker is not between its look at the answer and its wait.
        let state = self.shared.state();
        request.answer.give(extracted);
        drop(state);
        self.shared.work.notify_all();
    }

    fn let_go(&mut self, leaving: Leaving<Output>) {
        let control = &self.shared.control;
        match (leaving, &mut self.exact_limit) {
            (Leaving::Output(key, mut output), Some(limit)) => {
                match limit.pass(&mut output, control.hits_left(), &self.summary) {
                    Passed::Leaves => self.release(output),
                    Passed::WorkAgain { hits, summary } => {
                        self.summary = summary;
                        self.summary.hit_limit_reached = true;
                        control.set_hits_left(0);
                        control.lower(Reach::Limit);
                        self.shared.state().schedule.work_again(&key, hits);
                        self.shared.work.notify_all();
                    }
                }
            }
            (Leaving::Output(_, output), None) => self.release(output),
            (Leaving::Finished(work), Some(limit)) => {
                drop(work);
                let used = limit.finish_span();
                control.set_hits_left(control.hits_left().saturating_sub(used));
            }
            (Leaving::Finished(work), None) => drop(work),
        }
    }

    /// Results leave the pipeline, cut to what the caller asked for.
    fn release(&mut self, output: Output) {
        self.summary.add(&output.summary);
        for (table, batch) in output.batches {
            let rows = batch.num_rows() as u64;
            let mut left = self.rows_left.unwrap_or(u64::MAX);
            if self.ends_at_hits && table == Table::Hits {
                left = left.min(self.shared.control.hits_left());
                self.shared.control.set_hits_left(self.shared.control.hits_left().saturating_sub(rows));
            }
            let kept = rows.min(left);
            if kept > 0 {
                self.batches.push_back((table, batch.slice(0, usize::try_from(kept).unwrap_or(usize::MAX))));
            }
            if let Some(rows_left) = &mut self.rows_left {
                *rows_left -= kept;
            }
            let used_up = left != u64::MAX && kept == left;
            if used_up {
                self.summary.hit_limit_reached = true;
                self.close();
                return;
            }
        }
    }

    /// What was counted so far; complete at the end.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Why sources of a list could not be used, with their paths, in the list's order; each is a row as well.
    #[must_use]
    pub fn unusable_sources(&self) -> &[Error] {
        &self.unusable
    }

    /// How long the scan took, or has taken so far.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.seconds.unwrap_or_else(|| self.started.elapsed().as_secs_f64())
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let control = &self.shared.control;
        let get = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
        Progress { files: get(&control.files), bytes: get(&control.bytes), hits: get(&control.hits) }
    }

    /// Whether the caller's token stopped it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.control.is_cancelled()
    }

    /// Whether this is a forked child's copy of its parent's scan.
    fn is_inherited(&self) -> bool {
        self.process != std::process::id()
    }

    /// Stop the workers and wait for them.
    pub fn close(&mut self) {
        if self.is_inherited() {
            // The threads stayed behind, and one of them may hold the lock: there is nothing to tell or to wait for.
            return;
        }
        self.shared.control.lower(Reach::Closed);
        // The lock makes sure that no worker is between its look at the signal and its wait.
        drop(self.shared.state());
        self.shared.work.notify_all();
        self.shared.crew.join();
        self.seconds.get_or_insert(self.started.elapsed().as_secs_f64());
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the caller's side took from the schedule.
enum Taken {
    Leaving(Leaving<Output>),
    Mask(MaskRequest),
    Extract(ExtractRequest),
    Idle,
    Over,
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

/// Every batch of one table, in order: the simple way to run a scan from Rust.
///
/// # Errors
/// As [`ScanRequest::start`] and [`Scan::next`]; a cancelled scan is an error.
pub fn collect(request: &ScanRequest, table: Table) -> Result<(Vec<RecordBatch>, Summary)> {
    let tables = vec![request.projection(table, Layout::default())];
    let mut scan = request.start(&Selection { tables, n_rows: None, mask_columns: None })?;
    let mut batches = Vec::new();
    loop {
        match scan.next(Duration::from_secs(1))? {
            Step::Batch(_, batch) => batches.push(batch),
            Step::End => break,
            Step::Extract(request) => {
                scan.answer_extraction(&request, Err("nobody extracts text here".to_owned()));
            }
            Step::Idle | Step::Mask(_) => {}
        }
    }
    if scan.is_cancelled() {
        return Err(Error::new(ErrorKind::Cancelled, "the scan was cancelled"));
    }
    Ok((batches, scan.summary().clone()))
}
