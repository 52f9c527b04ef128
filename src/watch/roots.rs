//! Where the watched trees begin, found again whenever one of them may be another than before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::later::is_shortage;
use crate::error::{Error, Result};
use crate::io::root::path_bytes::of_path;
use crate::io::root::spelling::{as_prefix, is_absolute, root_bytes};
use crate::io::root::{FileKind, Root, TimeSpec, absolute};
use crate::scan::{ScanOptions, SourceSpec, Sources, normalised};
use crate::search::walk::{PendingFolder, Source, WalkOptions, Walker};

/// How often it is looked whether each source is still what it was. Only for what no watch tells: that a link on the way
/// leads elsewhere, that a source has come back, that rules above it changed.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// What a caller asked to watch, independent of what the process takes for its current directory later.
#[derive(Debug)]
pub struct Request {
    options: ScanOptions,
    /// The current directory at the start, with a final `/`, which the tables do not show unless asked to.
    hidden_prefix: Vec<u8>,
}

/// Where a source begins, as the first part of its rows' keys. As a folder and as anything else it is two places, with
/// other paths relative to it, in the order of the sources.
pub type Place = u32;

fn place_of(index: usize, is_folder: bool) -> Place {
    u32::try_from(index * 2 + usize::from(!is_folder)).unwrap_or(Place::MAX)
}

/// The sources as they are now.
#[derive(Debug)]
pub struct Roots {
    /// Where each walk starts.
    pub pending: Vec<PendingFolder>,
    /// Whether one may be reached from another, so that none can be listed by itself.
    pub overlap: bool,
    looks: Vec<Option<Look>>,
    above: Vec<Option<Look>>,
    checked: Instant,
}

/// What stands under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Missing,
    Folder { device: u64, inode: u64 },
    Other { size: u64, changed: TimeSpec },
}

/// What a check of the sources has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// These sources, which are no folders, have changed.
    Entries(Vec<Place>),
    /// A source is another folder than before, or other rules are in force.
    Anew,
}

/// Nothing: the system was short of something, so that nothing is known.
fn look(root: &Root, path: &[u8]) -> Option<Look> {
    match root.relative(path).and_then(|path| root.status(&path, true)) {
        Err(error) if is_shortage(error.raw_os_error()) => None,
        Err(_) => Some(Look::Missing),
        Ok(status) if status.kind == FileKind::Dir => Some(Look::Folder { device: status.device, inode: status.inode }),
        Ok(status) => Some(Look::Other { size: status.size, changed: status.last_change() }),
    }
}

impl Request {
    /// Take over the options of a scan that was found valid.
    ///
    /// # Errors
    /// If the current directory is gone.
    pub fn new(options: &ScanOptions) -> Result<Self> {
        let mut options = ScanOptions { sources_are_list: true, ..options.clone() };
        if options.within.is_confined() {
            // Its paths start in a folder that is held open.
            return Ok(Self { options, hidden_prefix: Vec::new() });
        }
        let here = std::env::current_dir().map_err(|error| Error::io("find the current directory", b".", error))?;
        let mut hidden_prefix = as_prefix(&of_path(&here));
        for spec in &mut options.sources {
            let path = normalised(&spec.path);
            if is_absolute(&path) {
                continue;
            }
            spec.path = if root_bytes(&path) == 0 {
                normalised(&[hidden_prefix.as_slice(), &path].concat())
            } else {
                // On Windows, what lies on the current drive, or in the current folder of another one.
                absolute(&path).map_err(|error| Error::io("find the current directory", &path, error))?
            };
        }
        // It may hold the characters of globs.
        options.globs_start_in.clone_from(&hidden_prefix);
        if options.absolute_paths {
            hidden_prefix.clear();
        }
        Ok(Self { options, hidden_prefix })
    }

    /// Find out what each source is now. One that is not there is none to list.
    ///
    /// # Errors
    /// The system is short of something. Otherwise a defect: what can be wrong with the arguments was found before.
    pub fn resolve(&self) -> Result<Roots> {
        // Looked at first: what changes in between is seen by the next check.
        let looks = self.looks();
        let Sources { pending, overlap } = Sources::resolve(&self.options)?;
        let mut failures = pending.iter().filter_map(PendingFolder::failure);
        if let Some(error) = failures.find(|error| is_shortage(error.errno())) {
            return Err(error.clone());
        }
        let overlap = overlap || self.options.follow_symlinks;
        let above = self.above(&pending);
        Ok(Roots { pending, overlap, looks, above, checked: Instant::now() })
    }

    fn looks(&self) -> Vec<Option<Look>> {
        let of_one = |spec: &SourceSpec| match (look(&self.options.within, &spec.path), self.options.glob_folder(spec))
        {
            (Some(Look::Missing), Some(folder)) => look(&self.options.within, &folder),
            (found, _) => found,
        };
        self.options.sources.iter().map(of_one).collect()
    }

    /// The ignore files that are in force in a source and stand where nothing is watched.
    fn above(&self, pending: &[PendingFolder]) -> Vec<Option<Look>> {
        let mut looks = Vec::new();
        if !self.options.filter.respect_ignore || self.options.filter.confined {
            return looks;
        }
        // What lies above a root that no walk may leave is outside of it, and so is never found.
        let root = &self.options.within;
        let mut folders: Vec<&[u8]> = Vec::new();
        for pending in pending.iter().filter(|pending| pending.entry_name().is_none()) {
            let canonical = pending.origin().canonical.as_slice();
            // Of what stands in the source itself, only what lies in `.git` is not watched.
            looks.push(look(root, &[canonical, b"/.git/info/exclude"].concat()));
            let top = root_bytes(canonical).saturating_sub(1);
            folders.extend(memchr::memchr_iter(b'/', canonical).filter(|at| *at >= top).map(|at| &canonical[..at]));
        }
        folders.sort_unstable();
        folders.dedup();
        for folder in folders {
            for name in [&b"/.gitignore"[..], b"/.ignore", b"/.rgignore", b"/.git", b"/.git/info/exclude"] {
                looks.push(look(root, &[folder, name].concat()));
            }
        }
        looks
    }

    /// Whether the sources are what they were, if it is time to look.
    pub fn check(&self, roots: &mut Roots) -> Option<Check> {
        if roots.next_check() > Instant::now() {
            return None;
        }
        let (mut looks, mut above) = (self.looks(), self.above(&roots.pending));
        // What is not known for the moment is taken for what it was.
        for (now, before) in looks.iter_mut().zip(&roots.looks).chain(above.iter_mut().zip(&roots.above)) {
            *now = now.or(*before);
        }
        roots.checked = Instant::now();
        let mut changed = Vec::new();
        for (index, (now, before)) in
            looks.iter().zip(&roots.looks).enumerate().filter(|(_, (now, before))| now != before)
        {
            match (now, before) {
                (Some(Look::Other { .. }), Some(Look::Other { .. })) => changed.push(place_of(index, false)),
                _ => return Some(Check::Anew),
            }
        }
        if above != roots.above {
            return Some(Check::Anew);
        }
        roots.looks = looks;
        (!changed.is_empty()).then_some(Check::Entries(changed))
    }

    /// The source as the tables show it, with a final `/`; nothing for the current directory.
    pub fn shown<'a>(&self, source: &'a Source) -> &'a [u8] {
        source.shown.strip_prefix(self.hidden_prefix.as_slice()).unwrap_or(&source.shown)
    }

    /// A walker of the sources. The rows are those of the files table with all its columns.
    pub fn walker(&self, roots: &Roots) -> Walker {
        let filter = &self.options.filter;
        let options = WalkOptions {
            follow_symlinks: self.options.follow_symlinks,
            max_depth: self.options.max_depth.map(i64::from),
            one_file_system: self.options.one_file_system,
            keep_excluded: false,
            keep_folders: filter.include.is_empty() && filter.types.is_empty(),
            keep_others: true,
            folder_status: true,
            entry_status: true,
            content: false,
            focus: None,
            section: None,
        };
        Walker::new(options, &roots.pending, roots.overlap)
    }

    /// The options of the scan that gives the same rows.
    pub fn options(&self) -> &ScanOptions {
        &self.options
    }
}

impl Roots {
    /// When to look at the sources again.
    pub fn next_check(&self) -> Instant {
        self.checked + CHECK_EVERY
    }

    /// Look at the sources at the next opportunity.
    pub fn check_soon(&mut self) {
        if let Some(past) = Instant::now().checked_sub(CHECK_EVERY) {
            self.checked = past;
        }
    }

    /// The places where walks start, in the order of the sources.
    pub fn places(&self) -> impl Iterator<Item = (Place, &PendingFolder)> {
        self.pending.iter().enumerate().map(|(index, start)| (place_of(index, start.entry_name().is_none()), start))
    }

    /// The start of a walk, if the source is still of that kind.
    pub fn start(&self, place: Place) -> Option<&PendingFolder> {
        let index = usize::try_from(place / 2).ok()?;
        self.pending.get(index).filter(|start| place_of(index, start.entry_name().is_none()) == place)
    }

    /// The source of a place.
    pub fn source(&self, place: Place) -> Option<&Arc<Source>> {
        self.start(place).map(PendingFolder::origin)
    }
}
