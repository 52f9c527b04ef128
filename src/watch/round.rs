//! One look at what may have changed: folders are watched, then listed, until none is new, and compared with what they
//! were.
//!
//! The order makes it complete. What came into a folder before its watch was placed is in its listing, and what comes
//! later is told by the watch: a folder that is created and filled at once loses nothing.

use std::collections::{BTreeSet, HashSet};
use std::os::fd::AsFd;

use super::difference::Difference;
use super::dirty::{Depth, Mark};
use super::lister::{Listed, Lister};
use super::roots::Roots;
use super::snapshot::{FolderKey, FolderNode, Folders, Linked, Stamp, is_unentered, take_subtree};
use super::watches::{Watched, Watches};
use crate::error::ErrorKind;
use crate::io::root::status_of;
use crate::search::walk::PendingFolder;

/// One look.
pub struct Round<'a> {
    /// The sources.
    pub roots: &'a Roots,
    /// Lists folders.
    pub lister: Lister<'a>,
    /// The snapshot, brought up to date.
    pub folders: &'a mut Folders,
    /// The watches, likewise.
    pub watches: &'a mut Watches,
    /// Where the other names of files stand, likewise.
    pub linked: &'a mut Linked,
    /// What was found.
    pub difference: Difference,
    /// The folders that were listed.
    done: HashSet<FolderKey>,
}

/// The watcher is being closed: what the round has done so far is of no use.
#[derive(Debug, Clone, Copy)]
pub struct Stopped;

impl<'a> Round<'a> {
    /// A round that has not looked at anything yet.
    pub fn new(
        roots: &'a Roots,
        lister: Lister<'a>,
        folders: &'a mut Folders,
        watches: &'a mut Watches,
        linked: &'a mut Linked,
    ) -> Self {
        let difference = Difference::default();
        Self { roots, lister, folders, watches, linked, difference, done: HashSet::new() }
    }

    /// Look at everything.
    pub fn everything(&mut self) -> Result<(), Stopped> {
        let old = std::mem::take(self.folders);
        self.linked.clear();
        let starts = self.roots.places().map(|(place, _)| FolderKey::of_source(place)).collect();
        self.list(starts, old)
    }

    /// Look at these folders.
    pub fn folders(&mut self, mut dirty: Vec<(FolderKey, Mark)>) -> Result<(), Stopped> {
        while !dirty.is_empty() {
            // A folder stands before what lies below it, which may be gone with it or have been listed with it.
            dirty.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            for (key, mark) in std::mem::take(&mut dirty) {
                // What happens to a folder that is not entered is seen in the one that it stands in.
                let entered = if self.folders.contains_key(&key) { Some(key) } else { key.parent().map(|(up, _)| up) };
                let entered = entered.filter(|key| !self.done.contains(key) && self.folders.contains_key(key));
                if let Some(key) = entered {
                    self.folder(&key, &mark)?;
                }
            }
            let others = self.difference.linked();
            let others = others.iter().filter_map(|file| self.linked.get(file)).flatten();
            let others = others.filter(|key| !self.done.contains(key) && self.folders.contains_key(key));
            let others: HashSet<_> = others.cloned().collect();
            dirty = others.into_iter().map(|key| (key, Mark::entries())).collect();
        }
        Ok(())
    }

    /// Look at single entries; whether that was enough.
    fn names(&mut self, key: &FolderKey, names: &BTreeSet<Box<[u8]>>) -> bool {
        let (Some(source), Some(node)) = (self.roots.source(key.source), self.folders.get_mut(key)) else {
            return true;
        };
        // What is left out by the rules may change as it likes.
        let names: Vec<&[u8]> = names.iter().map(AsRef::as_ref).filter(|name| node.entry(name).is_some()).collect();
        let Some(stamps) = self.lister.again(source, &key.relative, &names) else { return false };
        for (name, new) in names.into_iter().zip(stamps) {
            let Some(stamp) = node.entry(name) else { continue };
            let old = std::mem::replace(stamp, new);
            if old == new && old.fresh {
                self.difference.touch(key, name, new);
            }
            self.difference.pair(key, Some((name, old)), Some((name, new)));
        }
        true
    }

    fn folder(&mut self, key: &FolderKey, mark: &Mark) -> Result<(), Stopped> {
        if mark.depth == Depth::Names && self.names(key, &mark.names) {
            return Ok(());
        }
        let is_same = self.place(key);
        if mark.depth == Depth::Subtree || !is_same {
            // Under the path of a folder that was replaced, nothing is what it was.
            let old = take_subtree(self.folders, key);
            return self.list(vec![key.clone()], old);
        }
        let Some(mut old) = self.folders.remove(key) else { return Ok(()) };
        let known = std::mem::take(&mut old.folders);
        let mut left = Folders::new();
        match self.look(key)? {
            None => {
                left = take_subtree(self.folders, key);
                left.insert(key.clone(), old);
                self.drop_from_parent(key);
                self.list(Vec::new(), left)
            }
            Some(mut node) => {
                self.difference.compare(key, Some(&old), Some(&node));
                for name in &mark.names {
                    if let (Some(old), Some(new)) = (old.entry(name), node.entry(name))
                        && old == new
                        && old.fresh
                    {
                        self.difference.touch(key, name, *new);
                    }
                }
                for (name, through_link) in &known {
                    if node.folder(name) != Some(*through_link) {
                        left.append(&mut take_subtree(self.folders, &key.child(name)));
                    }
                }
                let is_known = |(name, through_link): &&(Box<[u8]>, bool)| {
                    known.binary_search_by(|(known, _)| known.cmp(name)).is_ok_and(|at| known[at].1 == *through_link)
                };
                let new =
                    node.folders.iter().filter(|folder| !is_known(folder)).map(|(name, _)| key.child(name)).collect();
                self.keep(key, node, Some(&old));
                self.list(new, left)
            }
        }
    }

    /// List these folders and all that lies below them; `old` is what is known of what may stand there, or is gone.
    fn list(&mut self, mut waiting: Vec<FolderKey>, mut old: Folders) -> Result<(), Stopped> {
        while let Some(key) = waiting.pop() {
            self.place(&key);
            match self.look(&key)? {
                None => self.drop_from_parent(&key),
                Some(node) => {
                    let old = old.remove(&key);
                    self.difference.compare(&key, old.as_ref(), Some(&node));
                    waiting.extend(node.folders.iter().map(|(name, _)| key.child(name)));
                    self.keep(&key, node, old.as_ref());
                }
            }
        }
        for (key, node) in &old {
            self.difference.compare(key, Some(node), None);
            self.forget_unless_known(key);
            node.unentered().for_each(|name| self.forget_unless_known(&key.child(name)));
        }
        Ok(())
    }

    /// Take a folder's watch away, if it stands there no more.
    fn forget_unless_known(&mut self, key: &FolderKey) {
        let stands_in = |(parent, name): (FolderKey, &[u8])| {
            self.folders.get(&parent).is_some_and(|parent| parent.has_folder(name))
        };
        if !self.folders.contains_key(key) && !key.parent().is_some_and(stands_in) {
            self.watches.forget(key);
        }
    }

    fn keep(&mut self, key: &FolderKey, node: FolderNode, old: Option<&FolderNode>) {
        for gone in old.into_iter().flat_map(FolderNode::unentered).filter(|name| !node.has_folder(name)) {
            self.watches.forget(&key.child(gone));
        }
        self.done.insert(key.clone());
        for seen in node.entries.iter().filter_map(|(_, stamp)| stamp.seen).filter(|seen| seen.linked) {
            self.linked.entry(seen.identity()).or_default().insert(key.clone());
        }
        self.folders.insert(key.clone(), node);
    }

    /// Watch the folder, if it can be opened. Whether it is the one that was watched under this path before.
    fn place(&mut self, key: &FolderKey) -> bool {
        let Some(source) = self.roots.source(key.source) else { return false };
        // Of an entry that the caller named, the folder that it stands in.
        let opened = self.lister.open(source, &key.relative);
        match opened {
            Ok(folder) => self.watches.place(key, folder.as_fd(), Watched::Entered),
            Err(error) => {
                let is_gone = ErrorKind::of_io(&error) == ErrorKind::PathNotFound;
                // What may not be read any more keeps its watch, which tells when it may be again. For what never had
                // one, the watch of its parent does; a source has no such parent.
                if is_gone || !self.watches.has(key) {
                    self.watches.forget(key);
                    if key.is_source() && !is_gone {
                        self.watches.look_without(key);
                    }
                }
                false
            }
        }
    }

    /// List one folder; nothing if it is not there.
    fn look(&mut self, key: &FolderKey) -> Result<Option<FolderNode>, Stopped> {
        let Some(pending) = self.pending(key) else { return Ok(None) };
        if let Some(name) = pending.entry_name() {
            return Ok(Some(self.lister.named(pending.origin(), name)));
        }
        match self.lister.list(&pending) {
            Listed::Folder(mut node) => {
                self.watch_unentered(key, &mut node);
                Ok(Some(node))
            }
            // The place of a source stays, so that what comes back is compared with nothing.
            Listed::Gone if key.is_source() => {
                Ok(Some(FolderNode { place: None, own: None, entries: Vec::new(), folders: Vec::new() }))
            }
            Listed::Gone => Ok(None),
            Listed::Stopped => Err(Stopped),
        }
    }

    /// Watch the folders in it that are rows and are not entered. They are described again once they are watched.
    fn watch_unentered(&mut self, key: &FolderKey, node: &mut FolderNode) {
        let Some(source) = self.roots.source(key.source) else { return };
        for (name, stamp) in node.entries.iter_mut().filter(|(name, stamp)| is_unentered(name, stamp)) {
            let key = key.child(name);
            if let Ok(folder) = self.lister.open(source, &key.relative) {
                self.watches.place(&key, folder.as_fd(), Watched::Unentered);
                if let Ok(status) = status_of(folder.as_fd()) {
                    *stamp = Stamp::new(status.kind, Some(&status));
                }
            }
        }
    }

    fn pending(&self, key: &FolderKey) -> Option<PendingFolder> {
        let Some((parent, name)) = key.parent() else { return self.roots.start(key.source).cloned() };
        let parent = self.folders.get(&parent)?;
        Some(PendingFolder::child(parent.place.as_ref()?, name, parent.folder(name)?))
    }

    fn drop_from_parent(&mut self, key: &FolderKey) {
        self.watches.forget(key);
        if let Some((parent, name)) = key.parent()
            && let Some(parent) = self.folders.get_mut(&parent)
        {
            parent.remove_folder(name);
        }
    }
}
