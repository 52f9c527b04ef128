//! What is asked for, validated once; each run of it is started here.

use std::sync::Arc;

use super::Scan;
use super::chunking::ChunkOperation;
use super::control::Control;
use super::crew::Crew;
use super::describe::{DescribeOperation, describe_for_mask};
use super::exact_limit::ExactLimit;
use super::options::{Operation, ScanOptions};
use super::schedule::{Bounds, Schedule};
use super::search::SearchOperation;
use super::source::Sources;
use super::worker::{Describe, Operate, Shared};
use crate::error::{Error, Result};
use crate::pool::cores;
use crate::search::pattern::Patterns;
use crate::search::walk::{PendingFolder, WalkOptions, Walker};
use crate::table::{Layout, Projection, Table};

/// `threads` is a ceiling; above this many, more only harm the host.
const MOST_THREADS: usize = 256;

/// How far work may run ahead of what the caller has taken.
const BOUNDS: Bounds = Bounds { first_span: 32, most_span: 512, spans: 64, bytes: 64 << 20 };

/// Entries that are only described take a hundredth of the time of files that are read, and each is a row of a batch.
const DESCRIBED_SPAN: usize = 4096;

/// A validated scan.
#[derive(Debug, Clone)]
pub struct ScanRequest {
    options: ScanOptions,
    operation: Operation,
    patterns: Option<Arc<Patterns>>,
}

/// Which tables and columns one run of a scan is to give.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The columns of each wanted table.
    pub tables: Vec<Projection>,
    /// End after so many rows. Only where one table is wanted.
    pub n_rows: Option<u64>,
    /// Ask for a mask over these columns of the files table before a file is opened.
    pub mask_columns: Option<Vec<String>>,
}

impl ScanRequest {
    /// Validate what is asked for.
    ///
    /// # Errors
    /// An argument that cannot be used, a pattern or glob that does not parse, a single source that does not exist.
    pub fn new(options: ScanOptions, operation: Operation) -> Result<Self> {
        if options.threads == Some(0) {
            return Err(Error::argument("threads", "expected at least 1, got 0"));
        }
        if options.max_depth == Some(0) {
            return Err(Error::argument("max_depth", "expected at least 1 (what lies directly in the source), got 0"));
        }
        let patterns = match &operation {
            Operation::Describe(_) => None,
            Operation::Chunk(chunking) => {
                chunking.chunks.validate()?;
                None
            }
            Operation::Search(search) => Some(Arc::new(Patterns::compile(&search.patterns)?)),
        };
        Sources::resolve(&options)?;
        Ok(Self { options, operation, patterns })
    }

    /// The tables that this scan can give.
    #[must_use]
    pub fn tables(&self) -> &'static [Table] {
        match self.operation {
            Operation::Describe(_) => &[Table::Files],
            Operation::Search(_) => &[Table::Hits, Table::Coverage],
            Operation::Chunk(_) => &[Table::Chunks, Table::Coverage],
        }
    }

    /// All columns of one of its tables.
    #[must_use]
    pub fn projection(&self, table: Table, layout: Layout) -> Projection {
        match &self.operation {
            Operation::Describe(describe) => Projection::all(table, &describe.asked_columns(), layout),
            Operation::Search(search) => Projection::all(table, &search.asked_columns(), layout),
            Operation::Chunk(_) => Projection::all(table, &[], layout),
        }
    }

    /// Start one run.
    ///
    /// # Errors
    /// If a source has gone since the request was made, or no thread can be started.
    pub fn start(&self, selection: &Selection) -> Result<Scan> {
        let sources = Sources::resolve(&self.options)?;
        let gives = |table| selection.tables.iter().find(|projection| projection.table() == table);
        let keeps_coverage = gives(Table::Coverage).is_some();
        let max_hits = match &self.operation {
            Operation::Search(search) => {
                let head = if keeps_coverage { None } else { selection.n_rows };
                [search.max_hits, head].into_iter().flatten().min()
            }
            Operation::Describe(_) | Operation::Chunk(_) => None,
        };
        let control = Control::new(self.options.time_limit, self.options.cancel.clone(), max_hits);
        // Which files a limit cut is only known in order, so the ledger of a limited search is kept in order.
        let exact_limit = keeps_coverage && max_hits.is_some();
        let ordered = self.options.ordered || exact_limit;
        let mut schedule = Schedule::new(ordered, selection.mask_columns.is_some(), self.bounds());
        let unusable = sources.pending.iter().filter_map(PendingFolder::failure).cloned().collect();
        let walker = Walker::new(self.walk_options(selection), &sources.pending, sources.overlap);
        for (index, mut pending) in sources.pending.into_iter().enumerate() {
            pending.in_order |= sources.overlap;
            schedule.add_folder(vec![u32::try_from(index).unwrap_or(u32::MAX)], pending);
        }
        let crew = {
            let (request, selection) = (self.clone(), selection.clone());
            let make_job = move || Ok((request.operation(&selection), request.describe(&selection)?));
            Crew::new(Box::new(make_job), self.options.threads.is_none())
        };
        let shared = Arc::new(Shared::new(control, walker, crew, schedule));
        let exact_limit = exact_limit.then(|| ExactLimit::new(gives(Table::Hits).is_some()));
        let ends_at_hits = max_hits.is_some() && exact_limit.is_none();
        let mut scan = Scan::new(shared, exact_limit, ends_at_hits, selection.n_rows);
        scan.unusable = unusable;
        for _ in 0..self.options.threads.unwrap_or_else(cores).min(MOST_THREADS) {
            Crew::start_worker(&scan.shared, None)?;
        }
        Ok(scan)
    }

    fn bounds(&self) -> Bounds {
        match self.operation {
            Operation::Describe(describe) if !describe.blake3 => Bounds { most_span: DESCRIBED_SPAN, ..BOUNDS },
            _ => BOUNDS,
        }
    }

    fn walk_options(&self, selection: &Selection) -> WalkOptions {
        let describes = matches!(self.operation, Operation::Describe(_));
        let needs_status = selection.tables.iter().any(Projection::needs_status);
        let hashes = matches!(self.operation, Operation::Describe(describe) if describe.blake3);
        // What may be left out, or not be reached, is described when its turn comes, and a file that is hashed then, so
        // that its row speaks of one moment.
        let describes_all = needs_status && !hashes && selection.mask_columns.is_none() && selection.n_rows.is_none();
        WalkOptions {
            follow_symlinks: self.options.follow_symlinks,
            max_depth: self.options.max_depth.map(i64::from),
            one_file_system: self.options.one_file_system,
            keep_excluded: self.options.include_ignored && !describes,
            // Rows that were asked for by name or type are files.
            keep_folders: describes && self.options.filter.include.is_empty() && self.options.filter.types.is_empty(),
            keep_others: describes,
            folder_status: describes && needs_status,
            entry_status: describes && describes_all,
            content: !describes || hashes,
            focus: self.options.focus.clone(),
            section: self.options.section.clone(),
        }
    }

    fn operation(&self, selection: &Selection) -> Box<dyn Operate> {
        let gives = |table| selection.tables.iter().find(|projection| projection.table() == table);
        if let (Operation::Search(search), Some(patterns)) = (&self.operation, &self.patterns) {
            let (hits, coverage) = (gives(Table::Hits), gives(Table::Coverage));
            return Box::new(SearchOperation::new(patterns, search, &self.options, hits, coverage));
        }
        if let Operation::Chunk(chunking) = &self.operation {
            let (chunks, coverage) = (gives(Table::Chunks), gives(Table::Coverage));
            return Box::new(ChunkOperation::new(chunking, &self.options, chunks, coverage));
        }
        let all = || self.projection(Table::Files, Layout::default());
        let projection = gives(Table::Files).cloned().unwrap_or_else(all);
        let options = &self.options;
        let follow = options.follow_symlinks;
        Box::new(DescribeOperation::new(&projection, options.thresholds, follow, options.max_file_size))
    }

    fn describe(&self, selection: &Selection) -> Result<Option<Describe>> {
        let Some(columns) = &selection.mask_columns else { return Ok(None) };
        let projection = Projection::all(Table::Files, &[], Layout::default()).narrowed(columns)?;
        Ok(Some(describe_for_mask(&projection, self.options.thresholds, self.options.follow_symlinks)))
    }
}
