//! One look at what may have changed: folders are watched, then listed, until none is new, and compared with what they
//! were.
//!
//! The order makes it complete. What came into a folder before its watch was placed is in its listing, and what comes
//! later is told by the watch: a folder that is created and filled at once loses nothing.
//!
//! What cannot be looked at because the system is short of something stays as it was known, to be looked at later. A look
//! at everything, where one source may have what another has not, counts as a whole or not at all.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::difference::Difference;
use super::dirty::{Depth, Mark};
use super::later::is_shortage;
use super::lister::{Listed, Lister};
use super::roots::Roots;
use super::snapshot::{FolderKey, FolderNode, Folders, Linked, Stamp, is_unentered, take_subtree};
use super::watches::{Watched, Watches};
use crate::error::ErrorKind;
use crate::io::root::{AsHandle, status_of};
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
    /// What could not be looked at.
    pub unsure: HashMap<FolderKey, Mark>,
    /// The folders that were listed.
    done: HashSet<FolderKey>,
    /// Files that have other names and were not known to.
    newly_linked: HashSet<(u64, u64)>,
    /// In a look at everything, what was known of the folders that were listed.
    replaced: Option<Folders>,
}

/// What came of an attempt to watch a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    /// It is the one that was watched under this path before.
    Same,
    /// It is another, or none.
    Other,
    /// Nothing is known.
    Unsure,
}

/// What came of an attempt to list a folder.
enum Looked {
    Folder(FolderNode),
    Gone,
    Unsure,
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
        Self {
            roots,
            lister,
            folders,
            watches,
            linked,
            difference: Difference::default(),
            unsure: HashMap::new(),
            done: HashSet::new(),
            newly_linked: HashSet::new(),
            replaced: None,
        }
    }

    /// Look at everything. Where that cannot be done to its end, nothing was found.
    pub fn everything(&mut self) -> Result<(), Stopped> {
        let old = std::mem::take(self.folders);
        self.linked.clear();
        self.replaced = Some(Folders::new());
        let mut starts: Vec<_> = self.roots.places().map(|(place, _)| FolderKey::of_source(place)).collect();
        starts.reverse();
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
            let first = self.first_names();
            let files = self.difference.linked();
            let others = files.iter().filter_map(|file| self.linked.get(file)).flatten().cloned().chain(first);
            let is_open = |key: &FolderKey| !self.done.contains(key) && !self.unsure.contains_key(key);
            let others: HashSet<_> = others.filter(|key| self.folders.contains_key(key) && is_open(key)).collect();
            dirty = others.into_iter().map(|key| (key, Mark::entries())).collect();
        }
        for file in self.difference.unlinked() {
            self.linked.remove(&file);
        }
        Ok(())
    }

    /// The folders in which files stand that had one name when they were looked at, and have others now.
    fn first_names(&mut self) -> Vec<FolderKey> {
        let files = std::mem::take(&mut self.newly_linked);
        if files.is_empty() {
            return Vec::new();
        }
        let is_one = |stamp: &Stamp| stamp.seen.is_some_and(|seen| !seen.linked && files.contains(&seen.identity()));
        let has_one = |node: &FolderNode| node.entries.iter().any(|(_, stamp)| is_one(stamp));
        self.folders.iter().filter(|(_, node)| has_one(node)).map(|(key, _)| key.clone()).collect()
    }

    /// Note where a file stands that has other names.
    fn note_linked(&mut self, key: &FolderKey, stamp: &Stamp) {
        let Some(seen) = stamp.seen.filter(|seen| seen.linked) else { return };
        let folders = self.linked.entry(seen.identity()).or_insert_with(|| {
            self.newly_linked.insert(seen.identity());
            HashSet::new()
        });
        folders.insert(key.clone());
    }

    /// Look at single entries; whether that was enough.
    fn names(&mut self, key: &FolderKey, names: &BTreeSet<Box<[u8]>>) -> bool {
        let (Some(source), Some(node)) = (self.roots.source(key.source), self.folders.get_mut(key)) else {
            return true;
        };
        // What is left out by the rules may change as it likes.
        let names: Vec<&[u8]> = names.iter().map(AsRef::as_ref).filter(|name| node.entry(name).is_some()).collect();
        let Some(stamps) = self.lister.again(source, &key.relative, &names) else { return false };
        for (name, new) in names.iter().zip(&stamps) {
            let (name, new) = (*name, *new);
            let Some(stamp) = node.entry_mut(name) else { continue };
            let old = std::mem::replace(stamp, new);
            if old == new && old.fresh {
                self.difference.touch(key, name, new);
            }
            self.difference.pair(key, Some((name, old)), Some((name, new)));
        }
        for stamp in &stamps {
            self.note_linked(key, stamp);
        }
        true
    }

    fn folder(&mut self, key: &FolderKey, mark: &Mark) -> Result<(), Stopped> {
        if mark.depth == Depth::Names && self.names(key, &mark.names) {
            return Ok(());
        }
        let placed = self.place(key);
        if placed == Placed::Unsure {
            self.unsure.insert(key.clone(), mark.clone());
            return Ok(());
        }
        if mark.depth == Depth::Subtree || placed == Placed::Other {
            // Under the path of a folder that was replaced, nothing is what it was.
            let old = take_subtree(self.folders, key);
            return self.list(vec![key.clone()], old);
        }
        let Some(mut old) = self.folders.remove(key) else { return Ok(()) };
        let mut left = Folders::new();
        match self.look(key)? {
            Looked::Unsure => {
                self.unsure.insert(key.clone(), mark.clone());
                self.folders.insert(key.clone(), old);
                Ok(())
            }
            Looked::Gone => {
                left = take_subtree(self.folders, key);
                left.insert(key.clone(), old);
                self.drop_from_parent(key);
                self.list(Vec::new(), left)
            }
            Looked::Folder(node) => {
                let known = std::mem::take(&mut old.folders);
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
                let new = node.folders.iter().rev().filter(|folder| !is_known(folder));
                let new = new.map(|(name, _)| key.child(name)).collect();
                self.keep(key, node, Some(&old));
                self.list(new, left)
            }
        }
    }

    /// List these folders, of which the last stands first in the table, and all that lies below them; `old` is what is known
    /// of what may stand there, or is gone.
    fn list(&mut self, mut waiting: Vec<FolderKey>, mut old: Folders) -> Result<(), Stopped> {
        while let Some(key) = waiting.pop() {
            let looked = if self.place(&key) == Placed::Unsure { Looked::Unsure } else { self.look(&key)? };
            match looked {
                Looked::Unsure => {
                    self.unsure.insert(key.clone(), Mark::subtree());
                    if let Some(mut replaced) = self.replaced.take() {
                        replaced.append(&mut old);
                        *self.folders = replaced;
                        self.difference = Difference::default();
                        return Ok(());
                    }
                    self.folders.append(&mut take_subtree(&mut old, &key));
                }
                Looked::Gone => self.drop_from_parent(&key),
                Looked::Folder(node) => {
                    let known = old.remove(&key);
                    self.difference.compare(&key, known.as_ref(), Some(&node));
                    waiting.extend(node.folders.iter().rev().map(|(name, _)| key.child(name)));
                    self.keep(&key, node, known.as_ref());
                    if let (Some(replaced), Some(known)) = (&mut self.replaced, known) {
                        replaced.insert(key, known);
                    }
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
        for (_, stamp) in &node.entries {
            self.note_linked(key, stamp);
        }
        self.folders.insert(key.clone(), node);
    }

    /// Watch the folder, if it can be opened.
    fn place(&mut self, key: &FolderKey) -> Placed {
        let Some(source) = self.roots.source(key.source) else { return Placed::Other };
        // Of an entry that the caller named, the folder that it stands in.
        let opened = self.lister.open(source, &key.relative);
        match opened {
            Ok(folder) => {
                let is_named = self.roots.start(key.source).is_some_and(|start| start.entry_name().is_some());
                let watched = if is_named { Watched::Named } else { Watched::Entered };
                let folder = folder.as_handle();
                let real = || self.lister.real_path(source, folder, &key.relative);
                if self.watches.place(key, folder, watched, real) { Placed::Same } else { Placed::Other }
            }
            Err(error) if is_shortage(error.raw_os_error()) => Placed::Unsure,
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
                Placed::Other
            }
        }
    }

    /// List one folder.
    fn look(&mut self, key: &FolderKey) -> Result<Looked, Stopped> {
        let Some(pending) = self.pending(key) else { return Ok(Looked::Gone) };
        let listed = match pending.entry_name() {
            Some(name) => self.lister.named(&pending, name),
            None => self.lister.list(&pending),
        };
        let mut node = match listed {
            Listed::Folder(node) => node,
            Listed::Broken(node) => {
                self.watches.look_without(key);
                node
            }
            // The place of a source stays, so that what comes back is compared with nothing.
            Listed::Gone if key.is_source() => {
                FolderNode { place: None, own: None, entries: Vec::new(), folders: Vec::new() }
            }
            Listed::Gone => return Ok(Looked::Gone),
            Listed::Unsure => return Ok(Looked::Unsure),
            Listed::Stopped => return Err(Stopped),
        };
        Ok(if self.watch_unentered(key, &mut node) { Looked::Folder(node) } else { Looked::Unsure })
    }

    /// Watch the folders in it that are rows and are not entered. They are described again once they are watched. Whether
    /// the system was short of nothing.
    fn watch_unentered(&mut self, key: &FolderKey, node: &mut FolderNode) -> bool {
        let Some(source) = self.roots.source(key.source) else { return true };
        for (name, stamp) in node.entries.iter_mut().filter(|(name, stamp)| is_unentered(name, stamp)) {
            let key = key.child(name);
            match self.lister.open(source, &key.relative) {
                Ok(folder) => {
                    let folder = folder.as_handle();
                    let real = || self.lister.real_path(source, folder, &key.relative);
                    self.watches.place(&key, folder, Watched::Unentered, real);
                    if let Ok(status) = status_of(folder) {
                        *stamp = Stamp::new(status.kind, Some(&status));
                    }
                }
                Err(error) if is_shortage(error.raw_os_error()) => return false,
                Err(_) => {}
            }
        }
        true
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
