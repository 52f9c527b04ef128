//! The ledger of a scan: found = searched + not searched, each with a reason.

use crate::table::Status;

/// Counts of what became of the files, and of what was found in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    counts: [u64; Status::ALL.len()],
    /// Rows of the hits table.
    pub hits: u64,
    /// Lines that hold a hit.
    pub matched_lines: u64,
    /// Bytes that were searched.
    pub bytes_searched: u64,
    /// Entries that could not be described or entered: rows of the files table with an error.
    pub errors: u64,
    /// The scan ended because its limit on hits was used up.
    pub hit_limit_reached: bool,
}

impl Summary {
    /// One more file with this status.
    pub fn count(&mut self, status: Status) {
        self.counts[status as usize] += 1;
    }

    /// How many files have this status.
    #[must_use]
    pub fn of(&self, status: Status) -> u64 {
        self.counts[status as usize]
    }

    /// How many files were considered.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether every considered file was read as the caller asked: nothing was unreadable, vanished, changed, too
    /// large, cut or not reached. Binary, ignored and hidden files were left out by rule.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let missed = [
            Status::TooLarge,
            Status::Unreadable,
            Status::Vanished,
            Status::Changed,
            Status::Limit,
            Status::NotReached,
        ];
        missed.iter().all(|status| self.of(*status) == 0)
    }

    /// Add what another part of the scan counted.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        self.hits += other.hits;
        self.matched_lines += other.matched_lines;
        self.bytes_searched += other.bytes_searched;
        self.errors += other.errors;
        self.hit_limit_reached |= other.hit_limit_reached;
    }
}
