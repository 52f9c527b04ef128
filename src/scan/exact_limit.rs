//! Where a limit on hits falls, when a ledger must say which files it cut.
//!
//! Workers cannot know how many hits lie before theirs, so they search as if much of the limit were left. Here, where
//! results leave in order, hits are counted. The result with which the limit is used up does not leave: its span is
//! worked on once more, with the hits that are left for it known exactly, and what of it has left already is skipped.

use super::summary::Summary;
use super::worker::Output;
use crate::table::Table;

/// What is known of the span at the head, and whether the limit has been met.
#[derive(Debug)]
pub struct ExactLimit {
    /// Whether the hits table is given; otherwise hits are counted by the ledger.
    gives_hits: bool,
    left: Left,
    /// What was counted before the span.
    before: Option<Summary>,
    phase: Phase,
}

/// What of the span at the head has left.
#[derive(Debug, Default, Clone, Copy)]
struct Left {
    hits: u64,
    coverage_rows: u64,
}

#[derive(Debug)]
enum Phase {
    Counting,
    /// The span in which the limit falls comes for the second time; so much of it is still to be skipped.
    Skipping(Left),
    /// What comes now knows that no hits are left.
    Over,
}

/// What becomes of a result.
pub enum Passed {
    /// It leaves.
    Leaves,
    /// The limit falls into its span.
    WorkAgain {
        /// How many hits are left for the span.
        hits: u64,
        /// What was counted before the span.
        summary: Summary,
    },
}

impl ExactLimit {
    /// Nothing has left.
    pub fn new(gives_hits: bool) -> Self {
        Self { gives_hits, left: Left::default(), before: None, phase: Phase::Counting }
    }

    /// Look at a result of the span at the head, before which `hits_left` hits were left and `summary` was counted.
    pub fn pass(&mut self, output: &mut Output, hits_left: u64, summary: &Summary) -> Passed {
        match &mut self.phase {
            Phase::Counting => {}
            Phase::Skipping(left) => {
                left.skip(output);
                return Passed::Leaves;
            }
            Phase::Over => return Passed::Leaves,
        }
        let before = self.before.get_or_insert_with(|| summary.clone());
        let rows = |table| {
            let of_table = output.batches.iter().filter(|(of, _)| *of == table);
            of_table.map(|(_, batch)| batch.num_rows() as u64).sum::<u64>()
        };
        let hits = if self.gives_hits { rows(Table::Hits) } else { output.summary.hits };
        if self.left.hits + hits >= hits_left {
            let summary = before.clone();
            self.phase = Phase::Skipping(self.left);
            return Passed::WorkAgain { hits: hits_left, summary };
        }
        self.left.hits += hits;
        self.left.coverage_rows += rows(Table::Coverage);
        Passed::Leaves
    }

    /// The span at the head is finished; how many of its hits have left.
    pub fn finish_span(&mut self) -> u64 {
        if matches!(self.phase, Phase::Skipping(_)) {
            self.phase = Phase::Over;
        }
        self.before = None;
        std::mem::take(&mut self.left).hits
    }
}

impl Left {
    /// Take the rows that have left already from the front of a result.
    fn skip(&mut self, output: &mut Output) {
        for (table, batch) in &mut output.batches {
            let skip = match table {
                Table::Hits => &mut self.hits,
                Table::Coverage => &mut self.coverage_rows,
                Table::Files | Table::Chunks | Table::Events => continue,
            };
            let skipped = (*skip).min(batch.num_rows() as u64);
            *skip -= skipped;
            let from = usize::try_from(skipped).unwrap_or(usize::MAX);
            *batch = batch.slice(from, batch.num_rows() - from);
        }
    }
}
