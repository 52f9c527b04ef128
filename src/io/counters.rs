//! What the process has asked of the system, counted: the proof that lazy queries are lazy.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// A count of zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Count `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Folders whose entries were read.
pub static FOLDERS_LISTED: Counter = Counter::new();
/// Entries whose status was asked for.
pub static FILES_DESCRIBED: Counter = Counter::new();
/// Files opened for their content.
pub static FILES_OPENED: Counter = Counter::new();
/// Bytes of content handed to search, hash or caller.
pub static BYTES_READ: Counter = Counter::new();

/// Files mapped into memory.
pub static FILES_MAPPED: Counter = Counter::new();
/// Faults in maps whose file had lost the page.
pub static FAULTS_CAUGHT: Counter = Counter::new();

/// All counts, by name.
#[must_use]
pub fn all() -> [(&'static str, u64); 6] {
    [
        ("folders_listed", FOLDERS_LISTED.get()),
        ("files_described", FILES_DESCRIBED.get()),
        ("files_opened", FILES_OPENED.get()),
        ("bytes_read", BYTES_READ.get()),
        ("files_mapped", FILES_MAPPED.get()),
        ("faults_caught", FAULTS_CAUGHT.get()),
    ]
}
