//! The walk, one folder at a time: a folder's handle becomes a sorted listing of what is wanted of it.
//!
//! Which folder is listed next is not decided here. What waits stands in [`pending`], folders in [`folder`], how their
//! entries are judged in [`entries`], what they turned out to hold in [`listing`], and which part of the order is wanted
//! in [`section`].

mod entries;
mod entry_path;
mod folder;
mod listing;
mod pending;
mod section;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{FolderRules, Problem};
use crate::error::Error;
use crate::fail_point::FailPoint;
use crate::io::counters;
use crate::io::root::{
    AsHandle, EntryBuffer, FileKind, FileStatus, FolderUse, Handle, HandleRef, is_known_disk, open_folder,
    open_folder_below, status_at, status_of,
};
pub use entry_path::EntryPath;
pub use folder::{CountedHandle, Folder, FolderHandle, Source, measure_handle_budget};
pub use listing::{Entry, Listing, Note, Role};
use pending::FolderAt;
pub use pending::PendingFolder;
pub use section::Section;

/// A folder of more entries than this is described by all workers together, and not by the one that lists it.
const DESCRIBED_WITH_FOLDER: usize = 4096;

/// Which entries of a folder are wanted, and how far the walk goes.
#[derive(Debug, Clone)]
// Each is a switch of its own, documented where it stands.
#[allow(clippy::struct_excessive_bools)]
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
    /// The status of all other entries is wanted: those of a folder are asked for while its handle is open.
    pub entry_status: bool,
    /// The content of files is wanted: how it is read depends on the device they lie on.
    pub content: bool,
    /// Only entries on the way to this relative path.
    pub focus: Option<Vec<u8>>,
    /// Only the entries that stand in this section of the order.
    pub section: Option<Section>,
}
/// Lists folders; one for all workers of a scan.
#[derive(Debug)]
pub struct Walker {
    options: WalkOptions,
    /// Folders outside of their source that were entered through a link.
    entered: Mutex<HashSet<(u64, u64)>>,
    /// Where sources overlap: the canonical paths of what has been listed.
    seen: Option<Mutex<HashSet<Vec<u8>>>>,
    /// Where sources overlap: the canonical paths of what the caller named, which no rule excludes.
    named: HashSet<Vec<u8>>,
    sources: Vec<Arc<Source>>,
    /// By the index of a source: what is in force above it, and what is wrong there.
    above: OnceLock<HashMap<u32, (FolderRules, Vec<Problem>)>>,
}

/// What one worker needs to list folders, reused from one to the next.
#[derive(Default)]
pub struct ListingBuffers {
    entries: EntryBuffer,
    /// Where each name starts in `names`, its length, and what it names.
    raw: Vec<(u32, u32, FileKind)>,
    names: Vec<u8>,
    relative: Vec<u8>,
}

/// How a folder was reached.
#[derive(Clone, Copy)]
struct Reached<'a> {
    above: &'a Folder,
    name: &'a [u8],
    /// The handle from which it was opened, and the path from there.
    near: HandleRef<'a>,
    path: &'a [u8],
}

impl Walker {
    /// A walker of these sources. `overlap`: an entry may be reached from two of them.
    #[must_use]
    pub fn new(options: WalkOptions, pending: &[PendingFolder], overlap: bool) -> Self {
        let mut sources = Vec::new();
        let mut named = HashSet::new();
        for pending in pending {
            match &pending.at {
                FolderAt::Source(source) => sources.push(Arc::clone(source)),
                FolderAt::Named { source, name, failure: None, .. } if overlap => {
                    named.insert(source.canonical_of(name));
                }
                FolderAt::Named { .. } | FolderAt::Below { .. } => {}
            }
        }
        Self {
            options,
            entered: Mutex::default(),
            seen: overlap.then(Mutex::default),
            named,
            sources,
            above: OnceLock::new(),
        }
    }

    /// Whether folders are rows. What a glob names are files.
    fn keeps_folders(&self, folder: &Folder) -> bool {
        self.options.keep_folders && folder.source.glob.is_none()
    }

    /// Whether no earlier source has listed what has this canonical path.
    fn is_first(&self, canonical: impl FnOnce() -> Vec<u8>) -> bool {
        let Some(seen) = &self.seen else { return true };
        seen.lock().unwrap_or_else(PoisonError::into_inner).insert(canonical())
    }

    /// List one folder. Whatever fails is in the listing. If `stopped` says so, nothing more is asked of the system, and
    /// the listing says only that the folder was not reached.
    pub fn list(&self, pending: &PendingFolder, buffers: &mut ListingBuffers, stopped: &dyn Fn() -> bool) -> Listing {
        if stopped() {
            return self.unreached(pending);
        }
        counters::FOLDERS_LISTED.add(1);
        FailPoint::Listing.pass();
        let listing = match &pending.at {
            FolderAt::Source(source) => self.list_source(source, buffers, stopped),
            FolderAt::Named { source, name, kind, failure } => {
                Some(self.list_named(source, name, *kind, failure.as_ref()))
            }
            FolderAt::Below { parent, name, through_link } => {
                self.list_below(parent, name, *through_link, buffers, stopped)
            }
        };
        listing.unwrap_or_else(|| self.unreached(pending))
    }

    /// Whether an entry of this relative path stands in the section that is wanted.
    fn holds(&self, relative: &[u8]) -> bool {
        self.options.section.as_ref().is_none_or(|section| section.holds(relative))
    }

    fn unreached(&self, pending: &PendingFolder) -> Listing {
        let mut listing = match &pending.at {
            FolderAt::Source(source) => Listing::empty(Folder::of_source(Arc::clone(source), 1)),
            FolderAt::Named { source, name, kind, failure } => {
                return self.list_named(source, name, *kind, failure.as_ref());
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

    fn list_named(&self, source: &Arc<Source>, name: &[u8], kind: FileKind, failure: Option<&Error>) -> Listing {
        let mut listing = Listing::empty(Folder::of_source(Arc::clone(source), 0));
        listing.folder.short_read_is_end = source.open().is_ok_and(|folder| is_known_disk(folder.as_handle()));
        listing.named = true;
        // What the caller named stands before all that lies in a folder.
        if self.holds(b"") && self.is_first(|| source.canonical_of(name)) {
            match failure {
                Some(error) => listing.add_noted(name, kind, Note::Failed(error.clone())),
                None => listing.add(name, kind, Role::Wanted),
            }
        }
        listing
    }

    /// What is in force above a source. Of what is wrong there, each source tells what no source before it has told.
    fn above(&self, source: &Source) -> (FolderRules, Vec<Problem>) {
        let of_all = self.above.get_or_init(|| {
            let mut told = HashSet::new();
            let of_one = |source: &Arc<Source>| {
                let (rules, mut problems) = source.rules_above(&source.filter);
                problems.retain(|problem| told.insert(problem.path.clone()));
                problems.sort_unstable_by(|a, b| a.path.cmp(&b.path));
                (source.index, (rules, problems))
            };
            self.sources.iter().map(of_one).collect()
        });
        of_all.get(&source.index).cloned().unwrap_or_default()
    }

    fn list_source(
        &self,
        source: &Arc<Source>,
        buffers: &mut ListingBuffers,
        stopped: &dyn Fn() -> bool,
    ) -> Option<Listing> {
        let (rules, problems) = self.above(source);
        let glob_rules = source.glob.as_ref().map(|glob| source.rules_above(glob).0);
        let handle = source.open().and_then(|root| open_folder(root.as_handle(), b".", FolderUse::Listing, true));
        let folder = Folder { rules, glob_rules, ..Folder::of_source(Arc::clone(source), 1) };
        let mut listing = self.list_open(folder, handle, None, buffers, stopped)?;
        // Files above the source have no place among its entries; they stand before them, by their own path.
        let mut told = 0;
        for problem in problems {
            if self.holds(b"") && self.is_first(|| problem.path.clone()) {
                listing.add_noted_elsewhere(&problem.path, Note::Failed(problem.error));
                told += 1;
            }
        }
        listing.entries.rotate_right(told);
        Some(listing)
    }

    fn list_below(
        &self,
        parent: &Arc<Listing>,
        name: &[u8],
        through_link: bool,
        buffers: &mut ListingBuffers,
        stopped: &dyn Fn() -> bool,
    ) -> Option<Listing> {
        let above = &parent.folder;
        let mut folder = Folder {
            source: Arc::clone(&above.source),
            shown: [&above.shown, name, b"/"].concat(),
            depth: above.depth + 1,
            short_read_is_end: above.short_read_is_end,
            device: above.device,
            rules: above.rules.clone(),
            glob_rules: above.glob_rules.clone(),
            handle: None,
            outside: None,
        };
        let inside = !through_link && above.outside.is_none();
        let near = match if inside { above.nearest() } else { above.open().map(|parent| (parent, true)) } {
            Ok(near) => near,
            Err(error) => return Some(self.failed(folder, error, None)),
        };
        folder.outside = above.outside.as_ref().map(|canonical| [canonical, b"/".as_slice(), name].concat());
        // Where the parent's handle had to be given up, the folder is opened from its source, at no more cost.
        let (near, is_parent) = near;
        let from_source =
            if is_parent { Vec::new() } else { folder.relative()[..folder.relative().len() - 1].to_vec() };
        let path = if is_parent { name } else { &from_source };
        let relative = &folder.relative()[..folder.relative().len() - 1];
        let handle = if through_link {
            above.open_link(near.as_handle(), name)
        } else if is_parent {
            open_folder(near.as_handle(), path, FolderUse::Listing, false)
        } else {
            open_folder_below(near.as_handle(), path)
        };
        if through_link {
            match above.source.canonical_below(handle.as_ref().ok().map(AsHandle::as_handle), relative) {
                Ok(canonical) => folder.outside = Some(canonical),
                // Without its real path nothing tells whether the walk has been there.
                Err(error) => return Some(self.failed(folder, error, None)),
            }
        }
        let reached = Reached { above, name, near: near.as_handle(), path };
        self.list_open(folder, handle, Some(reached), buffers, stopped)
    }

    fn failed(&self, folder: Folder, error: std::io::Error, status: Option<FileStatus>) -> Listing {
        let mut listing = Listing::empty(folder);
        listing.error = Some(Error::io("list folder", &listing.folder.shown, error));
        listing.own_status = status;
        self.add_own(&mut listing, FileKind::Dir);
        listing
    }

    fn add_own(&self, listing: &mut Listing, kind: FileKind) {
        // What cannot be listed is told by every section that reaches into it: each of them lacks rows.
        let is_told = listing.error.is_some() || self.holds(listing.folder.own_relative());
        if is_told && self.is_first(|| listing.folder.own_canonical()) {
            listing.add_own(kind);
        }
    }

    fn list_open(
        &self,
        mut folder: Folder,
        handle: std::io::Result<Handle>,
        reached: Option<Reached<'_>>,
        buffers: &mut ListingBuffers,
        stopped: &dyn Fn() -> bool,
    ) -> Option<Listing> {
        let unfollowed = || {
            reached
                .filter(|_| self.options.folder_status)
                .and_then(|reached| status_at(reached.near, reached.path, false).ok())
        };
        let handle = match handle {
            Ok(handle) => handle,
            Err(error) => return Some(self.failed(folder, error, unfollowed())),
        };
        let asks = self.options.folder_status || self.options.content || self.options.one_file_system;
        let status = if asks || folder.outside.is_some() {
            match status_of(handle.as_handle()) {
                Ok(status) => Some(status),
                Err(error) => return Some(self.failed(folder, error, None)),
            }
        } else {
            None
        };
        let mut crossed = false;
        if let Some(status) = &status
            && status.device != folder.device
        {
            crossed = folder.device != 0;
            folder.short_read_is_end = is_known_disk(handle.as_handle());
            folder.device = status.device;
        }
        let mut listing = Listing::empty(folder);
        let enters = status.is_none_or(|status| self.may_enter(&listing.folder, &status));
        if enters && !(self.options.one_file_system && crossed) {
            self.read_entries(&mut listing, handle.as_handle(), buffers, stopped)?;
            listing.sort();
            if self.options.entry_status && listing.entries.len() <= DESCRIBED_WITH_FOLDER {
                self.describe_entries(&mut listing, handle.as_handle(), stopped);
            }
        }
        let is_row = self.keeps_folders(&listing.folder) && listing.folder.depth > 1;
        if is_row || listing.error.is_some() {
            if enters {
                listing.own_status = status.filter(|_| self.options.folder_status);
                self.add_own(&mut listing, FileKind::Dir);
            } else if self.holds(listing.folder.own_relative())
                && self.is_first(|| reached.map_or_else(Vec::new, |reached| reached.above.canonical(reached.name)))
            {
                // A link to a folder that is listed elsewhere stays what it is.
                listing.own_status = unfollowed();
                listing.add_own(FileKind::Symlink);
            }
        }
        listing.folder.handle = CountedHandle::keep(handle);
        Some(listing)
    }

    /// What is not described here, because the scan stops, is when its turn comes, or told as not reached.
    fn describe_entries(&self, listing: &mut Listing, handle: HandleRef<'_>, stopped: &dyn Fn() -> bool) {
        listing.describe(|folder, name, kind| {
            let described = kind != FileKind::Unknown && !stopped();
            counters::FILES_DESCRIBED.add(u64::from(described));
            let follow = self.options.follow_symlinks && kind != FileKind::Symlink;
            described.then(|| folder.status(handle, name, follow).ok()).flatten()
        });
    }

    /// Whether a folder outside of the source is entered: once, and not where the walk comes by its real path.
    fn may_enter(&self, folder: &Folder, status: &FileStatus) -> bool {
        let Some(canonical) = &folder.outside else { return true };
        let inside = canonical
            .strip_prefix(folder.source.canonical_prefix())
            .is_some_and(|rest| rest.is_empty() || rest[0] == b'/');
        !inside && self.entered.lock().unwrap_or_else(PoisonError::into_inner).insert((status.device, status.inode))
    }
}
