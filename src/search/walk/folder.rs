//! Folders on the walk: where it starts, what is in force in each, and the handles by which they are reached.
//!
//! A handle is kept open as long as the budget of descriptors allows; otherwise the folder is opened again by its path
//! when its files are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, ErrorKind};
use crate::io::root::spelling::is_absolute;
use crate::io::root::{
    AsHandle, FileKind, FileStatus, FolderUse, Handle, HandleRef, Root, is_link, most_handles, open_content,
    open_folder, open_folder_below, status_at,
};
use crate::search::{Filter, FolderRules, Problem};

/// Where a walk starts.
#[derive(Debug)]
pub struct Source {
    /// Its place among the sources.
    pub index: u32,
    /// Its spelling, normalised, with a final `/`; nothing for the current directory.
    pub shown: Vec<u8>,
    /// Its canonical absolute path.
    pub canonical: Vec<u8>,
    /// Where its path starts, and what no walk may leave.
    pub root: Root,
    /// Its path from there.
    pub path: Vec<u8>,
    /// Its handle, shared with the other sources of the same folder; `None`: opened when it is needed.
    pub handle: Option<Arc<CountedHandle>>,
    /// What is kept of it.
    pub filter: Arc<Filter>,
    /// The glob that it was given as, below the folder where the walk starts.
    pub glob: Option<Arc<Filter>>,
}

impl Source {
    /// Its canonical path as the front of what lies in it, before a `/`.
    pub(super) fn canonical_prefix(&self) -> &[u8] {
        self.canonical.strip_suffix(b"/").unwrap_or(&self.canonical)
    }

    /// The canonical path of what lies in it.
    #[must_use]
    pub fn canonical_of(&self, relative: &[u8]) -> Vec<u8> {
        [self.canonical_prefix(), b"/", relative].concat()
    }

    /// Its handle.
    ///
    /// # Errors
    /// The system's error, if it had to be opened again and could not be.
    pub fn open(&self) -> std::io::Result<FolderHandle<'_>> {
        match &self.handle {
            Some(handle) => Ok(FolderHandle::Kept(handle.0.as_handle())),
            // Free, it is found again also where the working directory has changed.
            None if !self.root.is_confined() => {
                self.root.open_folder(&self.canonical, FolderUse::Passing, true).map(FolderHandle::Opened)
            }
            None => self.root.open_folder(&self.path, FolderUse::Passing, true).map(FolderHandle::Opened),
        }
    }

    /// Opens a folder behind a link, by its path from this source, whose handle is `at`.
    ///
    /// # Errors
    /// The system's error, and that it leads out of the root.
    pub fn open_through_link(&self, at: HandleRef<'_>, relative: &[u8]) -> std::io::Result<Handle> {
        if self.root.is_confined() {
            // A link may leave the source and stay in the root.
            self.root.open_folder(&self.path_of(relative), FolderUse::Listing, true)
        } else {
            open_folder(at, relative, FolderUse::Listing, true)
        }
    }

    /// The real path of a folder behind a link, of which this is the path from here, and the handle if it was opened.
    ///
    /// # Errors
    /// The system's.
    pub fn canonical_below(&self, folder: Option<HandleRef<'_>>, relative: &[u8]) -> std::io::Result<Vec<u8>> {
        let path = if self.root.is_confined() { self.path_of(relative) } else { self.canonical_of(relative) };
        self.root.canonical_of(folder, &path)
    }

    /// The path of what lies in it, from its root.
    #[must_use]
    pub fn path_of(&self, relative: &[u8]) -> Vec<u8> {
        [&self.path, b"/".as_slice(), relative].concat()
    }

    /// What is in force above it.
    pub(super) fn rules_above(&self, filter: &Filter) -> (FolderRules, Vec<Problem>) {
        let Some(root) = self.root.handle() else { return filter.source_rules(&self.canonical) };
        if let Some(path) = self.root.path_below(&self.canonical) {
            return filter.confined_rules(root, &path);
        }
        let text = "cannot look for ignore files above this folder: it or the root was moved meanwhile";
        let error = Error::new(ErrorKind::Changed, text);
        (FolderRules::default(), vec![Problem { path: self.shown.clone(), error }])
    }
}

/// How many folder handles are kept open by all walks of this process.
static OPEN_HANDLES: AtomicUsize = AtomicUsize::new(0);

/// At most a quarter of the descriptors that the process may open, and never more than this.
const MOST_HANDLES: usize = 512;

/// How many handles may be kept, as the system's limit was when the last walk began.
static BUDGET: AtomicUsize = AtomicUsize::new(0);

/// Ask the system for its limit. Once a walk, because it may change between two, and not once a folder.
pub fn measure_handle_budget() {
    let budget = usize::try_from(most_handles() / 4).unwrap_or(MOST_HANDLES).min(MOST_HANDLES);
    BUDGET.store(budget, Ordering::Relaxed);
}

/// A folder handle that counts against the budget.
#[derive(Debug)]
pub struct CountedHandle(Handle);

impl CountedHandle {
    /// Keep a handle open, if the budget allows it.
    #[must_use]
    pub fn keep(handle: Handle) -> Option<Self> {
        if OPEN_HANDLES.fetch_add(1, Ordering::Relaxed) < BUDGET.load(Ordering::Relaxed) {
            Some(Self(handle))
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
pub enum FolderHandle<'a> {
    /// Kept open since the folder was listed.
    Kept(HandleRef<'a>),
    /// Opened again by path.
    Opened(Handle),
}

impl AsHandle for FolderHandle<'_> {
    fn as_handle(&self) -> HandleRef<'_> {
        match self {
            Self::Kept(handle) => *handle,
            Self::Opened(handle) => handle.as_handle(),
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
    pub(super) device: u64,
    pub(super) rules: FolderRules,
    pub(super) glob_rules: Option<FolderRules>,
    pub(super) handle: Option<CountedHandle>,
    /// The canonical path, kept only where the walk has left its source through a link.
    pub(super) outside: Option<Vec<u8>>,
}

impl Folder {
    pub(super) fn of_source(source: Arc<Source>, depth: i64) -> Self {
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
    pub(super) fn canonical(&self, name: &[u8]) -> Vec<u8> {
        match &self.outside {
            // A file that stands elsewhere and is only named here.
            _ if is_absolute(name) => name.to_vec(),
            Some(folder) => [folder, b"/".as_slice(), name].concat(),
            None => [self.source.canonical_prefix(), b"/", self.relative(), name].concat(),
        }
    }

    /// Its own canonical path.
    pub(super) fn own_canonical(&self) -> Vec<u8> {
        let mut path = self.canonical(b"");
        path.pop();
        path
    }

    /// Its path from the source.
    #[must_use]
    pub fn relative(&self) -> &[u8] {
        &self.shown[self.source.shown.len()..]
    }

    /// The folder's own path from the source, without a slash at its end; empty for the source itself.
    #[must_use]
    pub fn own_relative(&self) -> &[u8] {
        self.relative().strip_suffix(b"/").unwrap_or_default()
    }

    /// Its handle.
    ///
    /// # Errors
    /// The system's error, if it had to be opened again and could not be.
    pub fn open(&self) -> std::io::Result<FolderHandle<'_>> {
        if let Some(CountedHandle(handle)) = &self.handle {
            return Ok(FolderHandle::Kept(handle.as_handle()));
        }
        let root = self.source.open()?;
        match self.relative() {
            b"" => Ok(root),
            relative => self.open_below(root.as_handle(), &relative[..relative.len() - 1]).map(FolderHandle::Opened),
        }
    }

    /// Opens a folder that the walk reached by this path, without links unless it has left its source.
    fn open_below(&self, at: HandleRef<'_>, path: &[u8]) -> std::io::Result<Handle> {
        match &self.outside {
            None => open_folder_below(at, path),
            Some(_) => self.source.open_through_link(at, path),
        }
    }

    /// Opens the content of an entry, by its path from this folder, whose handle is `at`.
    pub(super) fn open_content(&self, at: HandleRef<'_>, path: &[u8], follow: bool) -> std::io::Result<Handle> {
        if !self.source.root.is_confined() {
            return open_content(at, path, follow);
        }
        match open_content(at, path, false) {
            // Where a link leads is for the root to say.
            Err(error) if follow && is_link(&error) => {
                self.source.root.open_content(&self.source.path_of(&[self.relative(), path].concat()), true)
            }
            opened => opened,
        }
    }

    /// Describes an entry, by its path from this folder, whose handle is `at`.
    pub(super) fn status(&self, at: HandleRef<'_>, path: &[u8], follow: bool) -> std::io::Result<FileStatus> {
        if !self.source.root.is_confined() {
            return status_at(at, path, follow);
        }
        let status = status_at(at, path, false)?;
        if follow && status.kind == FileKind::Symlink {
            return self.source.root.status(&self.source.path_of(&[self.relative(), path].concat()), true);
        }
        Ok(status)
    }

    /// Opens the folder behind the link `name`; `at` is this folder's handle.
    pub(super) fn open_link(&self, at: HandleRef<'_>, name: &[u8]) -> std::io::Result<Handle> {
        if self.source.root.is_confined() {
            self.source.open_through_link(at, &[self.relative(), name].concat())
        } else {
            open_folder(at, name, FolderUse::Listing, true)
        }
    }

    /// The nearest handle that is open, and whether it is this folder's own.
    pub(super) fn nearest(&self) -> std::io::Result<(FolderHandle<'_>, bool)> {
        match &self.handle {
            Some(CountedHandle(handle)) => Ok((FolderHandle::Kept(handle.as_handle()), true)),
            None => Ok((self.source.open()?, false)),
        }
    }
}

#[cfg(test)]
impl Source {
    /// A source for tests that never look at the file system.
    pub(crate) fn of_nothing() -> Arc<Self> {
        let filter = Filter::new(&crate::search::FilterOptions::default()).unwrap();
        let (shown, canonical) = (Vec::new(), Vec::new());
        let (root, path) = (Root::free(), Vec::new());
        Arc::new(Self { index: 0, shown, canonical, root, path, handle: None, filter: Arc::new(filter), glob: None })
    }
}
