//! What is to be looked at again, and when: bounded, however much happens and however long nobody asks.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::snapshot::FolderKey;

/// Above so many folders, all of them are looked at: it costs no more, and a set of them would be without bound.
const MOST_FOLDERS: usize = 100_000;

/// Under constant change, a look is due after so many times the quiet that is waited for.
const PATIENCE: u32 = 10;

/// How much of a folder is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// What lies directly in it.
    Entries,
    /// All that lies below it, because other rules are in force.
    Subtree,
}

/// What is to be looked at again.
#[derive(Debug, Default)]
pub struct Dirty {
    /// These folders.
    pub folders: HashMap<FolderKey, Depth>,
    /// Everything.
    pub everything: bool,
    /// Everything, because something may have been missed: the caller is told.
    pub lost: bool,
    first: Option<Instant>,
    last: Option<Instant>,
    hurried: bool,
}

impl Dirty {
    /// Look at this folder again.
    pub fn mark(&mut self, key: &FolderKey, depth: Depth) {
        self.touch();
        if self.everything {
            return;
        }
        if let Some(known) = self.folders.get_mut(key) {
            *known = depth.max(*known);
        } else if self.folders.len() < MOST_FOLDERS {
            self.folders.insert(key.clone(), depth);
        } else {
            self.mark_everything();
        }
    }

    /// Look at everything again.
    pub fn mark_everything(&mut self) {
        self.touch();
        self.everything = true;
        self.folders = HashMap::new();
    }

    /// Something happened that was not told.
    pub fn lose(&mut self) {
        self.mark_everything();
        self.lost = true;
    }

    /// Do not wait for quiet.
    pub fn hurry(&mut self) {
        self.hurried = true;
    }

    fn touch(&mut self) {
        let now = Instant::now();
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// When to look: after this much quiet, or when there has been none for long.
    pub fn due(&self, quiet: Duration) -> Option<Instant> {
        let quiet = if self.hurried { Duration::ZERO } else { quiet };
        let after = |since: Instant, wait: Duration| since.checked_add(wait).unwrap_or(since);
        Some(after(self.last?, quiet).min(after(self.first?, quiet.saturating_mul(PATIENCE))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_due_without_a_mark() {
        assert_eq!(Dirty::default().due(Duration::ZERO), None);
    }

    #[test]
    fn constant_change_is_looked_at_all_the_same() {
        let mut dirty = Dirty::default();
        dirty.mark(&FolderKey::of_source(0), Depth::Entries);
        let first = dirty.first.unwrap();
        dirty.last = Some(first + Duration::from_secs(9));
        assert_eq!(dirty.due(Duration::from_secs(1)), Some(first + Duration::from_secs(10)));
        dirty.last = Some(first + Duration::from_secs(2));
        assert_eq!(dirty.due(Duration::from_secs(1)), Some(first + Duration::from_secs(3)));
    }

    #[test]
    fn too_many_folders_are_everything() {
        let mut dirty = Dirty::default();
        let top = FolderKey::of_source(0);
        for number in 0..=MOST_FOLDERS {
            dirty.mark(&top.child(number.to_string().as_bytes()), Depth::Entries);
        }
        assert!(dirty.everything && !dirty.lost && dirty.folders.is_empty());
    }

    #[test]
    fn the_deeper_look_wins() {
        let mut dirty = Dirty::default();
        let top = FolderKey::of_source(0);
        dirty.mark(&top, Depth::Subtree);
        dirty.mark(&top, Depth::Entries);
        assert_eq!(dirty.folders[&top], Depth::Subtree);
    }
}
