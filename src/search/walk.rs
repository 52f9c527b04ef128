//! The walk, one folder at a time: a folder's handle becomes a sorted listing of what is wanted of it.
//!
//! A [`Listing`] is the unit that the pipeline hands from the walk to its workers. It owns the names of one folder in
//! one allocation and keeps the folder's handle open as long as the budget of descriptors allows; otherwise the folder
//! is opened again by its path when its files are. Which folder is listed next is not decided here.

use std::collections::{BTreeMap, HashSet};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FileType, RawDir};

use super::{Filter, FolderRules, Present, Problem, Verdict};
use crate::error::Error;
use crate::fail_point::FailPoint;
use crate::io::counters;
use crate::io::root::{FileKind, FileStatus, is_known_disk, open_folder, status_at, status_of};
use crate::table::EntryPath;

/// Which entries of a folder are wanted, and how far the walk goes.
#[derive(Debug, Clone)]
pub struct WalkOptions {
    /// Enter folders and read files behind symbolic links.
    pub follow_symlinks: bool,
    /// The deepest entries that are listed; 1 is what lies directly in the source.
    pub max_depth: Option<i64>,
    /// Stay on the file system of the source.
    pub one_file_system: bool,
    /// Keep what ignore files and hidden names exclude, marked as such.
    pub keep_excluded: bool,
    /// Folders are rows.
    pub keep_folders: bool,
    /// Links, pipes, sockets and devices are rows.
    pub keep_others: bool,
    /// The status of folders is wanted.
    pub folder_status: bool,
    /// Only entries on the way to this relative path.
    pub focus: Option<Vec<u8>>,
}

/// Where a walk starts.
#[derive(Debug)]
pub struct Source {
    /// Its place among the sources.
    pub index: u32,
    /// Its spelling, normalised, with a final `/`; nothing for the current directory.
    pub shown: Vec<u8>,
    /// Its canonical absolute path.
    pub canonical: Vec<u8>,
    /// Its handle.
    pub root: OwnedFd,
    /// What is kept of it.
    pub filter: Arc<Filter>,
    /// The glob that it was given as, below the folder where the walk starts.
    pub glob: Option<Arc<Filter>>,
}

/// How many folder handles are kept open by all walks of this process.
static OPEN_HANDLES: AtomicUsize = AtomicUsize::new(0);

/// At most a quarter of the descriptors that the process may open, and never more than this.
const MOST_HANDLES: usize = 512;

fn handle_budget() -> usize {
    let soft = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1024);
    usize::try_from(soft / 4).unwrap_or(MOST_HANDLES).min(MOST_HANDLES)
}

/// A folder handle that counts against the budget.
#[derive(Debug)]
struct CountedHandle(OwnedFd);

impl CountedHandle {
    fn keep(fd: OwnedFd) -> Option<Self> {
        if OPEN_HANDLES.fetch_add(1, Ordering::Relaxed) < handle_budget() {
            Some(Self(fd))
        } else {
            OPEN_HANDLES.fetch_sub(1, Ordering::Relaxed);
            None
        }
    }
}

impl Drop for CountedHandle {
    fn drop(&mut self) {
        OPEN_HANDLES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A folder's handle, kept or opened for this use.
pub enum FolderFd<'a> {
    /// Kept open since the folder was listed.
    Kept(BorrowedFd<'a>),
    /// Opened again by path.
    Opened(OwnedFd),
}

impl AsFd for FolderFd<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Kept(fd) => *fd,
            Self::Opened(fd) => fd.as_fd(),
        }
    }
}

/// A folder on the walk.
#[derive(Debug)]
pub struct Folder {
    /// Where the walk that reached it started.
    pub source: Arc<Source>,
    /// Its path as shown, with a final `/`; nothing for the current directory.
    pub shown: Vec<u8>,
    /// The depth of its entries.
    pub depth: i64,
    /// Whether a read that comes back short means the end of a file here.
    pub short_read_is_end: bool,
    device: u64,
    rules: FolderRules,
    glob_rules: Option<FolderRules>,
    handle: Option<CountedHandle>,
    /// The canonical path, kept only where the walk has left its source through a link.
    outside: Option<Vec<u8>>,
}

impl Folder {
    fn of_source(source: Arc<Source>, depth: i64) -> Self {
        Self {
            shown: source.shown.clone(),
            source,
            depth,
            short_read_is_end: false,
            device: 0,
            rules: FolderRules::default(),
            glob_rules: None,
            handle: None,
            outside: None,
        }
    }

    /// The canonical path of an entry, for telling that two sources reach the same one.
    fn canonical(&self, name: &[u8]) -> Vec<u8> {
        match &self.outside {
            Some(folder) => [folder, b"/".as_slice(), name].concat(),
            None => [&self.source.canonical, b"/".as_slice(), self.relative(), name].concat(),
        }
    }

    /// Its path from the source.
    #[must_use]
    pub fn relative(&self) -> &[u8] {
        &self.shown[self.source.shown.len()..]
    }

    /// Its handle.
    ///
    /// # Errors
    /// The system's error, if it had to be opened again and could not be.
    pub fn open(&self) -> std::io::Result<FolderFd<'_>> {
        match &self.handle {
            Some(CountedHandle(fd)) => Ok(FolderFd::Kept(fd.as_fd())),
            None => {
                let relative = self.relative();
                let follow = self.outside.is_some();
                if relative.is_empty() {
                    return Ok(FolderFd::Kept(self.source.root.as_fd()));
                }
                open_folder(self.source.root.as_fd(), &relative[..relative.len() - 1], follow).map(FolderFd::Opened)
            }
        }
    }
}

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
}

/// A folder's entries, sorted by the bytes of their names.
#[derive(Debug)]
pub struct Listing {
    /// The folder.
    pub folder: Folder,
    /// The folder's own status, if it is wanted.
    pub status: Option<FileStatus>,
    /// Why the folder could not be listed, or not to its end.
    pub error: Option<Error>,
    /// The entries in order; the first is the folder itself where folders are rows or it has an error.
    pub entries: Vec<Entry>,
    names: Vec<u8>,
    notes: BTreeMap<u32, Note>,
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
                let whole: &[u8] = match self.folder.shown.as_slice() {
                    b"" => b".",
                    b"/" => b"/",
                    shown => &shown[..shown.len() - 1],
                };
                split_path(whole, source_bytes)
            }
            // A file above the source, which only has a path of its own.
            Role::Noted if self.name(entry).starts_with(b"/") => split_path(self.name(entry), 0),
            _ => EntryPath { folder: &self.folder.shown, source_bytes, name: self.name(entry) },
        }
    }

    /// The depth of an entry.
    #[must_use]
    pub fn depth(&self, entry: &Entry) -> i64 {
        if entry.role == Role::Own { self.folder.depth - 1 } else { self.folder.depth }
    }

    fn empty(folder: Folder) -> Self {
        Self {
            folder,
            status: None,
            error: None,
            entries: Vec::new(),
            names: Vec::new(),
            notes: BTreeMap::new(),
            named: false,
            unreached: false,
        }
    }

    fn add(&mut self, name: &[u8], kind: FileKind, role: Role) {
        // Names of one folder stay far below 4 GiB: 16 million entries of 255 bytes.
        let start = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        self.names.extend_from_slice(name);
        self.entries.push(Entry { start, length, kind, role });
    }

    fn add_noted(&mut self, name: &[u8], kind: FileKind, note: Note) {
        let start = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.notes.insert(start, note);
        self.add(name, kind, Role::Noted);
    }

    /// The folder's own row, at the head.
    fn add_own(&mut self, kind: FileKind) {
        self.entries.insert(0, Entry { start: u32::MAX, length: 0, kind, role: Role::Own });
    }

    fn sort(&mut self) {
        let names = &self.names;
        let name = |entry: &Entry| &names[entry.start as usize..(entry.start + entry.length) as usize];
        self.entries.sort_unstable_by(|a, b| name(a).cmp(name(b)));
    }
}

/// Cut a path at its last component.
fn split_path(path: &[u8], source_bytes: usize) -> EntryPath<'_> {
    let name_start = if path == b"/" { 0 } else { memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1) };
    let (folder, name) = path.split_at(name_start);
    EntryPath { folder, source_bytes: source_bytes.min(name_start), name }
}

/// A folder that waits to be listed.
#[derive(Debug)]
pub struct PendingFolder {
    at: FolderAt,
    /// It was reached through a link that leads out of the source, where only the first way in the table's order
    /// counts: it may be listed only when no folder before it is still to be listed.
    pub in_order: bool,
}

#[derive(Debug)]
enum FolderAt {
    Source(Arc<Source>),
    Named { source: Arc<Source>, name: Vec<u8>, kind: FileKind, failure: Option<Error> },
    Below { parent: Arc<Listing>, name: Vec<u8>, through_link: bool },
}

impl PendingFolder {
    /// The folder where a walk starts.
    #[must_use]
    pub fn source(source: Arc<Source>) -> Self {
        Self { at: FolderAt::Source(source), in_order: false }
    }

    /// An entry named by the caller; its "listing" holds it alone.
    #[must_use]
    pub fn named(source: Arc<Source>, name: &[u8], kind: FileKind, failure: Option<Error>) -> Self {
        Self { at: FolderAt::Named { source, name: name.to_vec(), kind, failure }, in_order: false }
    }

    /// A folder found in a listing.
    #[must_use]
    pub fn below(parent: &Arc<Listing>, entry: &Entry) -> Self {
        let through_link = entry.kind == FileKind::Symlink;
        Self {
            in_order: through_link || parent.folder.outside.is_some(),
            at: FolderAt::Below { parent: Arc::clone(parent), name: parent.name(entry).to_vec(), through_link },
        }
    }

    /// A listing that only says that the scan stopped before this folder.
    #[must_use]
    pub fn unreached(&self) -> Listing {
        let mut listing = match &self.at {
            FolderAt::Source(source) => Listing::empty(Folder::of_source(Arc::clone(source), 1)),
            FolderAt::Named { source, name, kind, .. } => {
                let mut listing = Listing::empty(Folder::of_source(Arc::clone(source), 0));
                listing.add(name, *kind, Role::Wanted);
                listing.named = true;
                return listing;
            }
            FolderAt::Below { parent, name, .. } => {
                let shown = [&parent.folder.shown, name.as_slice(), b"/"].concat();
                let source = Arc::clone(&parent.folder.source);
                Listing::empty(Folder { shown, ..Folder::of_source(source, parent.folder.depth + 1) })
            }
        };
        listing.unreached = true;
        listing.add_own(FileKind::Dir);
        listing
    }
}

/// Lists folders; one for all workers of a scan.
#[derive(Debug)]
pub struct Walker {
    options: WalkOptions,
    /// Folders outside of their source that were entered through a link.
    entered: Mutex<HashSet<(u64, u64)>>,
    /// Where sources overlap: the canonical paths of what has been listed.
    seen: Option<Mutex<HashSet<Vec<u8>>>>,
}

/// What one worker needs to list folders, reused from one to the next.
pub struct ListingBuffers {
    entries: Vec<MaybeUninit<u8>>,
    relative: Vec<u8>,
}

impl Default for ListingBuffers {
    fn default() -> Self {
        Self { entries: vec![MaybeUninit::uninit(); 64 << 10], relative: Vec::new() }
    }
}

impl Walker {
    /// A walker with these options. `overlap`: one source lies in another, so that an entry may be reached twice.
    #[must_use]
    pub fn new(options: WalkOptions, overlap: bool) -> Self {
        Self { options, entered: Mutex::default(), seen: overlap.then(Mutex::default) }
    }

    /// Whether folders are rows. What a glob names are files.
    fn keeps_folders(&self, folder: &Folder) -> bool {
        self.options.keep_folders && folder.source.glob.is_none()
    }

    /// Whether no earlier source has listed this entry.
    fn is_first(&self, folder: &Folder, name: &[u8]) -> bool {
        let Some(seen) = &self.seen else { return true };
        seen.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.canonical(name))
    }

    /// List one folder. Whatever fails is in the listing.
    pub fn list(&self, pending: &PendingFolder, buffers: &mut ListingBuffers) -> Listing {
        counters::FOLDERS_LISTED.add(1);
        FailPoint::Listing.pass();
        match &pending.at {
            FolderAt::Source(source) => self.list_source(source, buffers),
            FolderAt::Named { source, name, kind, failure } => self.list_named(source, name, *kind, failure.as_ref()),
            FolderAt::Below { parent, name, through_link } => self.list_below(parent, name, *through_link, buffers),
        }
    }

    fn list_named(&self, source: &Arc<Source>, name: &[u8], kind: FileKind, failure: Option<&Error>) -> Listing {
        let mut listing = Listing::empty(Folder::of_source(Arc::clone(source), 0));
        listing.folder.short_read_is_end = is_known_disk(source.root.as_fd());
        listing.named = true;
        match failure {
            Some(error) => listing.add_noted(name, kind, Note::Failed(error.clone())),
            None if self.is_first(&listing.folder, name) => listing.add(name, kind, Role::Wanted),
            None => {}
        }
        listing
    }

    fn list_source(&self, source: &Arc<Source>, buffers: &mut ListingBuffers) -> Listing {
        let (rules, problems) = source.filter.source_rules(&source.canonical);
        let glob_rules = source.glob.as_ref().map(|glob| glob.source_rules(&source.canonical).0);
        let fd = open_folder(source.root.as_fd(), b".", true);
        let folder = Folder { rules, glob_rules, ..Folder::of_source(Arc::clone(source), 1) };
        let mut listing = self.list_open(folder, fd, None, buffers);
        for problem in problems {
            // Files above the source have no place among its entries; they stand before them, by their own path.
            listing.add_noted(&problem.path, FileKind::File, Note::Failed(problem.error));
            listing.entries.rotate_right(1);
        }
        listing
    }

    fn list_below(&self, parent: &Arc<Listing>, name: &[u8], through_link: bool, buffers: &mut ListingBuffers) -> Listing {
        let above = &parent.folder;
        let shown = [&above.shown, name, b"/"].concat();
        let outside = if through_link {
            let path = [&above.source.canonical, b"/".as_slice(), &shown[above.source.shown.len()..]].concat();
            std::fs::canonicalize(Path::new(std::ffi::OsStr::from_bytes(&path)))
                .ok()
                .map(|path| path.as_os_str().as_bytes().to_vec())
        } else {
            above.outside.as_ref().map(|canonical| [canonical, b"/".as_slice(), name].concat())
        };
        let folder = Folder {
            source: Arc::clone(&above.source),
            shown,
            depth: above.depth + 1,
            short_read_is_end: above.short_read_is_end,
            device: above.device,
            rules: above.rules.clone(),
            glob_rules: above.glob_rules.clone(),
            handle: None,
            outside,
        };
        let above_fd = match above.open() {
            Ok(fd) => fd,
            Err(error) => return self.failed(folder, error, None),
        };
        let fd = open_folder(above_fd.as_fd(), name, through_link);
        self.list_open(folder, fd, Some((above_fd.as_fd(), name)), buffers)
    }

    fn failed(&self, folder: Folder, error: std::io::Error, status: Option<FileStatus>) -> Listing {
        let mut listing = Listing::empty(folder);
        listing.error = Some(Error::io("list folder", &listing.folder.shown, error));
        listing.status = status;
        listing.add_own(FileKind::Dir);
        listing
    }

    fn list_open(
        &self,
        mut folder: Folder,
        fd: std::io::Result<OwnedFd>,
        parent: Option<(BorrowedFd<'_>, &[u8])>,
        buffers: &mut ListingBuffers,
    ) -> Listing {
        let fd = match fd {
            Ok(fd) => fd,
            Err(error) => {
                let status = parent
                    .filter(|_| self.options.folder_status)
                    .and_then(|(parent, name)| status_at(parent, name, false).ok());
                return self.failed(folder, error, status);
            }
        };
        let status = match status_of(fd.as_fd()) {
            Ok(status) => status,
            Err(error) => return self.failed(folder, error, None),
        };
        if status.device != folder.device {
            folder.short_read_is_end = is_known_disk(fd.as_fd());
        }
        let crossed = folder.device != 0 && status.device != folder.device;
        folder.device = status.device;
        let mut listing = Listing::empty(folder);
        if self.options.folder_status {
            listing.status = Some(status.clone());
        }
        let enters = self.may_enter(&listing.folder, &status);
        if enters && !(self.options.one_file_system && crossed) {
            self.read_entries(&mut listing, fd.as_fd(), buffers);
            listing.sort();
        }
        // A link to a folder that is listed elsewhere stays what it is.
        let is_row = self.keeps_folders(&listing.folder) && listing.folder.depth > 1;
        if listing.error.is_some() || (is_row && self.is_first(&listing.folder, b"")) {
            listing.add_own(if enters { FileKind::Dir } else { FileKind::Symlink });
        }
        listing.folder.handle = CountedHandle::keep(fd);
        listing
    }

    /// Whether a folder outside of the source is entered: once, and not where the walk comes by its real path.
    fn may_enter(&self, folder: &Folder, status: &FileStatus) -> bool {
        let Some(canonical) = &folder.outside else { return true };
        let inside = canonical
            .strip_prefix(folder.source.canonical.as_slice())
            .is_some_and(|rest| rest.is_empty() || rest[0] == b'/' || folder.source.canonical == b"/");
        !inside
            && self.entered.lock().unwrap_or_else(PoisonError::into_inner).insert((status.device, status.inode))
    }

    fn read_entries(&self, listing: &mut Listing, fd: BorrowedFd<'_>, buffers: &mut ListingBuffers) {
        let mut present = Present::default();
        let mut raw: Vec<(u32, u32, FileType)> = Vec::new();
        let mut names = Vec::new();
        let mut entries = RawDir::new(fd, &mut buffers.entries);
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) => {
                    let name = entry.file_name().to_bytes();
                    if name == b"." || name == b".." {
                        continue;
                    }
                    present.note(name);
                    let start = u32::try_from(names.len()).unwrap_or(u32::MAX);
                    names.extend_from_slice(name);
                    raw.push((start, u32::try_from(name.len()).unwrap_or(0), entry.file_type()));
                }
                Err(error) => {
                    listing.error = Some(Error::io("list folder", &listing.folder.shown, error));
                    break;
                }
            }
        }
        let problems = self.apply_rules(listing, fd, present);
        buffers.relative.clear();
        buffers.relative.extend_from_slice(listing.folder.relative());
        for (start, length, file_type) in raw {
            let name = &names[start as usize..(start + length) as usize];
            if problems.iter().any(|problem| problem.name == name) {
                continue;
            }
            self.consider(listing, fd, name, file_type, &mut buffers.relative);
        }
        for problem in problems {
            listing.add_noted(&problem.name, FileKind::File, Note::Failed(problem.error));
        }
    }

    fn apply_rules(&self, listing: &mut Listing, fd: BorrowedFd<'_>, present: Present) -> Vec<NamedProblem> {
        let folder = &mut listing.folder;
        let relative = folder.relative().strip_suffix(b"/").unwrap_or_default();
        let shown = folder.shown.strip_suffix(b"/").unwrap_or(&folder.shown);
        let (rules, problems) = folder.source.filter.enter(&folder.rules, fd, shown, relative, present);
        let glob_rules = match (&folder.source.glob, &folder.glob_rules) {
            (Some(glob), Some(rules)) => Some(glob.enter(rules, fd, shown, relative, Present::default()).0),
            _ => None,
        };
        let prefix = folder.shown.len();
        folder.rules = rules;
        folder.glob_rules = glob_rules;
        problems
            .into_iter()
            .map(|Problem { path, error }| NamedProblem { name: path.get(prefix..).unwrap_or(&path).to_vec(), error })
            .collect()
    }

    /// Decide what one entry becomes.
    fn consider(
        &self,
        listing: &mut Listing,
        fd: BorrowedFd<'_>,
        name: &[u8],
        file_type: FileType,
        relative: &mut Vec<u8>,
    ) {
        let folder_length = relative.len();
        if let Some(focus) = &self.options.focus
            && !on_the_way(focus, &relative[..folder_length], name)
        {
            return;
        }
        let (kind, target) = match self.kinds(fd, name, file_type) {
            Ok(kinds) => kinds,
            Err((kind, error)) => {
                listing.add_noted(name, kind, Note::Failed(error));
                return;
            }
        };
        let is_folder = target == FileKind::Dir;
        relative.extend_from_slice(name);
        let verdict = self.verdict(&listing.folder, relative, name, is_folder);
        relative.truncate(folder_length);
        let may_descend = self.options.max_depth.is_none_or(|most| listing.folder.depth < most);
        match verdict {
            Verdict::Keep { .. } if is_folder && name == b".git" => {
                if self.keeps_folders(&listing.folder) {
                    listing.add(name, kind, Role::Wanted);
                }
            }
            Verdict::Keep { .. } if is_folder && may_descend => listing.add(name, kind, Role::Descend),
            Verdict::Keep { .. } if is_folder => {
                if self.keeps_folders(&listing.folder) {
                    listing.add(name, kind, Role::Wanted);
                }
            }
            Verdict::Keep { .. } => {
                let wanted = target == FileKind::File || self.options.keep_others;
                if wanted && self.is_first(&listing.folder, name) {
                    listing.add(name, target, Role::Wanted);
                }
            }
            Verdict::Unwanted => {}
            excluded => {
                if self.options.keep_excluded && (is_folder || target == FileKind::File) {
                    let note = match excluded {
                        Verdict::Ignored(rule) => Note::Ignored(rule.describe()),
                        _ => Note::Hidden,
                    };
                    listing.add_noted(name, kind, note);
                }
            }
        }
    }

    fn verdict(&self, folder: &Folder, relative: &[u8], name: &[u8], is_folder: bool) -> Verdict {
        if let (Some(glob), Some(rules)) = (&folder.source.glob, &folder.glob_rules)
            && matches!(glob.decide(rules, relative, name, is_folder), Verdict::Unwanted)
        {
            return Verdict::Unwanted;
        }
        folder.source.filter.decide(&folder.rules, relative, name, is_folder)
    }

    /// What an entry is, and what it is taken for: a followed link is taken for its target.
    fn kinds(
        &self,
        fd: BorrowedFd<'_>,
        name: &[u8],
        file_type: FileType,
    ) -> std::result::Result<(FileKind, FileKind), (FileKind, Error)> {
        let mut kind = FileKind::from(file_type);
        if kind == FileKind::Unknown {
            counters::FILES_DESCRIBED.add(1);
            kind = status_at(fd, name, false).map_err(|error| (kind, Error::io("describe", name, error)))?.kind;
        }
        if kind != FileKind::Symlink || !self.options.follow_symlinks {
            return Ok((kind, kind));
        }
        counters::FILES_DESCRIBED.add(1);
        match status_at(fd, name, true) {
            Ok(status) => Ok((kind, status.kind)),
            Err(error) => Err((kind, Error::io("follow link", name, error))),
        }
    }
}

/// An ignore file of this folder that cannot be used.
struct NamedProblem {
    name: Vec<u8>,
    error: Error,
}

/// Whether an entry lies on the way to `focus`, or is it, or lies below it.
fn on_the_way(focus: &[u8], folder: &[u8], name: &[u8]) -> bool {
    let Some(rest) = focus.strip_prefix(folder) else {
        return folder.strip_prefix(focus).is_some_and(|below| below.first() == Some(&b'/'));
    };
    rest.strip_prefix(name).is_some_and(|below| below.is_empty() || below[0] == b'/')
}
