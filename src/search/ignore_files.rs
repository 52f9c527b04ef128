//! Where ignore rules are written: reading the ignore files of a folder, of its repository, and of the user.
//!
//! Every file is opened relative to the handle of its folder, is looked at before it is opened (a FIFO must not block
//! and a device must not notice), and is read to a bound. A file that is there and cannot be used is a [`Problem`]; one
//! that is not there is nothing. What rules *mean* stands in `rules.rs`.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::rules::{MAX_FILE, RuleList, too_large};
use crate::error::{Error, ErrorKind, Result};

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
        let shown = path.as_os_str().as_bytes().to_vec();
        let mut problems = Vec::new();
        let rules = Reader { links: Links::Follow }.rules(CWD, &shown, shown.clone(), &mut problems);
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
        folder: BorrowedFd<'_>,
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
        folder: BorrowedFd<'_>,
        shown: &[u8],
        problems: &mut Vec<Problem>,
    ) -> Option<Arc<RuleList>> {
        let direct = self.folder(folder, b".git");
        let (git, shown) = match direct {
            Ok(git) => (git, join(shown, b".git")),
            Err(Errno::NOTDIR) if self.links == Links::Follow => linked_repository(folder, shown)?,
            Err(_) => return None,
        };
        let info = self.folder(git.as_fd(), b"info").ok()?;
        self.rules(info.as_fd(), b"exclude", join(&shown, b"info/exclude"), problems)
    }

    /// Whether `folder` holds an entry of this name that is there: a folder or a file, but not a link to nothing.
    pub(super) fn holds(self, folder: BorrowedFd<'_>, name: &CStr) -> bool {
        rustix::fs::statat(folder, name, self.at_flags()).is_ok()
    }

    /// A handle of the folder `name` in `folder`, good for opening what is in it.
    pub(super) fn folder(self, folder: BorrowedFd<'_>, name: &[u8]) -> std::result::Result<OwnedFd, Errno> {
        rustix::fs::openat(folder, name, folder_flags() | self.open_flags(), Mode::empty())
    }

    fn content(self, folder: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Vec<u8>>> {
        let failed = |error: Errno| Error::io("read this ignore file", name, error);
        match rustix::fs::statat(folder, name, self.at_flags()) {
            Ok(stat) => check_kind(FileType::from_raw_mode(stat.st_mode))?,
            // Between listing and opening, a file may vanish; a link to nothing stays.
            Err(Errno::NOENT | Errno::NOTDIR) => {
                return match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(_) => Err(Error::new(ErrorKind::PathNotFound, "ignore file not used: it is a link to nothing")),
                    Err(_) => Ok(None),
                };
            }
            Err(error) => return Err(failed(error)),
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | self.open_flags();
        let file = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // It may have been swapped since it was looked at.
        let stat = rustix::fs::fstat(&file).map_err(failed)?;
        check_kind(FileType::from_raw_mode(stat.st_mode))?;
        let size = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
        if size > MAX_FILE {
            return Err(too_large());
        }
        // One byte more than the size says: a read that fills it is a file that grew, or one that has no size.
        let mut bytes = Vec::with_capacity(size + 1);
        loop {
            if bytes.len() == bytes.capacity() {
                bytes.reserve(4096);
            }
            match rustix::io::read(&file, rustix::buffer::spare_capacity(&mut bytes)) {
                Ok(0) => return Ok(Some(bytes)),
                Ok(_) if bytes.len() > MAX_FILE => return Err(too_large()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }

    fn at_flags(self) -> AtFlags {
        match self.links {
            Links::Follow => AtFlags::empty(),
            Links::Refuse => AtFlags::SYMLINK_NOFOLLOW,
        }
    }

    fn open_flags(self) -> OFlags {
        match self.links {
            Links::Follow => OFlags::empty(),
            Links::Refuse => OFlags::NOFOLLOW,
        }
    }
}

/// Opening what is in a folder needs no right to list it where the system knows handles that cannot be read.
fn folder_flags() -> OFlags {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return flags | OFlags::PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return flags | OFlags::RDONLY;
}

fn check_kind(kind: FileType) -> Result<()> {
    match kind {
        FileType::RegularFile => Ok(()),
        FileType::Symlink => Err(Error::new(
            ErrorKind::AccessDenied,
            "ignore file not used: it is a symbolic link, which may lead outside the root",
        )),
        _ => Err(Error::new(ErrorKind::Io, "ignore file not used: it is not a regular file")),
    }
}

/// The shared git folder behind a `.git` *file*, which a linked worktree or a submodule has: `gitdir: <path>`, and in
/// that folder a file `commondir` if the repository is another one's worktree.
fn linked_repository(folder: BorrowedFd<'_>, shown: &[u8]) -> Option<(OwnedFd, Vec<u8>)> {
    let reader = Reader { links: Links::Follow };
    let line = reader.content(folder, b".git").ok()??;
    let target = line.strip_prefix(b"gitdir: ")?.trim_ascii_end();
    let git = reader.folder(folder, target).ok()?;
    let mut shown = resolve(shown, target);
    let Ok(Some(common)) = reader.content(git.as_fd(), b"commondir") else { return Some((git, shown)) };
    let common = common.trim_ascii_end();
    shown = resolve(&shown, common);
    Some((reader.folder(git.as_fd(), common).ok()?, shown))
}

/// `path` as seen from `base`, with the `..` taken out that git writes into its own files.
fn resolve(base: &[u8], path: &[u8]) -> Vec<u8> {
    let joined = Path::new(std::ffi::OsStr::from_bytes(base)).join(std::ffi::OsStr::from_bytes(path));
    let mut clean = PathBuf::new();
    for part in joined.components() {
        match part {
            std::path::Component::ParentDir if clean.file_name().is_some() => _ = clean.pop(),
            part => clean.push(part),
        }
    }
    clean.into_os_string().into_vec()
}

/// A path in a folder, as it is shown: nothing stands before a name in the folder that is shown as nothing.
pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if folder.is_empty() || folder.ends_with(b"/") { b"" } else { b"/" };
    [folder, slash, name].concat()
}
