//! The entries of one folder are read, and each is judged: wanted, excluded, or to be descended into.

use std::ops::ControlFlow;

use super::{Folder, Listing, ListingBuffers, Note, Role, Walker};
use crate::error::Error;
use crate::io::counters;
use crate::io::root::spelling::of_prefix;
use crate::io::root::{FileKind, HandleRef, each_entry, status_at};
use crate::search::{Present, Problem, Verdict};

/// A folder may hold millions of entries: after so many of them the walk looks whether it is to stop.
const LOOK_EVERY: usize = 4096;

/// Why the end of a section is an error.
const LOST: &str = "it stood here when the tree was planned, and is gone; what has come since is in the other rows";

impl Walker {
    /// `None`: the scan stopped in the middle.
    pub(super) fn read_entries(
        &self,
        listing: &mut Listing,
        handle: HandleRef<'_>,
        buffers: &mut ListingBuffers,
        stopped: &dyn Fn() -> bool,
    ) -> Option<()> {
        let mut present = Present::default();
        let ListingBuffers { entries, raw, names, relative } = buffers;
        raw.clear();
        names.clear();
        let root = &listing.folder.source.root;
        let read = each_entry(handle, entries, |name, kind| {
            // What git's own folder and ignore files leave out is left out also where they are denied.
            present.note(name);
            if root.denies(name) {
                return ControlFlow::Continue(());
            }
            let start = u32::try_from(names.len()).unwrap_or(u32::MAX);
            names.extend_from_slice(name);
            raw.push((start, u32::try_from(name.len()).unwrap_or(0), kind));
            let stops = raw.len().is_multiple_of(LOOK_EVERY) && stopped();
            if stops { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match read {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return None,
            Err(error) => listing.error = Some(Error::io("list folder", &listing.folder.shown, error)),
        }
        let problems = Self::apply_rules(listing, handle, present);
        relative.clear();
        relative.extend_from_slice(listing.folder.relative());
        listing.reserve(raw.len(), names.len());
        for (at, &(start, length, kind)) in raw.iter().enumerate() {
            if at % LOOK_EVERY == LOOK_EVERY - 1 && stopped() {
                return None;
            }
            let name = &names[start as usize..(start + length) as usize];
            if problems.iter().any(|problem| name_in(&listing.folder, problem) == Some(name)) {
                continue;
            }
            self.consider(listing, handle, name, kind, relative);
        }
        for problem in problems {
            let below = problem.path.strip_prefix(listing.folder.shown.as_slice());
            // One that stands elsewhere is told where the folder is.
            let is_held = match below {
                Some(below) => self.holds(&[relative.as_slice(), below].concat()),
                None => self.holds(listing.folder.own_relative()),
            };
            let name = name_in(&listing.folder, &problem).map(<[u8]>::to_vec);
            let known_as = name.as_ref().unwrap_or(&problem.path);
            if is_held && self.is_first(|| listing.folder.canonical(known_as)) {
                match name {
                    Some(name) => listing.add_noted(&name, FileKind::File, Note::Failed(problem.error)),
                    None => listing.add_noted_elsewhere(&problem.path, Note::Failed(problem.error)),
                }
            }
        }
        self.note_lost(listing, |name| {
            raw.iter()
                .find(|&&(start, length, _)| &names[start as usize..(start + length) as usize] == name)
                .map(|raw| raw.2)
        });
        Some(())
    }

    /// Tell if the way to the end of the section is not there any more: what was planned to be here has gone.
    fn note_lost(&self, listing: &mut Listing, kind_of: impl Fn(&[u8]) -> Option<FileKind>) {
        let Some(section) = &self.options.section else { return };
        let Some((name, is_folder)) = section.expects_in(listing.folder.relative()) else { return };
        let is_there =
            kind_of(name).is_some_and(|kind| kind == FileKind::Unknown || is_folder == (kind == FileKind::Dir));
        if listing.error.is_none() && !is_there {
            let lost = std::io::Error::new(std::io::ErrorKind::NotFound, LOST);
            let kind = if is_folder { FileKind::Dir } else { FileKind::File };
            let path = [&listing.folder.shown, name].concat();
            listing.add_noted(name, kind, Note::Failed(Error::io("find", &path, lost)));
        }
    }

    fn apply_rules(listing: &mut Listing, handle: HandleRef<'_>, present: Present) -> Vec<Problem> {
        let folder = &mut listing.folder;
        let relative = folder.own_relative();
        let shown = of_prefix(&folder.shown);
        let (rules, problems) = folder.source.filter.enter(&folder.rules, handle, shown, relative, present);
        let glob_rules = match (&folder.source.glob, &folder.glob_rules) {
            (Some(glob), Some(rules)) => Some(glob.enter(rules, handle, shown, relative, Present::default()).0),
            _ => None,
        };
        folder.rules = rules;
        folder.glob_rules = glob_rules;
        problems
    }

    /// Decide what one entry becomes.
    fn consider(
        &self,
        listing: &mut Listing,
        handle: HandleRef<'_>,
        name: &[u8],
        kind: FileKind,
        relative: &mut Vec<u8>,
    ) {
        let folder_length = relative.len();
        if let Some(focus) = &self.options.focus
            && !on_the_way(focus, &relative[..folder_length], name)
        {
            return;
        }
        relative.extend_from_slice(name);
        let is_held = self.holds(relative);
        let is_reached = self.options.section.as_ref().is_none_or(|section| section.reaches_into(relative));
        relative.truncate(folder_length);
        if !is_held && !is_reached {
            return;
        }
        let (kind, target) = match self.kinds(&listing.folder, handle, name, kind) {
            Ok(kinds) => kinds,
            Err((kind, error)) => {
                if is_held && self.is_first(|| listing.folder.canonical(name)) {
                    listing.add_noted(name, kind, Note::Failed(error));
                }
                return;
            }
        };
        let is_folder = target == FileKind::Dir;
        relative.extend_from_slice(name);
        let verdict = Self::verdict(&listing.folder, relative, name, is_folder);
        relative.truncate(folder_length);
        let may_descend = self.options.max_depth.is_none_or(|most| listing.folder.depth < most);
        match verdict {
            // Its own row comes with what lies in it, if it is held.
            Verdict::Keep if is_folder && may_descend && name != b".git" => listing.add(name, kind, Role::Descend),
            _ if !is_held => {}
            Verdict::Keep => {
                let wanted = if is_folder {
                    self.keeps_folders(&listing.folder)
                } else {
                    target == FileKind::File || self.options.keep_others
                };
                if wanted && self.is_first(|| listing.folder.canonical(name)) {
                    match (is_folder, kind == target) {
                        (false, false) => listing.add_followed(name, target),
                        _ => listing.add(name, kind, Role::Wanted),
                    }
                }
            }
            Verdict::Unwanted => {}
            excluded => {
                let is_considered = is_folder || target == FileKind::File;
                if self.options.keep_excluded && is_considered && self.is_first_excluded(&listing.folder, name) {
                    let note = match excluded {
                        Verdict::Ignored(rule) => Note::Ignored(rule.describe()),
                        _ => Note::Hidden,
                    };
                    listing.add_noted(name, kind, note);
                }
            }
        }
    }

    /// What is excluded below one source may be named as another, and is searched there.
    fn is_first_excluded(&self, folder: &Folder, name: &[u8]) -> bool {
        if self.seen.is_none() {
            return true;
        }
        let canonical = folder.canonical(name);
        !self.named.contains(&canonical) && self.is_first(|| canonical)
    }

    fn verdict(folder: &Folder, relative: &[u8], name: &[u8], is_folder: bool) -> Verdict {
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
        folder: &Folder,
        handle: HandleRef<'_>,
        name: &[u8],
        mut kind: FileKind,
    ) -> std::result::Result<(FileKind, FileKind), (FileKind, Error)> {
        if kind == FileKind::Unknown {
            counters::FILES_DESCRIBED.add(1);
            kind = status_at(handle, name, false).map_err(|error| (kind, Error::io("describe", name, error)))?.kind;
        }
        if kind != FileKind::Symlink || !self.options.follow_symlinks {
            return Ok((kind, kind));
        }
        counters::FILES_DESCRIBED.add(1);
        match folder.status(handle, name, true) {
            Ok(status) => Ok((kind, status.kind)),
            Err(error) => Err((kind, Error::io("follow link", name, error))),
        }
    }
}

/// The name of an ignore file that cannot be used, if it stands directly in this folder.
fn name_in<'a>(folder: &Folder, problem: &'a Problem) -> Option<&'a [u8]> {
    problem.path.strip_prefix(folder.shown.as_slice()).filter(|name| !name.contains(&b'/'))
}

/// Whether an entry lies on the way to `focus`, or is it, or lies below it.
fn on_the_way(focus: &[u8], folder: &[u8], name: &[u8]) -> bool {
    let Some(rest) = focus.strip_prefix(folder) else {
        return folder.strip_prefix(focus).is_some_and(|below| below.first() == Some(&b'/'));
    };
    rest.strip_prefix(name).is_some_and(|below| below.is_empty() || below[0] == b'/')
}
