//! Many files are written or edited in one call.

use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};

use super::errors::raised;
use super::files::interruptible;
use super::guard::guarded;
use super::options::PyCancelToken;
use super::root::{PyRoot, root_of};
use crate::bulk::{FileOutcome, NewFile, edit_files as edit, write_files as write};
use crate::edit::{Bounds, FileEdits, RangeEdit, Searched};
use crate::error::Result;
use crate::io::hash::Blake3;
use crate::io::write::{Expected, WriteOptions};

/// A content that Python holds.
#[derive(FromPyObject)]
pub enum GivenContent {
    /// Text, which becomes UTF-8.
    Text(PyBackedStr),
    /// Bytes as they are.
    Bytes(PyBackedBytes),
}

impl AsRef<[u8]> for GivenContent {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// A text that Python holds.
pub struct GivenText(PyBackedStr);

impl AsRef<str> for GivenText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Status, hash, error and diff of a file.
type Answer = (&'static str, Option<String>, Option<String>, Option<String>);

fn answers(outcomes: Vec<FileOutcome>) -> Vec<Answer> {
    let answer = |FileOutcome { outcome, blake3, error, diff }| (outcome.label(), blake3, error, diff);
    outcomes.into_iter().map(answer).collect()
}

fn hash_of(expected: Option<&str>) -> Result<Option<Blake3>> {
    match expected.map(Expected::parse).transpose()? {
        None => Ok(None),
        Some(Expected::Content(hash)) => Ok(Some(hash)),
        Some(Expected::Absent) => {
            Err(crate::Error::argument("expected_blake3", "a file that is absent cannot be edited"))
        }
    }
}

/// Give files new contents: path, content, and the hash of what is expected.
#[pyfunction]
#[pyo3(signature = (files, *, durable, within, cancel))]
pub fn write_files(
    py: Python<'_>,
    files: Vec<(Vec<u8>, GivenContent, Option<PyBackedStr>)>,
    durable: bool,
    within: Option<PyRoot>,
    cancel: Option<PyCancelToken>,
) -> PyResult<Vec<Answer>> {
    guarded(|| {
        let new = |(path, content, expected): (_, _, Option<PyBackedStr>)| {
            let expected = expected.as_deref().map(Expected::parse).transpose()?;
            Ok(NewFile { path, content, expected })
        };
        let files: Vec<_> = files.into_iter().map(new).collect::<Result<_>>().map_err(|error| raised(&error))?;
        let (root, options) = (root_of(within), WriteOptions { durable, ..WriteOptions::default() });
        interruptible(py, cancel, |stopped| write(&root, &files, &options, stopped)).map(answers)
    })
}

/// One file's edits as Python gives them: path; hash, size and time (and its step) that are expected; and of each edit
/// start, end, text, and what stood there.
type GivenEdits =
    (Vec<u8>, (Option<PyBackedStr>, Option<u64>, Option<i64>, i64), Vec<(u64, u64, PyBackedStr, Option<PyBackedStr>)>);

/// Apply the edits of files.
#[pyfunction]
#[pyo3(signature = (files, *, dry_run, durable, within, cancel))]
pub fn edit_files(
    py: Python<'_>,
    files: Vec<GivenEdits>,
    dry_run: bool,
    durable: bool,
    within: Option<PyRoot>,
    cancel: Option<PyCancelToken>,
) -> PyResult<Vec<Answer>> {
    guarded(|| {
        let of_file =
            |(path, (expected, size, modified, step), edits): GivenEdits| {
                let edit = |(start, end, replacement, matched): (u64, u64, PyBackedStr, Option<PyBackedStr>)| {
                    RangeEdit { start, end, replacement: GivenText(replacement), matched: matched.map(GivenText) }
                };
                let (expected, searched) = (hash_of(expected.as_deref())?, Some(Searched { size, modified, step }));
                Ok(FileEdits { path, expected, searched, edits: edits.into_iter().map(edit).collect() })
            };
        let files: Vec<_> = files.into_iter().map(of_file).collect::<Result<_>>().map_err(|error| raised(&error))?;
        let write = WriteOptions { durable, ..WriteOptions::default() };
        let (root, bounds) = (root_of(within), Bounds { expected: None, dry_run, write });
        interruptible(py, cancel, |stopped| edit(&root, &files, &bounds, dry_run, stopped)).map(answers)
    })
}
