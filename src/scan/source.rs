//! Sources as the caller spells them become places where a walk starts.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::options::{ScanOptions, SourceSpec};
use crate::error::{Error, ErrorKind, Result};
pub use crate::io::root::spelling::normalised;
use crate::io::root::spelling::{as_prefix, is_absolute, root_bytes, split_last};
use crate::io::root::{AsHandle, EntryBuffer, FileKind, FolderUse, absolute, each_entry};
use crate::search::GlobalExcludes;
use crate::search::filter::{Filter, FilterOptions};
use crate::search::walk::{CountedHandle, PendingFolder, Source, measure_handle_budget};

/// Why a source of a plan is an error although it is there.
const EMPTIED: &str =
    "it is empty, and files stood in it when the tree was planned: is its file system mounted on this machine?";

/// The sources of a scan, ready to be walked.
#[derive(Debug)]
pub struct Sources {
    /// In the caller's order.
    pub pending: Vec<PendingFolder>,
    /// Whether one of them lies in another, so that a file may be reached twice.
    pub overlap: bool,
}

fn is_glob(part: &[u8]) -> bool {
    part.iter().any(|byte| b"*?[".contains(byte))
}

/// A glob as the folder above its first glob component, and the rest. What lies in the folder `start` is no glob before.
fn split_glob(path: &[u8], start: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let literal = if path.starts_with(start) { start.len() } else { 0 };
    let (root, rest) = path.split_at(literal.max(root_bytes(path)));
    let parts: Vec<&[u8]> = rest.split(|byte| *byte == b'/').collect();
    let first = parts.iter().position(|part| is_glob(part)).unwrap_or(parts.len());
    let folder = [root, &parts[..first].join(b"/".as_slice())].concat();
    (if folder.is_empty() { b".".to_vec() } else { folder }, parts[first..].join(b"/".as_slice()))
}

impl ScanOptions {
    /// The folder in which what a source matches is looked for, if the source is a glob where it names nothing.
    #[must_use]
    pub fn glob_folder(&self, source: &SourceSpec) -> Option<Vec<u8>> {
        let (folder, pattern) = split_glob(&source.path, &self.globs_start_in);
        (source.may_be_glob && is_glob(&pattern)).then_some(folder)
    }
}

impl Sources {
    /// Find out what each source is.
    ///
    /// # Errors
    /// If the only source cannot be used, or a glob does not parse.
    pub fn resolve(options: &ScanOptions) -> Result<Self> {
        measure_handle_budget();
        if options.sources.is_empty() {
            return Err(Error::argument("source", "expected at least one path, got an empty list"));
        }
        let filter = if options.within.is_confined() {
            let global_excludes = GlobalExcludes::Nowhere;
            Filter::new(&FilterOptions { confined: true, global_excludes, ..options.filter.clone() })?
        } else {
            Filter::new(&options.filter)?
        };
        let filter = Arc::new(filter);
        let mut resolver = Resolver { options, filter, folders: HashMap::new() };
        let mut found = Vec::new();
        for (index, spec) in options.sources.iter().enumerate() {
            found.push(resolver.resolve(u32::try_from(index).unwrap_or(u32::MAX), spec)?);
        }
        // Through a link, one source may reach what lies in another.
        let linked = options.follow_symlinks && found.len() > 1;
        let overlap = linked || overlapping(found.iter().map(|(canonical, _)| canonical.clone()).collect());
        let pending = found.into_iter().map(|(_, pending)| pending).collect();
        Ok(Self { pending, overlap })
    }
}

/// Whether a path lies in another or equals it.
fn overlapping(mut paths: Vec<Vec<u8>>) -> bool {
    for path in &mut paths {
        // With a final slash, component order is byte order and nothing stands between a folder and its contents.
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
    }
    paths.sort_unstable();
    paths.windows(2).any(|pair| pair[1].starts_with(&pair[0]))
}

struct Resolver<'a> {
    options: &'a ScanOptions,
    filter: Arc<Filter>,
    /// The folders that sources stand in, so that a thousand files of one folder need one handle.
    folders: HashMap<Vec<u8>, KnownFolder>,
}

/// A folder's canonical path, and its handle if it is kept open.
#[derive(Debug, Clone)]
struct KnownFolder {
    canonical: Vec<u8>,
    handle: Option<Arc<CountedHandle>>,
}

/// A source's canonical path, and the source.
type Found = (Vec<u8>, PendingFolder);

impl Resolver<'_> {
    fn resolve(&mut self, index: u32, spec: &SourceSpec) -> Result<Found> {
        if spec.path.is_empty() {
            return Err(Error::argument("source", "expected a path, got an empty one; the current directory is \".\""));
        }
        if spec.path.contains(&0) {
            return Err(Error::argument("source", "expected a path, got one that holds a NUL byte"));
        }
        let mut path = normalised(&spec.path);
        if !is_absolute(&path) && path.get(1) == Some(&b':') && root_bytes(&path) == 2 {
            // The current folder of a drive of Windows has no spelling that paths below it could begin with.
            path = absolute(&path).map_err(|error| Error::io("open source", &path, error))?;
        }
        match self.open(index, &path, spec.may_be_glob) {
            // A list may hold what cannot be used: that is a row. A glob that does not parse is the caller's mistake.
            Err(error) if self.options.sources_are_list && !is_of_argument(&error) => {
                self.named(index, &path, FileKind::Unknown, Some(error))
            }
            found => found,
        }
    }

    fn open(&mut self, index: u32, path: &[u8], may_be_glob: bool) -> Result<Found> {
        let path = self.options.within.relative(path).map_err(|error| Error::io("open source", path, error))?;
        let path = path.as_ref();
        let follow = !self.options.describe_only || self.options.follow_symlinks;
        match self.options.within.status(&self.at(path), follow) {
            Ok(status) if status.kind == FileKind::Dir && self.options.expects_file => {
                let text = "path: it is a folder; search_files searches what lies in one";
                Err(Error::new(ErrorKind::Argument, text).with_path(path))
            }
            Ok(status) if status.kind == FileKind::Dir && !self.options.describe_only => {
                self.folder(index, path, None).map_err(|error| error.with_path(path))
            }
            Ok(status) => self.named(index, path, status.kind, None),
            Err(error) => {
                // Where no name may hold a `*`, none is there.
                let no_name = cfg!(windows) && error.kind() == std::io::ErrorKind::InvalidFilename;
                let missing = no_name || ErrorKind::of_io(&error) == ErrorKind::PathNotFound;
                let (folder, pattern) = split_glob(path, &self.options.globs_start_in);
                if missing && may_be_glob && is_glob(&pattern) {
                    return self.glob(index, path, &folder, pattern);
                }
                Err(Error::io("open source", path, error))
            }
        }
    }

    fn known(&mut self, path: &[u8]) -> std::io::Result<KnownFolder> {
        if let Some(known) = self.folders.get(path) {
            return Ok(known.clone());
        }
        let root = &self.options.within;
        let folder = root.open_folder(path, FolderUse::Passing, true)?;
        let canonical = root.canonical_of(Some(folder.as_handle()), path)?;
        let known = KnownFolder { canonical, handle: CountedHandle::keep(folder).map(Arc::new) };
        self.folders.insert(path.to_vec(), known.clone());
        Ok(known)
    }

    fn folder(&mut self, index: u32, path: &[u8], glob: Option<Arc<Filter>>) -> Result<Found> {
        let at = self.at(path).into_owned();
        let known = self.known(&at).map_err(|error| Error::io("open folder", path, error))?;
        if self.options.section.as_ref().is_some_and(|section| section.is_populated) {
            self.ensure_populated(&at).map_err(|error| Error::io("open source", path, error))?;
        }
        let source = Source {
            index,
            shown: as_prefix(&self.shown(path)?),
            canonical: known.canonical.clone(),
            root: self.options.within.clone(),
            path: at,
            handle: known.handle,
            filter: Arc::clone(&self.filter),
            glob,
        };
        Ok((known.canonical, PendingFolder::source(Arc::new(source))))
    }

    /// A folder in which files stood, and that holds nothing, is most often a place where nothing is mounted.
    fn ensure_populated(&self, path: &[u8]) -> std::io::Result<()> {
        let folder = self.options.within.open_folder(path, FolderUse::Listing, true)?;
        match each_entry(folder.as_handle(), &mut EntryBuffer::default(), |_, _| ControlFlow::Break(()))? {
            ControlFlow::Break(()) => Ok(()),
            ControlFlow::Continue(()) => Err(std::io::Error::new(std::io::ErrorKind::NotFound, EMPTIED)),
        }
    }

    fn glob(&mut self, index: u32, path: &[u8], folder: &[u8], pattern: Vec<u8>) -> Result<Found> {
        let pattern = String::from_utf8(pattern)
            .map_err(|_| Error::argument("source", "a glob must be valid UTF-8").with_path(path))?;
        let glob = Filter::new(&FilterOptions {
            include: vec![format!("/{pattern}")],
            include_hidden: true,
            respect_ignore: false,
            ..FilterOptions::default()
        })?;
        self.folder(index, folder, Some(Arc::new(glob)))
    }

    fn named(&mut self, index: u32, path: &[u8], kind: FileKind, failure: Option<Error>) -> Result<Found> {
        let whole = self.shown(path)?;
        // Only a name can be looked up in a folder and shown by itself.
        let has_name = whole != b"." && root_bytes(&whole) < whole.len() && whole != b".." && !whole.ends_with(b"/..");
        let (folder, name) = if has_name { split_last(&whole) } else { (b".".as_slice(), whole.as_slice()) };
        let at = self.at(folder).into_owned();
        let known = match self.known(&at) {
            Ok(known) => known,
            // The folder of a missing file may be missing too: nothing is opened by it.
            Err(_) if failure.is_some() => KnownFolder { canonical: folder.to_vec(), handle: None },
            Err(error) => return Err(Error::io("open folder", folder, error)),
        };
        let source = Source {
            index,
            shown: if has_name { as_prefix(folder) } else { Vec::new() },
            canonical: known.canonical,
            root: self.options.within.clone(),
            path: at,
            handle: known.handle,
            filter: Arc::clone(&self.filter),
            glob: None,
        };
        Ok((source.canonical_of(name), PendingFolder::named(Arc::new(source), name, kind, failure)))
    }

    /// The path as the tables show it.
    fn shown(&self, path: &[u8]) -> Result<Vec<u8>> {
        if !self.options.absolute_paths || is_absolute(path) {
            return Ok(path.to_vec());
        }
        if let Some(root) = self.options.within.absolute() {
            return Ok(normalised(&[root, b"/", path].concat()));
        }
        if let Cow::Owned(path) = self.at(path) {
            return Ok(path);
        }
        let path = absolute(path).map_err(|error| Error::io("find the current directory", b".", error))?;
        Ok(normalised(&path))
    }

    /// The path by which it is opened.
    fn at<'p>(&self, path: &'p [u8]) -> Cow<'p, [u8]> {
        match &self.options.working_folder {
            Some(folder) if !self.options.within.is_confined() && !is_absolute(path) => {
                Cow::Owned(normalised(&[folder, b"/".as_slice(), path].concat()))
            }
            _ => Cow::Borrowed(path),
        }
    }
}

/// Whether the caller's argument is wrong, and not the system's answer to it.
fn is_of_argument(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Argument | ErrorKind::Pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_starts_at_its_first_glob_component() {
        let of = |path: &str| {
            let (folder, rest) = split_glob(path.as_bytes(), b"/odd[1]/");
            (String::from_utf8_lossy(&folder).into_owned(), String::from_utf8_lossy(&rest).into_owned())
        };
        assert_eq!(of("src/**/*.py"), ("src".into(), "**/*.py".into()));
        assert_eq!(of("*.py"), (".".into(), "*.py".into()));
        assert_eq!(of("/*.py"), ("/".into(), "*.py".into()));
        assert_eq!(of("/usr/l[ai]b/x"), ("/usr".into(), "l[ai]b/x".into()));
        assert_eq!(of("/odd[1]/g/*.py"), ("/odd[1]/g".into(), "*.py".into()));
        assert_eq!(of("/odd[2]/g/*.py"), ("/".into(), "odd[2]/g/*.py".into()));
    }

    #[test]
    fn sources_overlap_where_one_lies_in_the_other() {
        let of = |paths: &[&str]| overlapping(paths.iter().map(|path| path.as_bytes().to_vec()).collect());
        assert!(of(&["/a", "/b", "/a/c"]));
        assert!(of(&["/a", "/a"]));
        assert!(!of(&["/a", "/ab", "/a-b"]));
        assert!(of(&["/", "/a"]));
    }
}
