//! What waits to be listed: a source, an entry named by the caller, or a folder found in a listing.

use std::sync::Arc;

use super::folder::Source;
use super::listing::{Entry, Listing};
use crate::error::Error;
use crate::io::root::FileKind;

/// A folder that waits to be listed.
#[derive(Debug, Clone)]
pub struct PendingFolder {
    pub(super) at: FolderAt,
    /// It was reached through a link that leads out of the source, where only the first way in the table's order
    /// counts: it may be listed only when no folder before it is still to be listed.
    pub in_order: bool,
}

#[derive(Debug, Clone)]
pub(super) enum FolderAt {
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
        Self::child(parent, parent.name(entry), entry.kind == FileKind::Symlink)
    }

    /// The folder of this name in one that was listed, whose listing may have been emptied since.
    #[must_use]
    pub fn child(parent: &Arc<Listing>, name: &[u8], through_link: bool) -> Self {
        Self {
            in_order: through_link || parent.folder.outside.is_some(),
            at: FolderAt::Below { parent: Arc::clone(parent), name: name.to_vec(), through_link },
        }
    }

    /// The source that its walk started from.
    #[must_use]
    pub fn origin(&self) -> &Arc<Source> {
        match &self.at {
            FolderAt::Source(source) | FolderAt::Named { source, .. } => source,
            FolderAt::Below { parent, .. } => &parent.folder.source,
        }
    }

    /// Why an entry that was named by the caller cannot be used.
    #[must_use]
    pub fn failure(&self) -> Option<&Error> {
        match &self.at {
            FolderAt::Named { failure, .. } => failure.as_ref(),
            FolderAt::Source(_) | FolderAt::Below { .. } => None,
        }
    }

    /// The name in its source, of an entry that was named by the caller.
    #[must_use]
    pub fn entry_name(&self) -> Option<&[u8]> {
        match &self.at {
            FolderAt::Named { name, .. } => Some(name),
            FolderAt::Source(_) | FolderAt::Below { .. } => None,
        }
    }
}

#[cfg(test)]
impl PendingFolder {
    /// A folder for tests that never look at the file system.
    pub(crate) fn of_nothing() -> Self {
        Self::source(Source::of_nothing())
    }
}
