//! A file gets a new content: whole, or not at all.
//!
//! The protocol: find the folder and the name that the path leads to ([`target`]); write a temporary file beside the
//! target ([`temp`]); put on it what the old file has ([`attributes`]); flush it; rename it over the target; flush the
//! folder. Whoever reads meanwhile sees the old content or the new one, and so does whoever comes after a crash. A
//! writer that says what it expects to replace ([`Expected`]) replaces nothing else.
//!
//! What is put at a file's end ([`append_file`]) has a protocol of its own. Folders are made in [`folders`], and what
//! stands somewhere is moved in [`moving`].
//!
//! What fails before the rename is [`ErrorKind::NotCommitted`], and leaves nothing behind; what fails after it is
//! [`ErrorKind::CommittedNotDurable`].

mod append;
mod attributes;
mod expectation;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod extended_attributes;
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
#[path = "write/extended_attributes_unknown.rs"]
mod extended_attributes;
mod folder_lock;
mod folders;
mod moving;
pub mod target;
pub mod temp;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

pub use self::append::{AppendOptions, append_file};
pub use self::expectation::{Expected, Observed, holds_other};
use self::folder_lock::{FolderLock, Sharing};
pub use self::folders::{FolderOptions, create_folder};
pub use self::moving::{MoveOptions, move_entry};
use self::target::{Target, failed};
use self::temp::TempFile;
use super::content::Stopped;
use super::hash::Blake3;
use super::root::{FileKind, FileStatus, HandleRef, Root, changes, status_of};
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;

/// How much is written between two looks at the caller's wish to stop.
pub const PIECE_BYTES: usize = 4 << 20;
/// A content from this size on is worth a thread.
const HASHED_BESIDE: usize = 8 << 20;
/// A flush cannot be stopped, so a large content is flushed as it is written, in parts that take less than 0.1 s.
const FLUSH_BYTES: u64 = 32 << 20;
/// What a new file may be used for, before the process's mask takes some of it away.
const NEW_FILE_MODE: u32 = 0o666;
/// While it is written, nobody else may read what may be a secret.
const PRIVATE_MODE: u32 = 0o600;
/// How often a temporary file that somebody removed is made again.
const TRIES: usize = 4;

/// New content, in pieces, so that whoever has it somewhere else need not copy it into one.
pub trait Content {
    /// Hands over all of it, from the start, in order; may be asked for again.
    ///
    /// # Errors
    /// What `take` returns, and that the content cannot be had.
    fn pieces(&self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;

    /// All of it, if it lies in one piece.
    fn whole(&self) -> Option<&[u8]> {
        None
    }
}

impl Content for [u8] {
    fn pieces(&self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.chunks(PIECE_BYTES).try_for_each(take)
    }

    fn whole(&self) -> Option<&[u8]> {
        Some(self)
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// Each is a switch of its own, documented where it stands and named as in every face.
#[allow(clippy::struct_excessive_bools)]
pub struct WriteOptions {
    /// Do not return before the content and its name survive a loss of power.
    pub durable: bool,
    /// What the file must hold for the write to take place.
    pub expected: Option<Expected>,
    /// The permission bits; `None` keeps those of the old file, or takes those of a new one.
    pub mode: Option<u32>,
    /// Write to where a link in the last place leads; otherwise the link itself is replaced.
    pub follow_symlinks: bool,
    /// Replace a file that has other names, which keep the old content.
    pub break_hard_links: bool,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { durable: true, expected: None, mode: None, follow_symlinks: true, break_hard_links: false }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// How many bytes.
    pub bytes: u64,
    /// Their hash.
    pub blake3: Blake3,
}

/// Gives the file `path`, a new content.
///
/// # Errors
/// [`ErrorKind::Argument`] or [`ErrorKind::AccessDenied`] for what must not be replaced, [`ErrorKind::PathNotFound`]
/// without the folder, [`ErrorKind::Conflict`] if the file does not hold what was expected, [`ErrorKind::NotCommitted`]
/// naming the step that failed, [`ErrorKind::CommittedNotDurable`], and [`ErrorKind::Cancelled`] if `stopped` says so.
pub fn write_file(
    root: &Root,
    path: &[u8],
    content: &(impl Content + ?Sized),
    options: &WriteOptions,
    stopped: Stopped<'_>,
) -> Result<Written> {
    let target = Target::find(root, path, options.follow_symlinks)?;
    target.refuse_unfit(!options.follow_symlinks, options.break_hard_links)?;
    let observed = match options.expected {
        Some(Expected::Content(hash)) => Some(Observed::compare(&target, &hash, stopped)?),
        Some(Expected::Absent) if target.entry().is_some() => return Err(expectation::not_absent(&target)),
        Some(Expected::Absent) | None => None,
    };
    replace(&target, content, observed.as_ref(), options, stopped)
}

/// Replaces the target, which was found fit; with `observed` only if it still holds that.
///
/// # Errors
/// As [`write_file`].
pub fn replace(
    target: &Target,
    content: &(impl Content + ?Sized),
    observed: Option<&Observed>,
    options: &WriteOptions,
    stopped: Stopped<'_>,
) -> Result<Written> {
    for _ in 0..TRIES {
        let mut replacement = Replacement::new(target, options)?;
        let written = replacement.write(content, stopped)?;
        if replacement.dress()? {
            replacement.commit(observed, stopped)?;
            return Ok(written);
        }
    }
    Err(failed("write", target.path(), io::ErrorKind::NotFound.into()).with_kind(ErrorKind::NotCommitted))
}

/// A content on its way to its place.
struct Replacement<'a> {
    target: &'a Target,
    options: &'a WriteOptions,
    temp: TempFile<'a>,
    written: u64,
    /// What the attributes come from.
    old: Option<FileStatus>,
}

impl<'a> Replacement<'a> {
    fn new(target: &'a Target, options: &'a WriteOptions) -> Result<Self> {
        // A link that is replaced has no attributes that would mean anything for a file.
        let old = target.entry().filter(|entry| entry.kind == FileKind::File).copied();
        let mode = if old.is_some() || options.mode.is_some() { PRIVATE_MODE } else { NEW_FILE_MODE };
        let temp = TempFile::create(target, mode)
            .map_err(|error| not_committed("create a temporary file beside it", target, error))?;
        Ok(Self { target, options, temp, written: 0, old })
    }

    fn write(&mut self, content: &(impl Content + ?Sized), stopped: Stopped<'_>) -> Result<Written> {
        FailPoint::Writing.pass();
        let mut unflushed = 0;
        let (target, file, durable) = (self.target, self.temp.file(), self.options.durable);
        let written = &mut self.written;
        let blake3 = write_hashed(content, &mut |piece| {
            if stopped() {
                return Err(cancelled(target));
            }
            write_all(file, piece, written).map_err(|error| not_committed("write", target, error))?;
            unflushed += piece.len() as u64;
            if durable && unflushed >= FLUSH_BYTES {
                unflushed = 0;
                changes::flush_content(file).map_err(|error| not_committed("flush", target, error))?;
            }
            Ok(())
        })?;
        Ok(Written { bytes: self.written, blake3 })
    }

    /// Checks what was written, and puts on it what the old file has; `false` if somebody removed it.
    fn dress(&self) -> Result<bool> {
        let status = status_of(self.temp.file()).map_err(|error| not_committed("describe", self.target, error))?;
        if status.links == 0 {
            return Ok(false);
        }
        if status.size != self.written {
            let (size, written) = (status.size, self.written);
            let text = format!("cannot write: {written} bytes were written and the file has {size}");
            return Err(Error::new(ErrorKind::NotCommitted, text).with_path(self.target.path()));
        }
        let kept = match (&self.old, self.options.mode) {
            (Some(old), mode) => attributes::keep(self.target, old, self.temp.file(), &status, mode),
            (None, Some(mode)) => attributes::set_mode(self.temp.file(), mode),
            (None, None) => Ok(()),
        };
        kept.map_err(|(step, error)| not_committed(&step, self.target, error))?;
        self.flush()?;
        Ok(true)
    }

    /// What stands there may have become another file, or got other attributes, while the content was written.
    fn follow_changes(&mut self, now: Option<&FileStatus>) -> Result<()> {
        let Some(now) = now else { return Ok(()) };
        let is_same = |old: FileStatus| {
            (old.device, old.inode, old.links, old.last_change())
                == (now.device, now.inode, now.links, now.last_change())
        };
        if self.old.is_some_and(is_same) || self.options.expected == Some(Expected::Absent) {
            return Ok(());
        }
        self.target.refuse_unfit_entry(now, !self.options.follow_symlinks, self.options.break_hard_links)?;
        if now.kind == FileKind::File {
            self.old = Some(*now);
            if !self.dress()? {
                return Err(not_committed("rename", self.target, io::ErrorKind::NotFound.into()));
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        if !self.options.durable {
            return Ok(());
        }
        changes::flush(self.temp.file()).map_err(|error| not_committed("flush", self.target, error))
    }

    fn commit(&mut self, observed: Option<&Observed>, stopped: Stopped<'_>) -> Result<()> {
        let target = self.target;
        let sharing = match (observed, self.options.expected) {
            (None, _) => Sharing::Shared,
            (Some(_), Some(Expected::Content(_))) => Sharing::AloneOrNot,
            (Some(_), _) => Sharing::Alone,
        };
        let lock = FolderLock::take(target, sharing, stopped)?;
        let now = match observed {
            Some(observed) => Some(observed.confirm(target, stopped)?),
            None => target.describe().map_err(|error| not_committed("describe", target, error))?,
        };
        self.follow_changes(now.as_ref())?;
        if stopped() {
            return Err(cancelled(target));
        }
        let if_absent = self.options.expected == Some(Expected::Absent);
        self.temp.take_place(if_absent).map_err(|error| {
            if if_absent && error.kind() == io::ErrorKind::AlreadyExists {
                return expectation::not_absent(target);
            }
            not_committed("rename the new file over it", target, error)
        })?;
        let tidied = self.temp.remove();
        // Others need not wait for the disk; and a child that was forked meanwhile holds what is only closed here.
        drop(lock);
        if self.options.durable {
            target.flush_folder(self.temp.file()).map_err(|error| not_durable("flush its folder", target, error))?;
        }
        tidied.map_err(|error| {
            let step = format!("remove its second name {}, which sweep_temp_files removes", self.temp.shown_name());
            not_durable(&step, target, error)
        })
    }
}

/// Writes the content piece by piece through `write`, and returns its hash.
///
/// A large content that lies in one piece is hashed by another thread meanwhile, which takes about as long.
fn write_hashed(content: &(impl Content + ?Sized), write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<Blake3> {
    let mut hasher = blake3::Hasher::new();
    if let Some(whole) = content.whole().filter(|whole| whole.len() >= HASHED_BESIDE) {
        let failed = AtomicBool::new(false);
        let mut hash = || {
            for piece in whole.chunks(PIECE_BYTES) {
                if failed.load(Ordering::Relaxed) {
                    return;
                }
                hasher.update(piece);
            }
        };
        let (spawned, written) = std::thread::scope(|scope| {
            let other = std::thread::Builder::new().name("vespera-hash".to_owned());
            let spawned = other.spawn_scoped(scope, &mut hash).is_ok();
            // Also a panic ends the other thread early.
            let ends = SetWhenDropped(&failed);
            let written = content.pieces(write);
            if written.is_ok() {
                std::mem::forget(ends);
            }
            (spawned, written)
        });
        written?;
        if !spawned {
            hash();
        }
    } else {
        content.pieces(&mut |piece| {
            hasher.update(piece);
            write(piece)
        })?;
    }
    Ok(*hasher.finalize().as_bytes())
}

struct SetWhenDropped<'a>(&'a AtomicBool);

impl Drop for SetWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writes all of it, in as many calls as that takes, and counts what was written in `total`.
fn write_all(file: HandleRef<'_>, mut bytes: &[u8], total: &mut u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match changes::write(file, bytes)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => {
                bytes = &bytes[written..];
                *total += written as u64;
            }
        }
    }
    Ok(())
}

fn not_committed(step: &str, target: &Target, error: io::Error) -> Error {
    Error::io(step, target.path(), error).with_kind(ErrorKind::NotCommitted)
}

fn not_durable(step: &str, target: &Target, error: io::Error) -> Error {
    Error::io(&format!("{step}, after the file was written"), target.path(), error)
        .with_kind(ErrorKind::CommittedNotDurable)
}

fn cancelled(target: &Target) -> Error {
    Error::new(ErrorKind::Cancelled, "cancelled; nothing was written").with_path(target.path())
}
