//! A file on its way to being edited: read whole, found to be what was expected, and written over if it is still that.

use std::time::SystemTime;

use super::edits::Edits;
use super::patience::Patience;
use crate::error::{Error, ErrorKind, Result};
use crate::io::content::{ContentReader, Readable, Stopped};
use crate::io::hash::Blake3;
use crate::io::root::{AsHandle, FileStatus, Root, is_known_disk, status_of};
use crate::io::strategy::Thresholds;
use crate::io::write::target::Target;
use crate::io::write::{self, Expected, Observed, WriteOptions, holds_other};

/// How often a file that changes is read before it is given up.
const TRIES: usize = 4;
/// Less than that is hashed slower, and more is not faster.
const HASHED_AT_ONCE: usize = 1 << 20;

/// What bounds an edit, whatever it is.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// What the file must hold.
    pub expected: Option<Blake3>,
    /// Find what would be edited, and write nothing.
    pub dry_run: bool,
    /// How it is written; what it expects is ignored.
    pub write: WriteOptions,
}

/// A file that was found fit to be edited, and holds what was expected.
pub(super) struct OpenedFile {
    /// Its content,
    pub(super) raw: Vec<u8>,
    /// and the hash of it.
    pub(super) hash: Blake3,
    /// What the system said before it was read.
    pub(super) status: FileStatus,
    target: Target,
    observed: Observed,
}

impl OpenedFile {
    pub(super) fn open(root: &Root, path: &[u8], bounds: &Bounds, stopped: Stopped<'_>) -> Result<Self> {
        let target = Target::find(root, path, bounds.write.follow_symlinks)?;
        if target.entry().is_none() {
            // The system says it with its own number.
            let missing = target.open_content().err().unwrap_or(std::io::ErrorKind::NotFound.into());
            return Err(Error::io("open", path, missing));
        }
        // Before it is opened, because opening a device can do something.
        target.refuse_other_kinds()?;
        if !bounds.dry_run {
            target.refuse_unfit(false, bounds.write.break_hard_links)?;
        }
        let file = Self::read(target, stopped)?;
        if let Some(expected) = bounds.expected.filter(|expected| *expected != file.hash) {
            return Err(holds_other(path, &file.hash, &expected));
        }
        Ok(file)
    }

    fn read(target: Target, stopped: Stopped<'_>) -> Result<Self> {
        let path = target.path();
        let mut reader = ContentReader::new(Thresholds::default());
        for _ in 0..TRIES {
            let file = target.open_content().map_err(|error| Error::io("open", path, error))?;
            let asked = SystemTime::now();
            let status = status_of(file.as_handle()).map_err(|error| Error::io("describe", path, error))?;
            let short_read_is_end = is_known_disk(file.as_handle());
            let content = Readable { handle: file.as_handle(), short_read_is_end, status: Some(status) };
            let read = reader.read_all(content, stopped);
            let (raw, report) = read.map_err(|error| Error::io("read", path, error))?;
            if stopped() {
                return Err(Error::new(ErrorKind::Cancelled, "cancelled; nothing was written").with_path(path));
            }
            if !report.changed {
                let hash = hash_of(&raw, &mut Patience::new(stopped)).map_err(|error| error.with_path(path))?;
                return Ok(Self { raw, hash, status, observed: Observed::new(hash, file, status, asked), target });
            }
        }
        let text = format!("the file changed each of the {TRIES} times it was read; try again when its writer is done");
        Err(Error::new(ErrorKind::Changed, text).with_path(path))
    }

    /// Gives the file its new content, unless that is the one that it has; the hash of what it holds then.
    pub(super) fn write(&self, edits: &Edits<'_>, bounds: &Bounds, stopped: Stopped<'_>) -> Result<Option<Blake3>> {
        if bounds.dry_run || !edits.differs() {
            return Ok(None);
        }
        let options = WriteOptions { expected: bounds.expected.map(Expected::Content), ..bounds.write };
        write::replace(&self.target, edits, Some(&self.observed), &options, stopped).map(|written| Some(written.blake3))
    }
}

fn hash_of(raw: &[u8], patience: &mut Patience<'_>) -> Result<Blake3> {
    let mut hasher = blake3::Hasher::new();
    for piece in raw.chunks(HASHED_AT_ONCE) {
        patience.spend(piece.len())?;
        hasher.update(piece);
    }
    Ok(*hasher.finalize().as_bytes())
}
