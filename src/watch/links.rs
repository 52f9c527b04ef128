//! Followed links: what they lead to may lie where nothing is watched, so it is looked at now and then.

use super::lister::Lister;
use super::roots::Roots;
use super::snapshot::{Behind, FolderKey, FolderNode, Folders, Stamp};
use crate::io::root::{FileKind, FileStatus};

/// Whether there are any.
pub fn any(folders: &Folders) -> bool {
    folders.values().any(|node| names(node).next().is_some())
}

fn names(node: &FolderNode) -> impl Iterator<Item = &[u8]> {
    let entries = node.entries.iter().filter(|(_, stamp)| stamp.behind != Behind::NoLink).map(|(name, _)| name);
    let folders = node.folders.iter().filter(|(_, through_link)| *through_link).map(|(name, _)| name);
    entries.chain(folders).map(AsRef::as_ref)
}

/// The folders of which a link leads to something else than when they were listed.
pub fn changed(folders: &Folders, roots: &Roots, lister: &Lister<'_>) -> Vec<FolderKey> {
    let mut found = Vec::new();
    for (key, node) in folders {
        let names: Vec<_> = names(node).collect();
        let Some(source) = roots.source(key.source).filter(|_| !names.is_empty()) else { continue };
        let Ok(now) = lister.behind(source, &key.relative, &names) else { continue };
        if names.iter().zip(now).any(|(name, status)| !is_as_known(folders, key, node, name, status.as_ref())) {
            found.push(key.clone());
        }
    }
    found
}

fn is_as_known(
    folders: &Folders,
    key: &FolderKey,
    node: &FolderNode,
    name: &[u8],
    status: Option<&FileStatus>,
) -> bool {
    let now = status.map(|status| Stamp::new(status.kind, Some(status)));
    match (node.entry(name), now) {
        (Some(known), Some(now)) => known.behind == Behind::File && *known == now,
        (Some(known), None) => known.behind == Behind::Nothing,
        (None, now) => {
            let known = folders.get(&key.child(name)).and_then(|folder| folder.own);
            match (known, now) {
                // One that stands elsewhere too is entered there, and is a link here.
                (Some(known), Some(now)) if known.kind == FileKind::Symlink => now.kind == FileKind::Dir,
                (Some(known), Some(now)) => known.is_same_file(&now),
                // Where folders are no rows, nothing is known but that it is one.
                (None, now) => now.is_some_and(|now| now.kind == FileKind::Dir),
                (Some(_), None) => false,
            }
        }
    }
}
