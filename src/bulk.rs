//! Many files at once: each row of a frame is a file to write, or the edits of one.
//!
//! A file is written whole or not at all, as by [`crate::io::write`] and [`crate::edit`]; all of them together are not.
//! What becomes of each is told, so that what failed can be mended and everything be done again: a file that holds its
//! new content already is left alone.

use crate::edit::{Applied, Bounds, FileEdits, apply_edits};
use crate::error::{Error, ErrorKind, Result};
use crate::io::hash::{Blake3, hash_hex};
use crate::io::root::{FileKind, Root};
use crate::io::strategy::Thresholds;
use crate::io::whole;
use crate::io::write::{Expected, WriteOptions, write_file};
use crate::pool::spread;

/// Asked by any thread whether to go on.
pub type Stopped<'a> = &'a (dyn Fn() -> bool + Sync);

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has its new content.
    Written,
    /// It had it already.
    Unchanged,
    /// It holds something else than what was expected, and keeps that.
    Conflict,
    /// Something else went wrong.
    Error,
}

impl Outcome {
    /// The word for it in every face.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Unchanged => "unchanged",
            Self::Conflict => "conflict",
            Self::Error => "error",
        }
    }
}

/// One row of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOutcome {
    /// What became of the file.
    pub outcome: Outcome,
    /// The hash of what it holds now, in hexadecimal, where that is known.
    pub blake3: Option<String>,
    /// Why it was not written, or not for certain.
    pub error: Option<String>,
    /// What its edits do, as a unified diff, where that was asked for.
    pub diff: Option<String>,
}

impl FileOutcome {
    fn done(outcome: Outcome, blake3: &Blake3, diff: Option<String>) -> Self {
        Self { outcome, blake3: Some(hash_hex(blake3)), error: None, diff }
    }

    /// A row for what is wrong with a file; a wish to stop and a defect end everything.
    fn failed(error: &Error) -> Result<Self> {
        let outcome = match error.kind() {
            ErrorKind::Cancelled | ErrorKind::Internal => return Err(error.clone()),
            ErrorKind::Conflict => Outcome::Conflict,
            _ => Outcome::Error,
        };
        Ok(Self { outcome, blake3: None, error: Some(error.row_text()), diff: None })
    }
}

/// A file and its new content.
#[derive(Debug)]
pub struct NewFile<C> {
    /// The file.
    pub path: Vec<u8>,
    /// All that it is to hold.
    pub content: C,
    /// What it must hold for that.
    pub expected: Option<Expected>,
}

/// Gives files new contents, several at a time; `options` says nothing of what is expected.
///
/// # Errors
/// [`ErrorKind::Cancelled`] if `stopped` says so, after the files at work have been written or not.
pub fn write_files<C: AsRef<[u8]> + Sync>(
    root: &Root,
    files: &[NewFile<C>],
    options: &WriteOptions,
    stopped: Stopped<'_>,
) -> Result<Vec<FileOutcome>> {
    let one = |file: &NewFile<C>| {
        let content = file.content.as_ref();
        if let Some(hash) = hash_if_same(root, &file.path, content, options) {
            return Ok(FileOutcome::done(Outcome::Unchanged, &hash, None));
        }
        let options = WriteOptions { expected: file.expected, ..*options };
        match write_file(root, &file.path, content, &options, &|| stopped()) {
            Ok(written) => Ok(FileOutcome::done(Outcome::Written, &written.blake3, None)),
            Err(error) => FileOutcome::failed(&error),
        }
    };
    each(files, stopped, one)
}

/// Applies the edits of files, several at a time; `bounds` says nothing of what is expected.
///
/// # Errors
/// As [`write_files`].
pub fn edit_files<T: AsRef<str> + Sync>(
    root: &Root,
    files: &[FileEdits<T>],
    bounds: &Bounds,
    diff: bool,
    stopped: Stopped<'_>,
) -> Result<Vec<FileOutcome>> {
    let one = |file: &FileEdits<T>| match apply_edits(root, file, bounds, diff, &|| stopped()) {
        Ok(Applied { differs, blake3, diff, .. }) => {
            let outcome = if differs { Outcome::Written } else { Outcome::Unchanged };
            Ok(FileOutcome::done(outcome, &blake3, diff))
        }
        Err(error) => FileOutcome::failed(&error),
    };
    each(files, stopped, one)
}

fn each<F: Sync>(
    files: &[F],
    stopped: Stopped<'_>,
    one: impl Fn(&F) -> Result<FileOutcome> + Sync,
) -> Result<Vec<FileOutcome>> {
    let outcomes = spread(
        files.len(),
        1,
        || (),
        |(), range| {
            if stopped() {
                return Err(Error::new(
                    ErrorKind::Cancelled,
                    "cancelled; the files before are written, the others are not",
                ));
            }
            one(&files[range.start])
        },
    );
    outcomes.into_iter().collect()
}

/// The hash of a content that a file holds already.
fn hash_if_same(root: &Root, path: &[u8], content: &[u8], options: &WriteOptions) -> Option<Blake3> {
    let status = root.status(path, options.follow_symlinks).ok()?;
    if status.kind != FileKind::File || status.size != content.len() as u64 {
        return None;
    }
    let hash = blake3::hash(content);
    let held = whole::hash_file(root, path, Thresholds::default(), &|| false).ok()?;
    (held == hash.to_hex().as_str()).then(|| *hash.as_bytes())
}
