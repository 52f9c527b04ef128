//! The temporary file beside the target: its name, its lock, and its removal.
//!
//! The name has a fixed length, so that it fits wherever the target's own name does, however long that is. The file is
//! locked by its writer as long as that lives: one that nobody holds was left behind by a writer that was killed.

use std::io;

use super::target::Target;
use crate::io::root::{self, AsHandle, FileKind, FolderUse, Handle, HandleRef, Lock, Root, changes};

const PREFIX: &[u8] = b".vfo-";
const SUFFIX: &[u8] = b".tmp";
const RANDOM_BYTES: usize = 12;
const HEX: &[u8; 16] = b"0123456789abcdef";
/// The same 96 random bits twice mean that something else is wrong.
const TRIES: usize = 8;

/// The glob that every name of a temporary file matches, and hardly any other.
pub const NAMES: &str = ".vfo-????????????????????????.tmp";

/// Whether a temporary file of this library has this name.
#[must_use]
pub fn is_temp_name(name: &[u8]) -> bool {
    let random = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX));
    random.is_some_and(|random| random.len() == 2 * RANDOM_BYTES && random.iter().all(|byte| HEX.contains(byte)))
}

fn new_name() -> io::Result<Vec<u8>> {
    let mut random = [0; RANDOM_BYTES];
    changes::fill_random(&mut random)?;
    let mut name = PREFIX.to_vec();
    for byte in random {
        name.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    name.extend_from_slice(SUFFIX);
    Ok(name)
}

/// A temporary file, removed when it is dropped unless it took the target's place.
#[derive(Debug)]
pub(super) struct TempFile<'t> {
    target: &'t Target,
    name: Vec<u8>,
    file: Handle,
    is_there: bool,
}

impl<'t> TempFile<'t> {
    /// Makes one beside the target, open for writing and locked.
    pub(super) fn create(target: &'t Target, mode: u32) -> io::Result<Self> {
        for _ in 0..TRIES {
            let name = new_name()?;
            let file = match target.create_beside(&name, mode) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            let temp = Self { target, name, file, is_there: true };
            match changes::try_lock(temp.file(), true) {
                // A sweeper was faster than this lock, and took the file for abandoned.
                Lock::HeldByOther => {}
                // Some file systems know no locks; sweepers cannot lock there either, and remove nothing.
                _ => return Ok(temp),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub(super) fn file(&self) -> HandleRef<'_> {
        self.file.as_handle()
    }

    /// Lets it take the target's place; with `if_absent` only if nothing stands there. Its own name may stay as a second
    /// one.
    pub(super) fn take_place(&mut self, if_absent: bool) -> io::Result<()> {
        if changes::LOCKS_HIDE_CONTENT {
            // Under its new name it is for everybody to read.
            changes::unlock(self.file());
        }
        if if_absent {
            self.is_there = self.target.place_if_absent(&self.name)?;
        } else {
            self.target.replace_with(&self.name)?;
            self.is_there = false;
        }
        Ok(())
    }

    /// Removes it, if it is still there.
    pub(super) fn remove(&mut self) -> io::Result<()> {
        if self.is_there {
            self.target.remove_beside(&self.name)?;
            self.is_there = false;
        }
        Ok(())
    }

    pub(super) fn shown_name(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}

impl Drop for TempFile<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is what a sweep is for.
        let _ = self.remove();
    }
}

/// What became of a file that has a temporary file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swept {
    /// It was removed.
    Removed,
    /// Its writer lives, it is too young, it is no regular file, or it went away by itself.
    Left,
}

/// Removes the temporary file to which `path` leads from `root`, if no writer holds it.
///
/// # Errors
/// Whatever the system reports; also where files cannot be locked, because nobody can know there.
pub fn remove_abandoned(root: &Root, path: &[u8], is_old: &dyn Fn(&root::FileStatus) -> bool) -> io::Result<Swept> {
    let cut = memchr::memrchr(b'/', path).map_or(0, |at| at + 1);
    let (parent, name) = path.split_at(cut);
    if !is_temp_name(name) || root.denies(name) {
        return Ok(Swept::Left);
    }
    let parent = if parent.is_empty() { b"." } else { parent };
    let folder = root.open_folder(parent, FolderUse::Passing, true)?;
    match root::status_at(folder.as_handle(), name, false) {
        Ok(status) if status.kind == FileKind::File => {}
        Ok(_) => return Ok(Swept::Left),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Swept::Left),
        Err(error) => return Err(error),
    }
    let file = match root::open_content(folder.as_handle(), name, false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Swept::Left),
        file => file?,
    };
    let status = root::status_of(file.as_handle())?;
    if status.kind != FileKind::File || !is_old(&status) {
        return Ok(Swept::Left);
    }
    match changes::try_lock(file.as_handle(), true) {
        Lock::Taken => {}
        Lock::HeldByOther => return Ok(Swept::Left),
        Lock::Impossible(error) => return Err(error),
    }
    // Its writer may have given it another name, and be done, since it was opened.
    match root::status_at(folder.as_handle(), name, false) {
        Ok(now) if (now.device, now.inode) == (status.device, status.inode) => {
            changes::remove(folder.as_handle(), name)?;
            Ok(Swept::Removed)
        }
        Ok(_) => Ok(Swept::Left),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Swept::Left),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::root::path_bytes::{of_path, to_path};

    #[test]
    fn names_are_of_one_length_and_known_again() {
        let (one, two) = (new_name().unwrap(), new_name().unwrap());
        assert_ne!(one, two);
        assert_eq!((one.len(), NAMES.len()), (33, 33));
        assert!(is_temp_name(&one) && is_temp_name(&two));
        for other in [
            "",
            ".vfo-.tmp",
            ".vfo-0123.tmp",
            "x.vfo-000000000000000000000000.tmp",
            ".vfo-00000000000000000000000G.tmp",
        ] {
            assert!(!is_temp_name(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn only_what_nobody_holds_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let target = Target::find(&Root::free(), &of_path(&path), true).unwrap();
        let held = TempFile::create(&target, 0o600).unwrap();
        let held_path = dir.path().join(to_path(&held.name).unwrap());
        let left_path = dir.path().join(".vfo-0123456789abcdef01234567.tmp");
        let folder_path = dir.path().join(".vfo-0123456789abcdef01234568.tmp");
        std::fs::write(&left_path, b"x").unwrap();
        std::fs::create_dir(&folder_path).unwrap();
        let sweep = |path: &std::path::Path, is_old: bool| {
            remove_abandoned(&Root::free(), &of_path(path), &|_| is_old).unwrap()
        };
        assert_eq!(sweep(&held_path, true), Swept::Left);
        assert_eq!(sweep(&folder_path, true), Swept::Left);
        assert_eq!(sweep(&left_path, false), Swept::Left);
        assert_eq!(sweep(&left_path, true), Swept::Removed);
        assert!(held_path.exists() && folder_path.exists() && !left_path.exists());
        drop(held);
        assert!(!held_path.exists());
    }
}
