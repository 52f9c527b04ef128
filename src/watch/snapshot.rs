//! What a watched tree was like when it was last looked at: its folders, and what is a row of each.
//!
//! The rows are those of the files table under the same rules. A folder's own row stands with its own entries, because
//! it is described when the folder is listed.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::roots::Place;
use crate::io::root::{FileKind, FileStatus, TimeSpec};
use crate::search::walk::Listing;

/// A folder of a watched tree. The folders below one follow it without a gap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderKey {
    /// Where its source begins.
    pub source: Place,
    /// Its path from there, with a final `/`; nothing for the source itself.
    pub relative: Arc<[u8]>,
}

impl FolderKey {
    /// The folder where a source begins.
    pub fn of_source(source: Place) -> Self {
        Self { source, relative: Arc::from(&b""[..]) }
    }

    /// The folder of this name in it.
    pub fn child(&self, name: &[u8]) -> Self {
        Self { source: self.source, relative: [&self.relative, name, b"/"].concat().into() }
    }

    /// The folder that it lies in, and its name there; a source lies in none.
    pub fn parent(&self) -> Option<(Self, &[u8])> {
        let path = self.relative.strip_suffix(b"/")?;
        let start = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
        Some((Self { source: self.source, relative: path[..start].into() }, &path[start..]))
    }

    /// Whether it is the folder where a source begins.
    pub fn is_source(&self) -> bool {
        self.relative.is_empty()
    }

    /// The row of an entry in it, or its own where there is no name.
    pub fn row(&self, name: &[u8]) -> RowKey {
        let path = match name {
            b"" => self.relative.strip_suffix(b"/").unwrap_or_default().to_vec(),
            name => [&self.relative, name].concat(),
        };
        RowKey { source: self.source, path }
    }
}

/// A row of a watched tree, in the order of the files table: component by component.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowKey {
    /// Where its source begins.
    pub source: Place,
    /// Its path from there.
    pub path: Vec<u8>,
}

impl Ord for RowKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let differ = self.path.iter().zip(&other.path).position(|(mine, others)| mine != others);
        let at = differ.unwrap_or(self.path.len().min(other.path.len()));
        // No name holds a NUL: with it in the place of the slash, component order is byte order.
        let rank = |path: &[u8]| path.get(at).map(|byte| if *byte == b'/' { 0 } else { *byte });
        self.source.cmp(&other.source).then_with(|| rank(&self.path).cmp(&rank(&other.path)))
    }
}

impl PartialOrd for RowKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What was seen of one entry.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// What it is.
    pub kind: FileKind,
    /// Its status, if it could be had.
    pub seen: Option<Seen>,
    /// Whether it had changed so shortly before that another change might have left the same times.
    pub fresh: bool,
    /// Whether it is what a followed link led to.
    pub behind: Behind,
}

/// What a followed link led to, if it was no folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// It is no link, or not followed.
    NoLink,
    /// What this is the stamp of.
    File,
    /// Nothing that could be described: the stamp is the link's own.
    Nothing,
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        (self.kind, self.seen) == (other.kind, other.seen)
    }
}

impl Eq for Stamp {}

/// The times of files advance in steps: of 4 ms on most systems, of 10 on some.
const STEP: Duration = Duration::from_millis(20);

/// The part of a status that tells whether an entry is the same, and unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its size in bytes.
    pub size: u64,
    /// When its content changed.
    pub modified: TimeSpec,
    /// When its inode changed.
    pub changed: TimeSpec,
    /// When it was made, where the file system keeps that.
    pub created: Option<TimeSpec>,
    /// Its number within its device.
    pub inode: u64,
    /// The device that it lies on.
    pub device: u64,
    /// Whether it is a file that has other names.
    pub linked: bool,
}

impl Seen {
    /// What tells it from all other files of the system.
    pub fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

impl Stamp {
    /// What this status says.
    pub fn new(kind: FileKind, status: Option<&FileStatus>) -> Self {
        let seen = status.map(|status| Seen {
            size: status.size,
            modified: status.modified,
            changed: status.last_change(),
            created: status.created,
            inode: status.inode,
            device: status.device,
            linked: status.kind == FileKind::File && status.links > 1,
        });
        let fresh = seen.is_some_and(|seen| is_recent(seen.changed));
        Self { kind, seen, fresh, behind: Behind::NoLink }
    }

    /// Whether both are one file or folder, looked at twice. A number that was given to a new file is told by the time
    /// at which that was made, where the file system keeps it.
    pub fn is_same_file(&self, other: &Self) -> bool {
        match (self.seen, other.seen) {
            _ if self.kind != other.kind => false,
            (Some(a), Some(b)) => (a.inode, a.device, a.created) == (b.inode, b.device, b.created),
            // Nothing else is known than that both stand under one path.
            _ => true,
        }
    }
}

/// Whether a moment is hardly past, by the clock that the file system takes its times from.
fn is_recent(moment: TimeSpec) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let moment = Duration::new(u64::try_from(moment.seconds).unwrap_or(0), moment.nanos);
    // What another machine's clock has dated ahead says nothing.
    moment + STEP >= now && moment <= now + STEP
}

/// One folder as it was when it was last listed.
#[derive(Debug)]
pub struct FolderNode {
    /// What is in force in it, so that what lies below can be listed; nothing for an entry named by the caller.
    pub place: Option<Arc<Listing>>,
    /// Its own row, if it has one.
    pub own: Option<Stamp>,
    /// The rows that stand in it, but for those of its folders, sorted by name.
    pub entries: Vec<(Box<[u8]>, Stamp)>,
    /// The names of the folders in it that are entered, sorted, and whether each is reached through a link.
    pub folders: Vec<(Box<[u8]>, bool)>,
}

impl FolderNode {
    fn position(&self, name: &[u8]) -> Option<usize> {
        self.entries.binary_search_by(|(known, _)| known.as_ref().cmp(name)).ok()
    }

    /// The row of an entry.
    pub fn entry(&self, name: &[u8]) -> Option<&Stamp> {
        self.position(name).map(|at| &self.entries[at].1)
    }

    /// The row of an entry, to be brought up to date.
    pub fn entry_mut(&mut self, name: &[u8]) -> Option<&mut Stamp> {
        self.position(name).map(|at| &mut self.entries[at].1)
    }

    /// Whether a folder of this name stands in it, entered or not.
    pub fn has_folder(&self, name: &[u8]) -> bool {
        self.folder(name).is_some() || self.entry(name).is_some_and(|stamp| is_unentered(name, stamp))
    }

    /// How a folder of this name is entered, if it is.
    pub fn folder(&self, name: &[u8]) -> Option<bool> {
        let at = self.folders.binary_search_by(|(known, _)| known.as_ref().cmp(name)).ok()?;
        Some(self.folders[at].1)
    }

    /// The names of the folders in it that are rows and are not entered, because they lie as deep as the walk goes.
    pub fn unentered(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().filter(|(name, stamp)| is_unentered(name, stamp)).map(|(name, _)| name.as_ref())
    }

    /// It turned out that there is no folder of this name.
    pub fn remove_folder(&mut self, name: &[u8]) {
        self.folders.retain(|(known, _)| known.as_ref() != name);
    }
}

/// Whether this entry is a folder that is not entered. `.git` is none of them: every command of git changes it.
pub fn is_unentered(name: &[u8], stamp: &Stamp) -> bool {
    stamp.kind == FileKind::Dir && name != b".git"
}

/// The folders in which files stand that have several names. A change is told of the name through which it was made; the
/// others are looked for here. A folder may be noted in which such a file stands no more.
pub type Linked = HashMap<(u64, u64), HashSet<FolderKey>>;

/// The folders of all sources.
pub type Folders = BTreeMap<FolderKey, FolderNode>;

/// Take a folder and all that lies below it out.
pub fn take_subtree(folders: &mut Folders, key: &FolderKey) -> Folders {
    let is_below = |known: &FolderKey| known.source == key.source && known.relative.starts_with(&key.relative);
    let keys: Vec<_> =
        folders.range(key.clone()..).map(|(known, _)| known).take_while(|k| is_below(k)).cloned().collect();
    keys.into_iter().filter_map(|key| folders.remove_entry(&key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_component_order() {
        let mut paths = vec!["c/y", "b.txt", "a.txt", "a-b", "a/x", "a"];
        let key = |path: &&str| RowKey { source: 0, path: path.as_bytes().to_vec() };
        paths.sort_by_key(key);
        assert_eq!(paths, ["a", "a/x", "a-b", "a.txt", "b.txt", "c/y"]);
    }

    #[test]
    fn a_subtree_is_taken_without_its_neighbours() {
        let node = || FolderNode { place: None, own: None, entries: Vec::new(), folders: Vec::new() };
        let key = |path: &str| FolderKey { source: 1, relative: path.as_bytes().into() };
        let mut folders: Folders =
            ["", "a/", "a/b/", "a-b/", "ab/", "b/a/"].iter().map(|path| (key(path), node())).collect();
        let taken = take_subtree(&mut folders, &key("a/"));
        assert_eq!(taken.into_keys().collect::<Vec<_>>(), [key("a/"), key("a/b/")]);
        assert_eq!(folders.len(), 4);
    }

    #[test]
    fn a_folder_knows_its_parent() {
        let top = FolderKey::of_source(0);
        let below = top.child(b"a").child(b"b");
        assert_eq!(below.relative.as_ref(), b"a/b/");
        assert_eq!(below.parent(), Some((top.child(b"a"), b"b".as_slice())));
        assert_eq!(top.child(b"a").parent(), Some((top.clone(), b"a".as_slice())));
        assert_eq!(top.parent(), None);
        assert_eq!(below.row(b"").path, b"a/b");
        assert_eq!(below.row(b"x").path, b"a/b/x");
    }
}
