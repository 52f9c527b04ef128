//! The names that a root denies, and paths that are resolved past them.
//!
//! What a path leads to is another thing a moment later, so no path is looked at first and used then. In a root that
//! denies names the system is asked to follow no link at all: what it opens then has the names that stand in the path,
//! and those have been looked at. Where it meets a link, that is read, what it says is put in its place, and the new
//! path is tried in the same way.

mod glob;

use std::io;

use self::glob::NameGlob;
use super::spelling::{root_bytes, split_last};
use super::{AsHandle, FileKind, FileStatus, FolderUse, Handle, HandleRef, Opens, changes, is_link, system};
use crate::error::{DeniedName, Error, OutsideRoot, Result};

/// How many links a path may lead through, which is the system's own bound.
const MOST_LINKS: usize = 40;
/// How often a resolution is tried again that somebody's change of a link has disturbed.
const ATTEMPTS: usize = 128;

/// Names that nothing may have which is reached.
#[derive(Debug)]
pub(super) struct DeniedNames {
    denied: Globs,
    allowed: Globs,
}

#[derive(Debug)]
struct Globs {
    given: Vec<String>,
    parsed: Vec<NameGlob>,
}

impl Globs {
    fn new(argument: &str, given: &[String]) -> Result<Self> {
        let parse = |glob: &String| {
            NameGlob::new(glob).map_err(|why| Error::argument(argument, &format!("the glob '{glob}' {why}")))
        };
        Ok(Self { given: given.to_vec(), parsed: given.iter().map(parse).collect::<Result<_>>()? })
    }

    fn have(&self, name: &[char]) -> bool {
        self.parsed.iter().any(|glob| glob.matches(name))
    }
}

/// A link that stands in the way of a path.
struct LinkMet {
    /// The path with what the link says in its place.
    path: Vec<u8>,
    is_last: bool,
}

impl DeniedNames {
    /// `None`: no name is denied.
    pub(super) fn new(denied: &[String], allowed: &[String]) -> Result<Option<Self>> {
        let names = Self { denied: Globs::new("denied", denied)?, allowed: Globs::new("allowed", allowed)? };
        Ok((!denied.is_empty()).then_some(names))
    }

    pub(super) fn globs(&self) -> (&[String], &[String]) {
        (&self.denied.given, &self.allowed.given)
    }

    /// Whether a name is denied.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        let folded = glob::folded(name);
        (self.denied.have(&folded) && !self.allowed.have(&folded)) || glob::may_stand_for_another(name)
    }

    /// Opens what lies below a root.
    pub(super) fn open(&self, root: HandleRef<'_>, path: &[u8], opens: Opens, follow: bool) -> io::Result<Handle> {
        self.reach(root, path, follow, &|path| system::open_plain(root, path, opens))
    }

    /// Describes what lies below a root.
    pub(super) fn status(&self, root: HandleRef<'_>, path: &[u8], follow: bool) -> io::Result<FileStatus> {
        self.reach(root, path, follow, &|path| match system::status_plain(root, path) {
            Ok(status) if follow && status.kind == FileKind::Symlink => Err(system::link_met()),
            status => status,
        })
    }

    /// What `reach` gives of a path, which follows no link and says if it has met one.
    fn reach<T>(
        &self,
        root: HandleRef<'_>,
        path: &[u8],
        follow: bool,
        reach: &dyn Fn(&[u8]) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut path = path.to_vec();
        let mut links = 0;
        for _ in 0..ATTEMPTS {
            self.refuse(&path)?;
            let reached = reach(&path);
            if !reached.as_ref().is_err_and(is_link) {
                return reached;
            }
            match first_link(root, &path)? {
                // It has been taken away meanwhile.
                None => {}
                Some(link) if link.is_last && !follow => return reached,
                Some(_) if links == MOST_LINKS => return Err(changes::too_many_links()),
                Some(link) => (path, links) = (link.path, links + 1),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Refuses a path that goes by a denied name, but not for what it names behind a step out of the root.
    fn refuse(&self, path: &[u8]) -> io::Result<()> {
        let mut depth = 0_usize;
        for name in path.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." if depth == 0 => return Ok(()),
                b".." => depth -= 1,
                name if self.has(name) => return Err(of_name(name)),
                _ => depth += 1,
            }
        }
        Ok(())
    }
}

/// The error of a name that is denied.
pub(super) fn of_name(name: &[u8]) -> io::Error {
    DeniedName(String::from_utf8_lossy(name).into_owned()).into()
}

/// The first link on the way of a path, if there is one by now.
fn first_link(root: HandleRef<'_>, path: &[u8]) -> io::Result<Option<LinkMet>> {
    let ends = memchr::memchr_iter(b'/', path).chain([path.len()]).filter(|end| *end > 0);
    for end in ends {
        let (above, rest) = path.split_at(end);
        let (folder, name) = split_last(above);
        if matches!(name, b"" | b"." | b"..") {
            continue;
        }
        let status = match system::status_plain(root, above) {
            Err(error) if is_link(&error) => return Ok(None),
            status => status?,
        };
        if status.kind != FileKind::Symlink {
            continue;
        }
        let handle = match system::open_plain(root, folder, Opens::Folder(FolderUse::Passing)) {
            Err(error) if is_link(&error) => return Ok(None),
            handle => handle?,
        };
        changes::refuse_planted_link(handle.as_handle(), &status)?;
        let target = match changes::read_link(handle.as_handle(), name, true) {
            // It is no link any more.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(None),
            target => target?,
        };
        if root_bytes(&target) > 0 {
            return Err(OutsideRoot.into());
        }
        let path = [folder, b"/", target.as_slice(), rest].concat();
        return Ok(Some(LinkMet { path, is_last: rest.is_empty() }));
    }
    Ok(None)
}
