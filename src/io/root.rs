//! Where paths start, and whether they may lead outside.
//!
//! A [`Root`] is free, and then a path is what it is to every program; or it is confined to a folder, and then nothing
//! outside of that folder can be reached through it: not by `..`, not by an absolute path, not by a link, and not by
//! somebody who swaps a folder for a link meanwhile. That is the kernel's doing and not a comparison of strings.
//!
//! What handles are, and what the system is asked, differs from one system to the next; nothing outside of this room
//! does. One of two sides with the same functions is compiled:
//!
//! - `linux`: file descriptors; the kernel resolves paths, and keeps them inside.
//! - `portable`: the standard library, and a library of capabilities for what is confined. The feature `portable`
//!   chooses it on Linux too, so that it is tested there.
//!
//! And for both:
//!
//! - `denied`: the names that a root denies, and paths that are resolved past them.
//! - `status`: what the system says of an entry.
//! - [`path_bytes`]: a path's bytes, and the path of the system.
//! - [`spelling`]: how paths are spelled.

mod denied;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod linux;
pub mod path_bytes;
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
mod portable;
pub mod spelling;
mod status;

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use crate::error::{Error, OutsideRoot, Result};
use denied::DeniedNames;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
use linux as system;
use path_bytes::{of_path, to_path};
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
use portable as system;
pub use status::{FileKind, FileStatus, TimeSpec, UnixStatus};
pub use system::changes;
pub use system::{
    AsHandle, EntryBuffer, Handle, HandleRef, announce_reading, duplicate, each_entry, into_file, is_a_folder,
    is_known_disk, is_link, most_handles, open_content, open_folder, open_folder_below, read_at, read_onward,
    status_at, status_of, working_folder,
};

/// Whether the code is in use that needs nothing of Linux.
pub const IS_PORTABLE: bool = cfg!(not(all(target_os = "linux", not(feature = "portable"))));

/// Where paths start: anywhere, or in one folder that they cannot leave.
#[derive(Debug, Clone, Default)]
pub struct Root {
    confined: Option<Arc<Confined>>,
}

/// A folder that paths cannot leave.
#[derive(Debug)]
struct Confined {
    handle: Handle,
    /// As the caller spelled it, made absolute.
    absolute: Vec<u8>,
    /// What the system calls it.
    canonical: Vec<u8>,
    /// What is not reached in it either; a root that denies nothing has none, and pays nothing.
    denied: Option<DeniedNames>,
}

/// What a folder is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderUse {
    /// Reading its entries.
    Listing,
    /// Opening what lies in it, which needs no right to list it.
    Passing,
}

/// What became of an attempt to lock something.
#[derive(Debug)]
pub enum Lock {
    /// It is locked.
    Taken,
    /// Somebody else holds it.
    HeldByOther,
    /// The file system knows no locks, or none of this kind.
    Impossible(io::Error),
}

/// What is opened below a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opens {
    Folder(FolderUse),
    Content,
}

impl Root {
    /// No root: relative paths start in the working directory, and every path is allowed.
    #[must_use]
    pub fn free() -> Self {
        Self::default()
    }

    /// A folder that cannot be left. It stays the folder that it is now, also where it is renamed.
    ///
    /// # Errors
    /// The system's, if it cannot be opened or is no folder.
    pub fn confined(path: &[u8]) -> Result<Self> {
        Self::denying(path, &[], &[])
    }

    /// The same, in which nothing is reached that has a name, or lies in a folder of a name, that one of the globs
    /// `denied` matches and none of `allowed`; whatever path or link leads there. A glob is one of a single name, as the
    /// shell has it (`*`, `?`, `[..]`), for any case.
    ///
    /// # Errors
    /// As [`Self::confined`]; an argument error for what is no such glob.
    pub fn denying(path: &[u8], denied: &[String], allowed: &[String]) -> Result<Self> {
        let denied = DeniedNames::new(denied, allowed)?;
        let failed = |error: io::Error| Error::io("open the root", path, error);
        let handle = system::open_root(path).map_err(failed)?;
        let absolute = spelling::normalised(&absolute(path).map_err(failed)?);
        let canonical = match system::path_of(handle.as_handle()) {
            Some(path) => path,
            None => canonicalized(path).map_err(failed)?,
        };
        Ok(Self { confined: Some(Arc::new(Confined { handle, absolute, canonical, denied })) })
    }

    /// Whether paths are kept inside.
    #[must_use]
    pub fn is_confined(&self) -> bool {
        self.confined.is_some()
    }

    /// The globs of the names that are denied, and of those that are allowed in spite of them.
    #[must_use]
    pub fn denied(&self) -> (&[String], &[String]) {
        self.denied_names().map_or((&[], &[]), DeniedNames::globs)
    }

    /// Whether a name is denied in every folder of the root.
    #[must_use]
    pub fn denies(&self, name: &[u8]) -> bool {
        self.denied_names().is_some_and(|denied| denied.has(name))
    }

    /// Refuses a name that is denied.
    ///
    /// # Errors
    /// [`crate::error::DeniedName`].
    pub fn refuse_name(&self, name: &[u8]) -> io::Result<()> {
        if self.denies(name) { Err(denied::of_name(name)) } else { Ok(()) }
    }

    fn denied_names(&self) -> Option<&DeniedNames> {
        self.confined.as_deref().and_then(|confined| confined.denied.as_ref())
    }

    /// What follows the root in the real path of something that lies in it; the root may have another name by now.
    /// `None`: it does not lie there, or there is no root.
    #[must_use]
    pub fn path_below(&self, canonical: &[u8]) -> Option<Vec<u8>> {
        let confined = self.confined.as_deref()?;
        let now = system::path_of(confined.handle.as_handle());
        let root = now.as_ref().unwrap_or(&confined.canonical);
        spelling::NATIVE.below(root, canonical).map(<[u8]>::to_vec)
    }

    /// The same, as the caller spelled it, but absolute.
    #[must_use]
    pub fn absolute(&self) -> Option<&[u8]> {
        self.confined.as_deref().map(|confined| confined.absolute.as_slice())
    }

    /// The handle of the folder that cannot be left.
    #[must_use]
    pub fn handle(&self) -> Option<HandleRef<'_>> {
        self.confined.as_deref().map(|confined| confined.handle.as_handle())
    }

    /// The path as it is resolved from here. An absolute path that begins with the root's own is what follows it.
    ///
    /// # Errors
    /// [`OutsideRoot`] for any other absolute path.
    pub fn relative<'p>(&self, path: &'p [u8]) -> io::Result<Cow<'p, [u8]>> {
        let Some(confined) = &self.confined else { return Ok(Cow::Borrowed(path)) };
        let path = if cfg!(windows) { Cow::Owned(spelling::normalised(path)) } else { Cow::Borrowed(path) };
        if spelling::root_bytes(&path) == 0 {
            return Ok(path);
        }
        let below = |root: &Vec<u8>| spelling::NATIVE.below(root, &path).map(<[u8]>::len);
        let length = [&confined.absolute, &confined.canonical].into_iter().find_map(below).ok_or(OutsideRoot)?;
        Ok(match path {
            _ if length == 0 => Cow::Borrowed(b".".as_slice()),
            Cow::Borrowed(path) => Cow::Borrowed(&path[path.len() - length..]),
            Cow::Owned(path) => Cow::Owned(path[path.len() - length..].to_vec()),
        })
    }

    /// A path without any `..` but those at its start: what the system goes up from is where a link before it leads, and
    /// not the folder that the link stands in.
    ///
    /// # Errors
    /// The system's, and [`OutsideRoot`].
    pub fn without_dots(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let path = self.relative(path)?;
        let start = spelling::root_bytes(&path);
        let mut plain = path[..start].to_vec();
        for part in path[start..].split(|byte| *byte == b'/') {
            let (_, last) = spelling::split_last(&plain);
            match part {
                b"" | b"." => {}
                b".." if plain.is_empty() && self.is_confined() => return Err(OutsideRoot.into()),
                // Above the top of everything is the top.
                b".." if start > 0 && last.is_empty() => {}
                b".." if !plain.is_empty() && last != b".." => {
                    // Windows goes up by the spelling before it looks at anything, but not from a root.
                    let looks = self.is_confined() || !cfg!(windows);
                    if looks && self.status(&plain, false)?.kind == FileKind::Symlink {
                        plain = self.real_folder(&plain)?;
                    }
                    plain = match spelling::split_last(&plain) {
                        // The link led to the root itself.
                        (_, b"") if self.is_confined() => return Err(OutsideRoot.into()),
                        (b".", _) => Vec::new(),
                        (above, _) => above.to_vec(),
                    };
                }
                part if plain.is_empty() || plain.ends_with(b"/") => plain.extend_from_slice(part),
                part => plain = [&plain, b"/".as_slice(), part].concat(),
            }
        }
        Ok(if plain.is_empty() { b".".to_vec() } else { plain })
    }

    /// The path of a folder, free of links: absolute, or from the root.
    fn real_folder(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let folder = self.open_folder(path, FolderUse::Passing, true)?;
        let canonical = self.canonical_of(Some(folder.as_handle()), path)?;
        if !self.is_confined() {
            return Ok(canonical);
        }
        let moved = || io::Error::new(io::ErrorKind::NotFound, "it or the root was moved meanwhile");
        self.path_below(&canonical).ok_or_else(moved)
    }

    /// Opens a folder; links on the way are followed, and one in the last place if `follow` says so.
    ///
    /// # Errors
    /// The system's, [`OutsideRoot`], and [`crate::error::DeniedName`].
    pub fn open_folder(&self, path: &[u8], purpose: FolderUse, follow: bool) -> io::Result<Handle> {
        match &self.confined {
            Some(confined) => confined.open(&self.relative(path)?, Opens::Folder(purpose), follow),
            None => open_folder(working_folder(), path, purpose, follow),
        }
    }

    /// Opens a content for reading, as [`open_content`] does.
    ///
    /// # Errors
    /// As [`Self::open_folder`].
    pub fn open_content(&self, path: &[u8], follow: bool) -> io::Result<Handle> {
        match &self.confined {
            Some(confined) => confined.open(&self.relative(path)?, Opens::Content, follow),
            None => open_content(working_folder(), path, follow),
        }
    }

    /// Describes an entry.
    ///
    /// # Errors
    /// As [`Self::open_folder`].
    pub fn status(&self, path: &[u8], follow: bool) -> io::Result<FileStatus> {
        match &self.confined {
            Some(confined) => confined.status(&self.relative(path)?, follow),
            None => status_at(working_folder(), path, follow),
        }
    }

    /// The real path of a folder: free of links. In a root it is what the system calls the handle that was opened by
    /// `path`.
    ///
    /// # Errors
    /// The system's.
    pub fn canonical_of(&self, folder: Option<HandleRef<'_>>, path: &[u8]) -> io::Result<Vec<u8>> {
        match &self.confined {
            None => canonicalized(path),
            // Asking the path again could give another folder's answer.
            Some(confined) => Ok(folder.and_then(system::path_of).unwrap_or_else(|| join(&confined.canonical, path))),
        }
    }
}

impl Confined {
    fn open(&self, path: &[u8], opens: Opens, follow: bool) -> io::Result<Handle> {
        let root = self.handle.as_handle();
        match &self.denied {
            Some(denied) => denied.open(root, path, opens, follow),
            None => system::open_beneath(root, path, opens, follow),
        }
    }

    fn status(&self, path: &[u8], follow: bool) -> io::Result<FileStatus> {
        let root = self.handle.as_handle();
        match &self.denied {
            Some(denied) => denied.status(root, path, follow),
            None => system::status_beneath(root, path, follow),
        }
    }
}

/// A path that names the same wherever the process stands, `.` and on Windows `..` taken out.
///
/// # Errors
/// The system's, if there is no working folder or the path is none.
pub fn absolute(path: &[u8]) -> io::Result<Vec<u8>> {
    Ok(of_path(&std::path::absolute(to_path(path)?)?))
}

fn canonicalized(path: &[u8]) -> io::Result<Vec<u8>> {
    Ok(of_path(&std::fs::canonicalize(to_path(path)?)?))
}

fn join(folder: &[u8], path: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if folder.ends_with(b"/") { b"" } else { b"/" };
    if path == b"." { folder.to_vec() } else { [folder, slash, path].concat() }
}

#[cfg(test)]
mod tests;
