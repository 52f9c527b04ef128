//! Where ignore rules are written: reading the ignore files of a folder, of its repository, and of the user.
//!
//! Every file is opened relative to the handle of its folder, is looked at before it is opened (a FIFO must not block
//! and a device must not notice), and is read to a bound. A file that is there and cannot be used is a [`Problem`]; one
//! that is not there is nothing. What rules *mean* stands in `rules.rs`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::rules::{MAX_FILE, RuleList, too_large};
use crate::error::{Error, ErrorKind, Result};
use crate::io::root::path_bytes::{of_path, to_path};
use crate::io::root::{
    AsHandle, FileKind, FolderUse, Handle, HandleRef, is_link, open_content, open_folder, read_at, status_at,
    status_of, working_folder,
};

/// An ignore file that could not be used; none of its rules apply.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The ignore file, as it is shown.
    pub path: Vec<u8>,
    /// Why it could not be used.
    pub error: Error,
}

/// Where the user's own excludes file stands (git's `core.excludesFile`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum GlobalExcludes {
    /// Where git's configuration says, by default `~/.config/git/ignore`.
    #[default]
    Configured,
    /// This file.
    File(PathBuf),
    /// There is none.
    Nowhere,
}

impl GlobalExcludes {
    /// Read the file, if there is one. `/dev/null` is how git's users say that there is none.
    pub(super) fn read(&self) -> (Option<Arc<RuleList>>, Option<Problem>) {
        let path = match self {
            Self::Configured => ignore::gitignore::gitconfig_excludes_path(),
            Self::File(path) => Some(path.clone()),
            Self::Nowhere => None,
        };
        let Some(path) = path.filter(|path| path != Path::new("/dev/null")) else { return (None, None) };
        let shown = of_path(&path);
        let mut problems = Vec::new();
        let rules = Reader { links: Links::Follow }.rules(working_folder(), &shown, shown.clone(), &mut problems);
        (rules, problems.pop())
    }
}

/// Whether symbolic links are followed on the way to an ignore file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// Yes, as ripgrep does.
    Follow,
    /// No: a link might leave the root to which the walk is confined, and a rule's text is shown to the caller.
    Refuse,
}

/// Reads ignore files under one policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    pub(super) links: Links,
}

impl Reader {
    /// The rules of the file `name` in `folder`: nothing if there is no such file, or no rule in it.
    pub(super) fn rules(
        self,
        folder: HandleRef<'_>,
        name: &[u8],
        shown: Vec<u8>,
        problems: &mut Vec<Problem>,
    ) -> Option<Arc<RuleList>> {
        let rules = match self.content(folder, name) {
            Ok(Some(bytes)) => RuleList::from_file(shown.clone(), bytes),
            Ok(None) => return None,
            Err(error) => Err(error),
        };
        match rules {
            Ok(rules) => (!rules.is_empty()).then(|| Arc::new(rules)),
            Err(error) => {
                problems.push(Problem { path: shown, error });
                None
            }
        }
    }

    /// The rules of `info/exclude` in the repository whose `.git` stands in `folder`.
    pub(super) fn exclude_rules(
        self,
        folder: HandleRef<'_>,
        shown: &[u8],
        problems: &mut Vec<Problem>,
    ) -> Option<Arc<RuleList>> {
        let file = join(shown, b".git/info/exclude");
        let (git, shown) = match self.folder(folder, b".git") {
            Ok(git) => (git, join(shown, b".git")),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory && self.links == Links::Follow => {
                linked_repository(folder, shown)?
            }
            Err(error) => return none_of(error, file, problems),
        };
        let info = match self.folder(git.as_handle(), b"info") {
            Ok(info) => info,
            Err(error) => return none_of(error, file, problems),
        };
        self.rules(info.as_handle(), b"exclude", join(&shown, b"info/exclude"), problems)
    }

    /// Whether `folder` holds an entry of this name that is there: a folder or a file, but not a link to nothing.
    pub(super) fn holds(self, folder: HandleRef<'_>, name: &[u8]) -> bool {
        status_at(folder, name, self.follow()).is_ok()
    }

    /// A handle of the folder `name` in `folder`, good for opening what is in it.
    pub(super) fn folder(self, folder: HandleRef<'_>, name: &[u8]) -> io::Result<Handle> {
        open_folder(folder, name, FolderUse::Passing, self.follow())
    }

    fn content(self, folder: HandleRef<'_>, name: &[u8]) -> Result<Option<Vec<u8>>> {
        let failed = |error: io::Error| Error::io("read this ignore file", name, error);
        let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        match status_at(folder, name, self.follow()) {
            Ok(status) => check_kind(status.kind)?,
            // Between listing and opening, a file may vanish; a link to nothing stays.
            Err(error) if is_gone(&error) || error.kind() == io::ErrorKind::NotADirectory => {
                return match status_at(folder, name, false) {
                    Ok(_) => Err(Error::new(ErrorKind::PathNotFound, "ignore file not used: it is a link to nothing")),
                    Err(_) => Ok(None),
                };
            }
            Err(error) => return Err(failed(error)),
        }
        let file = match open_content(folder, name, self.follow()) {
            Ok(file) => file,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // It may have been swapped since it was looked at.
        let status = status_of(file.as_handle()).map_err(failed)?;
        check_kind(status.kind)?;
        let size = usize::try_from(status.size).unwrap_or(usize::MAX);
        if size > MAX_FILE {
            return Err(too_large());
        }
        // One byte more than the size says: a read that fills it is a file that grew, or one that has no size.
        let mut bytes = vec![0; size + 1];
        let mut length = 0;
        loop {
            if length == bytes.len() {
                bytes.resize(length + 4096, 0);
            }
            match read_at(file.as_handle(), &mut bytes[length..], length as u64).map_err(failed)? {
                0 => break,
                count if length + count > MAX_FILE => return Err(too_large()),
                count => length += count,
            }
        }
        bytes.truncate(length);
        Ok(Some(bytes))
    }

    fn follow(self) -> bool {
        self.links == Links::Follow
    }
}

/// No rules, because their file is not there or not to be reached; any other failure is told.
fn none_of<T>(error: io::Error, file: Vec<u8>, problems: &mut Vec<Problem>) -> Option<T> {
    if ErrorKind::of_io(&error) == ErrorKind::Io && !is_link(&error) {
        let error = Error::io("read this ignore file", &file, error);
        problems.push(Problem { path: file, error });
    }
    None
}

fn check_kind(kind: FileKind) -> Result<()> {
    match kind {
        FileKind::File => Ok(()),
        FileKind::Symlink => Err(Error::new(
            ErrorKind::AccessDenied,
            "ignore file not used: it is a symbolic link, which may lead outside the root",
        )),
        _ => Err(Error::new(ErrorKind::Io, "ignore file not used: it is not a regular file")),
    }
}

/// The shared git folder behind a `.git` *file*, which a linked worktree or a submodule has: `gitdir: <path>`, and in
/// that folder a file `commondir` if the repository is another one's worktree.
fn linked_repository(folder: HandleRef<'_>, shown: &[u8]) -> Option<(Handle, Vec<u8>)> {
    let reader = Reader { links: Links::Follow };
    let line = reader.content(folder, b".git").ok()??;
    let target = line.strip_prefix(b"gitdir: ")?.trim_ascii_end();
    let git = reader.folder(folder, target).ok()?;
    let mut shown = resolve(shown, target).ok()?;
    let Ok(Some(common)) = reader.content(git.as_handle(), b"commondir") else { return Some((git, shown)) };
    let common = common.trim_ascii_end();
    shown = resolve(&shown, common).ok()?;
    Some((reader.folder(git.as_handle(), common).ok()?, shown))
}

/// `path` as seen from `base`, with the `..` taken out that git writes into its own files.
fn resolve(base: &[u8], path: &[u8]) -> io::Result<Vec<u8>> {
    let joined = to_path(base)?.join(to_path(path)?);
    let mut clean = PathBuf::new();
    for part in joined.components() {
        match part {
            std::path::Component::ParentDir if clean.file_name().is_some() => _ = clean.pop(),
            part => clean.push(part),
        }
    }
    Ok(of_path(&clean))
}

/// A path in a folder, as it is shown: nothing stands before a name in the folder that is shown as nothing.
pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if folder.is_empty() || folder.ends_with(b"/") { b"" } else { b"/" };
    [folder, slash, name].concat()
}
