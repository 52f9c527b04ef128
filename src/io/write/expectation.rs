//! Compare and swap: what a file must hold for a write to take place.
//!
//! The content is compared before anything is written, and whether it is still the same under the folder's lock, just
//! before the rename. A writer that goes through this library cannot come between. One that writes into the file itself
//! in the same tick of the clock as that last look, without the lock, goes unseen.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::target::{Target, failed};
use crate::error::{Error, ErrorKind, Result};
use crate::io::content::Stopped;
use crate::io::hash::{Blake3, hash_hex};
use crate::io::root::{AsHandle, FileKind, FileStatus, Handle, HandleRef, changes, read_at, status_of};

/// Two changes closer than this may carry the same time (a tick of the kernel's clock is at most 10 ms).
const TICK: Duration = Duration::from_millis(20);
const PIECE_BYTES: usize = 256 << 10;
/// How often a file that changes while it is compared is read again.
const TRIES: usize = 4;

/// What the target must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: there must be no file.
    Absent,
    /// Content of this hash.
    Content(Blake3),
}

impl Expected {
    /// The word "absent", or 64 hexadecimal digits.
    ///
    /// # Errors
    /// An argument error for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        if text == "absent" {
            return Ok(Self::Absent);
        }
        blake3::Hash::from_hex(text).map(|hash| Self::Content(*hash.as_bytes())).map_err(|_| {
            let text = format!("expected 64 hexadecimal digits or \"absent\", got {text:?}");
            Error::argument("expected_blake3", &text)
        })
    }
}

/// A content that was seen in a file, and how to know it again.
#[derive(Debug)]
pub struct Observed {
    hash: Blake3,
    /// Kept open, so that no other file can get its number; but not where an open file keeps its name.
    _file: Option<Handle>,
    status: FileStatus,
    /// The last change was so long before that the next one will show in the file's times.
    settled: bool,
}

impl Observed {
    /// The content of `hash` that was read from `file`, of which `status` was asked before it was read, at `asked`.
    #[must_use]
    pub fn new(hash: Blake3, file: Handle, status: FileStatus, asked: SystemTime) -> Self {
        // Not the time by now: a write of the same tick as that status may have followed it, and not show.
        let now = asked.duration_since(UNIX_EPOCH).unwrap_or_default();
        let changed = status.last_change();
        let changed = Duration::new(u64::try_from(changed.seconds).unwrap_or(0), changed.nanos);
        let settled = now.checked_sub(changed).is_some_and(|age| age > TICK);
        Self { hash, _file: changes::OPEN_FILES_CAN_BE_REPLACED.then_some(file), status, settled }
    }

    /// Reads the target and compares it.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if it holds something else, or nothing.
    pub(super) fn compare(target: &Target, expected: &Blake3, stopped: Stopped<'_>) -> Result<Self> {
        for _ in 0..TRIES {
            let file = match target.open_content() {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(gone(target, expected)),
                file => file.map_err(|error| failed("open for comparing", target.path(), error))?,
            };
            let described = |error| failed("describe", target.path(), error);
            let asked = SystemTime::now();
            let status = status_of(file.as_handle()).map_err(described)?;
            if status.kind != FileKind::File {
                return Err(conflict(target, &format!("a {} stands there now", status.kind.as_str())));
            }
            let hash = hash_of(file.as_handle(), target, stopped)?;
            if hash == *expected {
                return Ok(Self::new(hash, file, status, asked));
            }
            // What was read while somebody wrote need not be anything that the file ever held.
            if status_of(file.as_handle()).map_err(described)? == status {
                let text = format!("the file holds blake3 {}, not {}", hash_hex(&hash), hash_hex(expected));
                return Err(conflict(target, &text));
            }
        }
        Err(conflict(target, "the file changes all the time"))
    }

    /// Under the folder's lock: the target as it is now, which holds what was seen.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if it holds something else, or nothing.
    pub(super) fn confirm(&self, target: &Target, stopped: Stopped<'_>) -> Result<FileStatus> {
        let look = || target.describe().map_err(|error| failed("describe", target.path(), error));
        let Some(now) = look()? else { return Err(gone(target, &self.hash)) };
        if self.settled && is_same(&now, &self.status) {
            return Ok(now);
        }
        let again = Self::compare(target, &self.hash, stopped)?;
        match look()? {
            Some(now) if is_same(&now, &again.status) => Ok(now),
            _ => Err(conflict(target, "the file changed while it was compared")),
        }
    }
}

fn is_same(one: &FileStatus, two: &FileStatus) -> bool {
    (one.device, one.inode) == (two.device, two.inode) && one.same_content_as(two)
}

/// That the file which was expected to be absent is there.
pub(super) fn not_absent(target: &Target) -> Error {
    conflict(target, "the file exists, and it was expected to be absent")
}

fn gone(target: &Target, expected: &Blake3) -> Error {
    conflict(target, &format!("the file does not exist, and it was expected to hold blake3 {}", hash_hex(expected)))
}

/// That a content is another one than `expected`.
#[must_use]
pub fn holds_other(path: &[u8], holds: &Blake3, expected: &Blake3) -> Error {
    let text = format!("the file holds blake3 {}, not {}", hash_hex(holds), hash_hex(expected));
    conflict_at(path, &text)
}

pub(super) fn conflict(target: &Target, what: &str) -> Error {
    conflict_at(target.path(), what)
}

fn conflict_at(path: &[u8], what: &str) -> Error {
    let text = format!("{what}; nothing was written: read it again and decide anew");
    Error::new(ErrorKind::Conflict, text).with_path(path)
}

fn hash_of(file: HandleRef<'_>, target: &Target, stopped: Stopped<'_>) -> Result<Blake3> {
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut at = 0;
    loop {
        if stopped() {
            let text = "cancelled while the file was compared; nothing was written";
            return Err(Error::new(ErrorKind::Cancelled, text).with_path(target.path()));
        }
        match read_at(file, &mut piece, at) {
            Ok(0) => return Ok(*hasher.finalize().as_bytes()),
            Ok(read) => {
                hasher.update(&piece[..read]);
                at += read as u64;
            }
            Err(error) => return Err(failed("read for comparing", target.path(), error)),
        }
    }
}
