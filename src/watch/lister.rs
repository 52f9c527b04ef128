//! One folder is listed, by the walk of the scans and under its rules, and becomes what a snapshot keeps of it.

use std::sync::Arc;

use super::later::is_shortage;
use super::snapshot::{Behind, FolderNode, Stamp};
use crate::error::ErrorKind;
use crate::io::root::{AsHandle, FileKind, FileStatus, Handle, HandleRef, is_link, open_folder_below, status_at};
use crate::scan::ScanOptions;
use crate::search::walk::{Entry, Listing, ListingBuffers, Note, PendingFolder, Role, Source, Walker};

/// Lists folders of one round.
pub struct Lister<'a> {
    walker: Walker,
    buffers: ListingBuffers,
    follow: bool,
    max_file_size: Option<u64>,
    stopped: &'a dyn Fn() -> bool,
}

/// What became of a listing.
pub enum Listed {
    /// What is in it.
    Folder(FolderNode),
    /// What a scan would show of it. It could not be read, or not to its end, for a reason that no watch tells the end of.
    Broken(FolderNode),
    /// There is no such folder.
    Gone,
    /// The system was short of something: nothing is known of it.
    Unsure,
    /// The watcher is being closed.
    Stopped,
}

/// The system was short of something.
struct Shortage;

impl<'a> Lister<'a> {
    /// A lister of one round, which ends early when `stopped` says so.
    pub fn new(walker: Walker, options: &ScanOptions, stopped: &'a dyn Fn() -> bool) -> Self {
        Self {
            walker,
            buffers: ListingBuffers::default(),
            follow: options.follow_symlinks,
            max_file_size: options.max_file_size,
            stopped,
        }
    }

    /// Open a folder by its path from its source, to be watched.
    pub fn open(&self, source: &Source, relative: &[u8]) -> std::io::Result<Handle> {
        let root = source.open()?;
        let path = relative.strip_suffix(b"/").unwrap_or(b".");
        if self.follow {
            source.open_through_link(root.as_handle(), path)
        } else {
            open_folder_below(root.as_handle(), path)
        }
    }

    /// The path of a folder that was opened by its path from its source, free of links.
    pub fn real_path(&self, source: &Source, folder: HandleRef<'_>, relative: &[u8]) -> std::io::Result<Vec<u8>> {
        match relative.strip_suffix(b"/") {
            None if !source.root.is_confined() => Ok(source.canonical.clone()),
            // Without links on the way, it lies in its source.
            Some(path) if !source.root.is_confined() && !self.follow => Ok(source.canonical_of(path)),
            path => source.canonical_below(Some(folder), path.unwrap_or(b".")),
        }
    }

    /// List a folder.
    pub fn list(&mut self, pending: &PendingFolder) -> Listed {
        let listing = self.walker.list(pending, &mut self.buffers, self.stopped);
        if listing.unreached || (self.stopped)() {
            return Listed::Stopped;
        }
        let failed = listing.entries.iter().filter_map(|entry| match listing.note(entry) {
            Some(Note::Failed(error)) => Some(error),
            _ => None,
        });
        // Without an ignore file that is there, or without what a link leads to, other entries would be rows.
        if listing.error.iter().chain(failed).any(|error| is_shortage(error.errno())) {
            return Listed::Unsure;
        }
        let is_gone = |error: &crate::Error| {
            let system = std::error::Error::source(error).and_then(|error| error.downcast_ref());
            error.kind() == ErrorKind::PathNotFound || system.is_some_and(is_link)
        };
        if listing.error.as_ref().is_some_and(is_gone) {
            return Listed::Gone;
        }
        let mut own = None;
        let mut entries: Vec<(Box<[u8]>, Stamp)> = Vec::new();
        let mut folders = Vec::new();
        for entry in &listing.entries {
            let name = || Box::from(listing.name(entry));
            match entry.role {
                // The source itself is no row; here it would be one that could not be listed.
                Role::Own if listing.folder.depth > 1 => {
                    own = Some(Stamp::new(entry.kind, listing.own_status.as_ref()));
                }
                Role::Own => {}
                Role::Descend => folders.push((name(), entry.kind == FileKind::Symlink)),
                Role::Wanted | Role::Noted => match self.stamp(&listing, entry) {
                    Ok(Some(stamp)) => entries.push((name(), stamp)),
                    Ok(None) => {}
                    Err(Shortage) => return Listed::Unsure,
                },
            }
        }
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let is_refused =
            |error: &crate::Error| matches!(error.kind(), ErrorKind::AccessDenied | ErrorKind::OutsideRoot);
        let is_broken = listing.error.as_ref().is_some_and(|error| !is_refused(error));
        let node = FolderNode { place: Some(Arc::new(listing.emptied())), own, entries, folders };
        if is_broken { Listed::Broken(node) } else { Listed::Folder(node) }
    }

    /// What is seen of an entry, if it is a row.
    fn stamp(&self, listing: &Listing, entry: &Entry) -> Result<Option<Stamp>, Shortage> {
        let failed = match listing.note(entry) {
            None => false,
            // A file above the source is none of its entries.
            Some(Note::Failed(_)) => !listing.stands_elsewhere(entry),
            Some(_) => return Ok(None),
        };
        if entry.role == Role::Noted && !failed {
            return Ok(None);
        }
        let behind = match entry {
            Entry { followed: true, .. } => Behind::File,
            Entry { kind: FileKind::Symlink, .. } if failed && self.follow => Behind::Nothing,
            _ => Behind::NoLink,
        };
        let asked = || {
            let folder = listing.folder.open()?;
            listing.ask_status(entry, folder.as_handle(), self.follow && entry.kind != FileKind::Symlink)
        };
        let status = match listing.status(entry) {
            Some(status) => Ok(*status),
            None => asked(),
        };
        match status {
            Ok(status) if !failed && self.is_too_large(&status) => Ok(None),
            Ok(status) => Ok(Some(Stamp { behind, ..Stamp::new(status.kind, Some(&status)) })),
            // It was there when the folder was read; that it went is told of the folder.
            Err(error) if ErrorKind::of_io(&error) == ErrorKind::PathNotFound => Ok(None),
            Err(error) if is_shortage(error.raw_os_error()) => Err(Shortage),
            Err(_) => Ok(Some(Stamp { behind, ..Stamp::new(entry.kind, None) })),
        }
    }

    /// What these links of a folder lead to.
    pub fn behind(
        &self,
        source: &Source,
        relative: &[u8],
        names: &[&[u8]],
    ) -> std::io::Result<Vec<Option<FileStatus>>> {
        let folder = if source.root.is_confined() { None } else { Some(self.open(source, relative)?) };
        let of_one = |name: &&[u8]| {
            let status = match &folder {
                Some(folder) => status_at(folder.as_handle(), name, true),
                None => source.root.status(&source.path_of(&[relative, name].concat()), true),
            };
            match status {
                Err(error) if is_shortage(error.raw_os_error()) => Err(error),
                status => Ok(status.ok()),
            }
        };
        names.iter().map(of_one).collect()
    }

    /// Look at single entries of a folder that has been listed. Nothing: it is to be listed again.
    pub fn again(&self, source: &Source, relative: &[u8], names: &[&[u8]]) -> Option<Vec<Stamp>> {
        // What is left out because of its size may have to come in, and where links lead is for the walk to say.
        if self.max_file_size.is_some() || self.follow {
            return None;
        }
        let folder = self.open(source, relative).ok()?;
        let of_one = |name: &&[u8]| {
            let status = status_at(folder.as_handle(), name, false).ok()?;
            Some(Stamp::new(status.kind, Some(&status)))
        };
        names.iter().map(of_one).collect()
    }

    /// Look at an entry that the caller named.
    pub fn named(&mut self, pending: &PendingFolder, name: &[u8]) -> Listed {
        let source = pending.origin();
        // Where sources overlap, one before it may have this entry already.
        let is_first = !self.walker.list(pending, &mut self.buffers, self.stopped).entries.is_empty();
        let status = if source.root.is_confined() {
            source.root.status(&source.path_of(name), true)
        } else {
            source.open().and_then(|folder| status_at(folder.as_handle(), name, true))
        };
        if status.as_ref().is_err_and(|error| is_shortage(error.raw_os_error())) {
            return Listed::Unsure;
        }
        let row = |status: &FileStatus| (Box::from(name), Stamp::new(status.kind, Some(status)));
        // What has become a folder is walked when the sources are looked at again.
        let is_row = |status: &&FileStatus| is_first && status.kind != FileKind::Dir && !self.is_too_large(status);
        let entries = status.iter().filter(is_row).map(row).collect();
        Listed::Folder(FolderNode { place: None, own: None, entries, folders: Vec::new() })
    }

    fn is_too_large(&self, status: &FileStatus) -> bool {
        status.kind == FileKind::File && self.max_file_size.is_some_and(|most| status.size > most)
    }
}
