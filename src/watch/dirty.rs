//! What is to be looked at again, and when: bounded, however much happens and however long nobody asks.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::snapshot::FolderKey;

/// Above so many folders, all of them are looked at: it costs no more, and a set of them would be without bound.
const MOST_FOLDERS: usize = 100_000;

/// Under constant change, a look is due after so many times the quiet that is waited for.
const PATIENCE: u32 = 10;

/// Of a folder in which more entries than this changed, all are looked at.
const MOST_NAMES: usize = 64;

/// How much of a folder is to be looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The entries that are named.
    #[default]
    Names,
    /// What lies directly in it.
    Entries,
    /// All that lies below it, because other rules are in force.
    Subtree,
}

/// What is to be looked at of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// How much.
    pub depth: Depth,
    /// The entries whose content is said to have changed. Of some it may not be told if `depth` says more.
    pub names: BTreeSet<Box<[u8]>>,
}

impl Mark {
    /// A look at all that lies directly in a folder.
    pub fn entries() -> Self {
        Self { depth: Depth::Entries, names: BTreeSet::new() }
    }

    /// A look at all that lies below a folder.
    pub fn subtree() -> Self {
        Self { depth: Depth::Subtree, names: BTreeSet::new() }
    }
}

/// What is to be looked at again.
#[derive(Debug, Default)]
pub struct Dirty {
    /// These folders.
    pub folders: HashMap<FolderKey, Mark>,
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
        if let Some(mark) = self.at(key) {
            mark.depth = depth.max(mark.depth);
        }
    }

    /// Look at an entry of this folder again.
    pub fn mark_name(&mut self, key: &FolderKey, name: &[u8]) {
        let Some(mark) = self.at(key) else { return };
        if mark.names.len() >= MOST_NAMES {
            mark.depth = Depth::Entries.max(mark.depth);
        } else if !mark.names.contains(name) {
            mark.names.insert(name.into());
        }
    }

    /// Look at this folder again as this says.
    pub fn put(&mut self, key: &FolderKey, mark: &Mark) {
        self.mark(key, mark.depth);
        mark.names.iter().for_each(|name| self.mark_name(key, name));
    }

    /// Look at what the other was to look at, and do not wait for quiet.
    pub fn absorb(&mut self, other: Self) {
        if other.everything {
            self.mark_everything();
        }
        self.lost |= other.lost;
        for (key, mark) in other.folders {
            self.put(&key, &mark);
        }
        self.hurry();
    }

    fn at(&mut self, key: &FolderKey) -> Option<&mut Mark> {
        self.touch();
        if !self.everything && self.folders.len() >= MOST_FOLDERS && !self.folders.contains_key(key) {
            self.mark_everything();
        }
        if self.everything {
            return None;
        }
        if !self.folders.contains_key(key) {
            self.folders.insert(key.clone(), Mark::default());
        }
        self.folders.get_mut(key)
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
        assert_eq!(dirty.folders[&top].depth, Depth::Subtree);
    }

    #[test]
    fn too_many_names_are_all_entries() {
        let mut dirty = Dirty::default();
        let top = FolderKey::of_source(0);
        for number in 0..MOST_NAMES {
            dirty.mark_name(&top, number.to_string().as_bytes());
        }
        assert_eq!(dirty.folders[&top].depth, Depth::Names);
        dirty.mark_name(&top, b"one more");
        assert_eq!(dirty.folders[&top].depth, Depth::Entries);
        assert_eq!(dirty.folders[&top].names.len(), MOST_NAMES);
    }
}
