//! What one folder holds, as the pipeline hands it from the walk to its workers.
//!
//! A listing owns the names of its folder in one allocation. Most entries are simply wanted; the few that are not carry
//! a note that says why.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::entry_path::EntryPath;
use super::folder::Folder;
use crate::error::Error;
use crate::io::root::spelling::{of_prefix, root_bytes};
use crate::io::root::{FileKind, FileStatus, Handle, HandleRef};

/// What is to be done with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is wanted.
    Wanted,
    /// A folder to be listed; its own row stands at the head of its own listing.
    Descend,
    /// The folder of this listing itself.
    Own,
    /// Excluded, or failed: its note says why.
    Noted,
}

/// Why an entry is not simply wanted.
#[derive(Debug, Clone)]
pub enum Note {
    /// Excluded because its name is hidden.
    Hidden,
    /// Excluded by the rule described.
    Ignored(String),
    /// It could not be described, followed, or used.
    Failed(Error),
}

/// One entry of a listing.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    start: u32,
    length: u32,
    /// What it is.
    pub kind: FileKind,
    /// What is to be done with it.
    pub role: Role,
    /// It is a link, and `kind` is what it leads to.
    pub followed: bool,
    /// Where its status stands, if it is known.
    status: u32,
}

/// No status is known.
const UNKNOWN: u32 = u32::MAX;

/// A folder's entries, sorted by the bytes of their names.
#[derive(Debug)]
pub struct Listing {
    /// The folder.
    pub folder: Folder,
    /// The folder's own status, if it is wanted.
    pub own_status: Option<FileStatus>,
    /// Why the folder could not be listed, or not to its end.
    pub error: Option<Error>,
    /// The entries in order; the first is the folder itself where folders are rows or it has an error.
    pub entries: Vec<Entry>,
    names: Vec<u8>,
    statuses: Vec<FileStatus>,
    notes: BTreeMap<u32, Note>,
    /// Which entries are named by a whole path, because they stand in another folder.
    elsewhere: BTreeSet<u32>,
    folder_is_text: bool,
    /// Whether the entries were named by the caller.
    pub named: bool,
    /// Whether the scan stopped before the folder was listed.
    pub unreached: bool,
}

impl Listing {
    /// The name of an entry.
    #[must_use]
    pub fn name(&self, entry: &Entry) -> &[u8] {
        &self.names[entry.start as usize..(entry.start + entry.length) as usize]
    }

    /// Opens the content of an entry; `at` is the folder's handle.
    ///
    /// # Errors
    /// The system's error, and that it leads out of the root of the walk.
    pub fn open_content(&self, entry: &Entry, at: HandleRef<'_>, follow: bool) -> io::Result<Handle> {
        match self.path_from_root(entry) {
            Some(path) => self.folder.source.root.open_content(path, follow),
            None => self.folder.open_content(at, self.path_from_folder(entry), follow),
        }
    }

    /// Describes an entry; `at` is the folder's handle.
    ///
    /// # Errors
    /// The system's error, and that it leads out of the root of the walk.
    pub fn ask_status(&self, entry: &Entry, at: HandleRef<'_>, follow: bool) -> io::Result<FileStatus> {
        match self.path_from_root(entry) {
            Some(path) => self.folder.source.root.status(path, follow),
            None => self.folder.status(at, self.path_from_folder(entry), follow),
        }
    }

    /// Whether an entry is none of this folder, and named by its whole path.
    #[must_use]
    pub fn stands_elsewhere(&self, entry: &Entry) -> bool {
        entry.role == Role::Noted && self.elsewhere.contains(&entry.start)
    }

    /// The path of an entry that does not stand in this folder, in a walk that must not leave its root.
    fn path_from_root(&self, entry: &Entry) -> Option<&[u8]> {
        let name = self.name(entry);
        // What the caller named with a slash ends in `..`, and where that leads is for the root to say.
        let stands_here = if self.stands_elsewhere(entry) {
            self.below_folder(name).is_some()
        } else {
            name != b".." && !name.contains(&b'/')
        };
        (self.folder.source.root.is_confined() && !stands_here).then_some(name)
    }

    /// The path of an entry from the handle of the folder, which is its name but for what is noted from elsewhere.
    fn path_from_folder(&self, entry: &Entry) -> &[u8] {
        let name = self.name(entry);
        if self.stands_elsewhere(entry) { self.below_folder(name).unwrap_or(name) } else { name }
    }

    /// A whole path from this folder on, if it leads through it.
    fn below_folder<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        path.strip_prefix(self.folder.shown.as_slice())
    }

    /// The status of an entry, if the walk has asked for it already.
    #[must_use]
    pub fn status(&self, entry: &Entry) -> Option<&FileStatus> {
        self.statuses.get(entry.status as usize)
    }

    /// Describe what is wanted, as `of` says; what it cannot describe stays unknown.
    pub(super) fn describe(&mut self, of: impl Fn(&Folder, &[u8], FileKind) -> Option<FileStatus>) {
        let Self { folder, entries, names, statuses, .. } = self;
        statuses.reserve_exact(entries.len());
        for entry in entries.iter_mut().filter(|entry| entry.role == Role::Wanted) {
            let name = &names[entry.start as usize..(entry.start + entry.length) as usize];
            if let Some(status) = of(folder, name, entry.kind) {
                entry.status = u32::try_from(statuses.len()).unwrap_or(UNKNOWN);
                statuses.push(status);
            }
        }
    }

    /// Why the entry is not simply wanted.
    #[must_use]
    pub fn note(&self, entry: &Entry) -> Option<&Note> {
        self.notes.get(&entry.start)
    }

    /// The path of an entry.
    #[must_use]
    pub fn path<'a>(&'a self, entry: &Entry) -> EntryPath<'a> {
        let source_bytes = self.folder.source.shown.len();
        match entry.role {
            Role::Own => {
                let whole: &[u8] = match of_prefix(&self.folder.shown) {
                    b"" => b".",
                    shown => shown,
                };
                split_path(whole, source_bytes)
            }
            Role::Noted if self.stands_elsewhere(entry) => {
                let whole = self.name(entry);
                split_path(whole, if whole.starts_with(&self.folder.source.shown) { source_bytes } else { 0 })
            }
            // A source that is spelled by dots alone is named by its whole path.
            _ if self.named && self.name(entry).contains(&b'/') => split_path(self.name(entry), 0),
            _ => EntryPath {
                folder: &self.folder.shown,
                source_bytes,
                name: self.name(entry),
                folder_is_text: self.folder_is_text,
            },
        }
    }

    /// The depth of an entry.
    #[must_use]
    pub fn depth(&self, entry: &Entry) -> i64 {
        if entry.role == Role::Own { self.folder.depth - 1 } else { self.folder.depth }
    }

    /// Keep nothing but the folder and what is in force in it, so that what lies below can be listed again later.
    #[must_use]
    pub fn emptied(mut self) -> Self {
        self.folder.handle = None;
        Self::empty(self.folder)
    }

    pub(super) fn empty(folder: Folder) -> Self {
        Self {
            folder_is_text: std::str::from_utf8(&folder.shown).is_ok(),
            folder,
            own_status: None,
            error: None,
            entries: Vec::new(),
            names: Vec::new(),
            statuses: Vec::new(),
            notes: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            named: false,
            unreached: false,
        }
    }

    /// Make room for so many entries, whose names take so many bytes.
    pub(super) fn reserve(&mut self, entries: usize, name_bytes: usize) {
        // One more, for the folder's own row.
        self.entries.reserve_exact(entries + 1);
        self.names.reserve_exact(name_bytes);
    }

    pub(super) fn add(&mut self, name: &[u8], kind: FileKind, role: Role) {
        // Names of one folder stay far below 4 GiB: 16 million entries of 255 bytes.
        let start = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        self.names.extend_from_slice(name);
        self.entries.push(Entry { start, length, kind, role, followed: false, status: UNKNOWN });
    }

    /// What a link leads to, under the link's name.
    pub(super) fn add_followed(&mut self, name: &[u8], kind: FileKind) {
        self.add(name, kind, Role::Wanted);
        if let Some(entry) = self.entries.last_mut() {
            entry.followed = true;
        }
    }

    pub(super) fn add_noted(&mut self, name: &[u8], kind: FileKind, note: Note) {
        let start = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.notes.insert(start, note);
        self.add(name, kind, Role::Noted);
    }

    /// What does not stand in this folder, but is told here, by its whole path.
    pub(super) fn add_noted_elsewhere(&mut self, path: &[u8], note: Note) {
        self.elsewhere.insert(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.add_noted(path, FileKind::File, note);
    }

    /// The folder's own row, at the head.
    pub(super) fn add_own(&mut self, kind: FileKind) {
        self.entries
            .insert(0, Entry { start: u32::MAX, length: 0, kind, role: Role::Own, followed: false, status: UNKNOWN });
    }

    pub(super) fn sort(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        if self.elsewhere.is_empty() {
            entries.sort_unstable_by(|a, b| self.name(a).cmp(self.name(b)));
        } else {
            entries.sort_by(|a, b| self.order(a, b));
        }
        self.entries = entries;
    }

    /// The order of rows, where some are of deeper folders; what lies above comes first.
    fn order(&self, a: &Entry, b: &Entry) -> Ordering {
        let place = |entry: &Entry| -> Option<Vec<&[u8]>> {
            let name = self.name(entry);
            let path = if self.stands_elsewhere(entry) { self.below_folder(name)? } else { name };
            Some(path.split(|byte| *byte == b'/').collect())
        };
        place(a).cmp(&place(b))
    }
}

/// Cut a path at its last component.
fn split_path(path: &[u8], source_bytes: usize) -> EntryPath<'_> {
    let is_top = root_bytes(path) == path.len();
    let name_start = if is_top { 0 } else { memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1) };
    let (folder, name) = path.split_at(name_start);
    let folder_is_text = std::str::from_utf8(folder).is_ok();
    EntryPath { folder, source_bytes: source_bytes.min(name_start), name, folder_is_text }
}

#[cfg(test)]
impl Listing {
    /// A listing of these entries, in their order, in a folder that nothing is known of.
    pub(crate) fn of_entries(entries: impl Iterator<Item = (Vec<u8>, Role)>) -> Self {
        let mut listing = Self::empty(Folder::of_source(super::Source::of_nothing(), 1));
        for (name, role) in entries {
            listing.add(&name, if role == Role::Descend { FileKind::Dir } else { FileKind::File }, role);
        }
        listing
    }
}
