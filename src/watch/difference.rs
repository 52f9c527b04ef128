//! Two looks at a tree become the changes between them.
//!
//! Only rows that differ are kept. A file that is gone from one path and has come to another is a rename, found by the
//! number that the system gave it and not by what the system told of the move: so moves that were told in halves, out of
//! order or not at all are found as well, and so are swaps and rotations of names.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::snapshot::{FolderKey, FolderNode, RowKey, Stamp};
use crate::io::root::FileKind;
use crate::table::Event;

/// The rows that differ between two looks, as they were and as they are.
#[derive(Debug, Default)]
pub struct Difference {
    before: BTreeMap<RowKey, Stamp>,
    after: BTreeMap<RowKey, Stamp>,
    /// Rows that look the same and are not.
    touched: BTreeMap<RowKey, Stamp>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub event: Event,
    /// To which path.
    pub row: RowKey,
    /// From which path it was renamed.
    pub old: Option<RowKey>,
    /// What stands there, or stood there if it was removed.
    pub stamp: Stamp,
}

impl Difference {
    /// Compare one folder with what it was.
    pub fn compare(&mut self, key: &FolderKey, old: Option<&FolderNode>, new: Option<&FolderNode>) {
        self.pair(key, own_row(old), own_row(new));
        let (mut old, mut new) = (entries_of(old).peekable(), entries_of(new).peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(old), Some(new)) => old.0.cmp(new.0),
            };
            let gone = if order.is_le() { old.next() } else { None };
            let come = if order.is_ge() { new.next() } else { None };
            self.pair(key, gone, come);
        }
    }

    /// Note what was and what is of one entry, or of the folder itself where there is no name.
    pub fn pair(&mut self, key: &FolderKey, old: Option<(&[u8], Stamp)>, new: Option<(&[u8], Stamp)>) {
        if old.map(|(_, stamp)| stamp) == new.map(|(_, stamp)| stamp) {
            return;
        }
        if let Some((name, stamp)) = old {
            let row = key.row(name);
            // What came and went within one round was never told. Another thing may have come under its path already.
            if self.after.get(&row) == Some(&stamp) {
                self.after.remove(&row);
            } else {
                self.before.entry(row).or_insert(stamp);
            }
        }
        if let Some((name, stamp)) = new {
            self.after.insert(key.row(name), stamp);
        }
    }

    /// A content changed, though nothing else tells it.
    pub fn touch(&mut self, key: &FolderKey, name: &[u8], stamp: Stamp) {
        self.touched.insert(key.row(name), stamp);
    }

    /// The files that have, or had, other names than those that changed.
    pub fn linked(&self) -> HashSet<(u64, u64)> {
        let seen =
            self.before.values().chain(self.after.values()).chain(self.touched.values()).filter_map(|stamp| stamp.seen);
        seen.filter(|seen| seen.linked).map(|seen| seen.identity()).collect()
    }

    /// The files that had other names and have none any more.
    pub fn unlinked(&self) -> HashSet<(u64, u64)> {
        let linked = |rows: &BTreeMap<RowKey, Stamp>| -> HashSet<_> {
            rows.values()
                .filter_map(|stamp| stamp.seen)
                .filter(|seen| seen.linked)
                .map(|seen| seen.identity())
                .collect()
        };
        &linked(&self.before) - &linked(&self.after)
    }

    /// Where sources overlap, a row may have come from one to another: under one path it stays one row. `shown`: the path.
    pub fn unite(&mut self, shown: impl Fn(&RowKey) -> Option<Vec<u8>>) {
        let now: HashMap<_, _> = self.after.keys().filter_map(|row| Some((shown(row)?, row))).collect();
        let is_moved = |row: &&RowKey| !self.after.contains_key(row);
        let moved = self.before.keys().filter(is_moved).filter_map(|row| Some((row.clone(), *now.get(&shown(row)?)?)));
        let moved: Vec<_> = moved.map(|(old, new)| (old, new.clone())).collect();
        for (old, new) in moved {
            if let Some(stamp) = self.before.remove(&old) {
                self.before.insert(new, stamp);
            }
        }
    }

    /// The changes: first what was removed, contents before their folder, then what was renamed, then what was created
    /// or modified, both in the order of the table. Each path stands once at the most as the path of a change, and once
    /// as the path that something was renamed from. `may_be_old`: whether a path can be told as one.
    pub fn changes(self, may_be_old: impl Fn(&RowKey) -> bool) -> Vec<Change> {
        let Self { mut before, mut after, mut touched } = self;
        touched.retain(|row, _| !before.contains_key(row) && !after.contains_key(row));
        let mut modified: BTreeMap<_, _> =
            touched.into_iter().map(|(row, stamp)| (row, (Event::Modified, stamp))).collect();
        before.retain(|row, old| {
            let Some(new) = after.get(row).filter(|new| new.is_same_file(old)) else { return true };
            if new != old {
                modified.insert(row.clone(), (Event::Modified, *new));
            }
            after.remove(row);
            false
        });
        let renamed = join(&mut before, &after, may_be_old);
        let mut changes = Vec::new();
        for (row, stamp) in before.iter().rev().filter(|(row, _)| !after.contains_key(row)) {
            changes.push(Change { event: Event::Removed, row: row.clone(), old: None, stamp: *stamp });
        }
        let mut rest = modified;
        for (row, stamp) in after {
            if let Some(old) = renamed.get(&row) {
                changes.push(Change { event: Event::Renamed, row, old: Some(old.clone()), stamp });
            } else {
                // Another file of the same kind under the path of one that is no more: how most programs save.
                let replaces = before.get(&row).is_some_and(|old| old.kind == stamp.kind);
                rest.insert(row, (if replaces { Event::Modified } else { Event::Created }, stamp));
            }
        }
        changes.extend(rest.into_iter().map(|(row, (event, stamp))| Change { event, row, old: None, stamp }));
        changes
    }
}

fn own_row(node: Option<&FolderNode>) -> Option<(&[u8], Stamp)> {
    Some((b"", node?.own?))
}

fn entries_of(node: Option<&FolderNode>) -> impl Iterator<Item = (&[u8], Stamp)> {
    node.into_iter().flat_map(|node| &node.entries).map(|(name, stamp)| (name.as_ref(), *stamp))
}

/// Which of the rows that came are ones that went, by the path where they stand now; those are taken out of `before`.
fn join(
    before: &mut BTreeMap<RowKey, Stamp>,
    after: &BTreeMap<RowKey, Stamp>,
    may_be_old: impl Fn(&RowKey) -> bool,
) -> HashMap<RowKey, RowKey> {
    let mut gone: HashMap<(u64, u64), Vec<&RowKey>> = HashMap::new();
    for (row, stamp) in before.iter().rev() {
        if let Some(seen) = stamp.seen {
            gone.entry(seen.identity()).or_default().push(row);
        }
    }
    let mut renamed = HashMap::new();
    for (row, stamp) in after {
        let Some(rows) = stamp.seen.and_then(|seen| gone.get_mut(&seen.identity())) else { continue };
        let is_it = |old: &&RowKey| before.get(old).is_some_and(|old| moved(old, stamp)) && may_be_old(old);
        if let Some(at) = rows.iter().rposition(is_it) {
            renamed.insert(row.clone(), rows.remove(at).clone());
        }
    }
    for old in renamed.values() {
        before.remove(old);
    }
    renamed
}

/// Whether what came is what went, with the content that it had. What was changed as well is told as removed and as
/// created, so that who keeps something made of a content may carry it over to the new path.
fn moved(old: &Stamp, new: &Stamp) -> bool {
    let (Some(before), Some(after)) = (old.seen, new.seen) else { return false };
    let same_content = (before.size, before.modified) == (after.size, after.modified);
    old.is_same_file(new) && (old.kind == FileKind::Dir || same_content)
}

#[cfg(test)]
mod tests;
