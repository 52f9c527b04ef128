//! Files are written: their whole content, or something at their end; folders are made, and both are moved.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySlice, PyString};

use super::errors::raised;
use super::guard::guarded;
use super::interrupts::interruptible_here;
use super::options::PyCancelToken;
use super::root::{PyRoot, root_of};
use crate::error::{Error, Result};
use crate::io::hash::hash_hex;
use crate::io::write::{
    AppendOptions, Content, Expected, FolderOptions, MoveOptions, WriteOptions, Written, append_file as append,
    create_folder, move_entry, write_file as write,
};
use crate::sweep::sweep_temp_files as sweep;

/// How many characters, or bytes, are copied at a time; a text becomes longer as UTF-8.
const PIECE_ITEMS: usize = 1 << 20;

/// Content that Python holds.
enum Given<'a> {
    /// Bytes that cannot change while the interpreter is detached.
    Bytes(&'a [u8]),
    /// What has to be asked for piece by piece.
    Pieces(Pieces),
}

impl<'a> Given<'a> {
    /// `content` is bytes, a str, or a memoryview of single bytes.
    fn of(content: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = content.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.as_bytes()));
        }
        let Ok(text) = content.cast::<PyString>() else { return Pieces::of(content, false) };
        // Python keeps the UTF-8 of a str beside it for good, unless it is ASCII, where both are the same.
        if content.len()? <= PIECE_ITEMS || content.call_method0("isascii")?.is_truthy()? {
            return text.to_str().map(|text| Self::Bytes(text.as_bytes())).map_err(|error| unencodable(&error));
        }
        Pieces::of(content, true)
    }
}

impl Content for Given<'_> {
    fn pieces(&self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match self {
            Self::Bytes(bytes) => bytes.pieces(take),
            Self::Pieces(pieces) => pieces.pieces(take),
        }
    }

    fn whole(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Pieces(_) => None,
        }
    }
}

/// A large text that is no ASCII, or memory that another thread may change: each piece is copied when its turn comes.
struct Pieces {
    object: Py<PyAny>,
    length: usize,
    is_text: bool,
}

impl Pieces {
    fn of<'a>(object: &Bound<'_, PyAny>, is_text: bool) -> PyResult<Given<'a>> {
        Ok(Given::Pieces(Self { object: object.clone().unbind(), length: object.len()?, is_text }))
    }

    /// The piece that begins at `start`, in `buffer`.
    fn copy(&self, py: Python<'_>, start: usize, buffer: &mut Vec<u8>) -> PyResult<()> {
        let end = self.length.min(start + PIECE_ITEMS);
        let slice = PySlice::new(py, isize::try_from(start)?, isize::try_from(end)?, 1);
        let part = self.object.bind(py).get_item(slice)?;
        let bytes = if self.is_text { part.call_method1("encode", ("utf-8",))? } else { part.call_method0("tobytes")? };
        buffer.clear();
        buffer.extend_from_slice(bytes.cast::<PyBytes>()?.as_bytes());
        Ok(())
    }
}

impl Content for Pieces {
    fn pieces(&self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut buffer = Vec::new();
        for start in (0..self.length).step_by(PIECE_ITEMS) {
            Python::attach(|py| self.copy(py, start, &mut buffer))
                .map_err(|error| Error::argument("content", &format!("cannot be had from item {start} on: {error}")))?;
            take(&buffer)?;
        }
        Ok(())
    }
}

fn unencodable(error: &PyErr) -> PyErr {
    raised(&Error::argument("content", &format!("cannot be written as UTF-8: {error}")))
}

/// How many bytes were written, and their hash in hexadecimal.
type Answer = (u64, String);

fn answer(written: &Written) -> Answer {
    (written.bytes, hash_hex(&written.blake3))
}

/// Give a file a new content, whole or not at all.
#[pyfunction]
#[pyo3(signature = (path, content, *, durable, expected_blake3, mode, follow_symlinks, break_hard_links, within, cancel))]
// One for each argument of the Python function, which documents them.
#[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)]
pub fn write_file(
    py: Python<'_>,
    path: &[u8],
    content: &Bound<'_, PyAny>,
    durable: bool,
    expected_blake3: Option<&str>,
    mode: Option<u32>,
    follow_symlinks: bool,
    break_hard_links: bool,
    within: Option<PyRoot>,
    cancel: Option<PyCancelToken>,
) -> PyResult<Answer> {
    guarded(|| {
        let expected = expected_blake3.map(Expected::parse).transpose().map_err(|error| raised(&error))?;
        let options = WriteOptions { durable, expected, mode, follow_symlinks, break_hard_links };
        let (content, root) = (Given::of(content)?, root_of(within));
        interruptible_here(py, cancel, |stopped| write(&root, path, &content, &options, stopped))
            .map(|written| answer(&written))
    })
}

/// Put something at a file's end.
#[pyfunction]
// One for each argument of the Python function, which documents them.
#[allow(clippy::too_many_arguments)]
#[pyo3(signature = (path, content, *, durable, mode, follow_symlinks, within, cancel))]
pub fn append_file(
    py: Python<'_>,
    path: &[u8],
    content: &Bound<'_, PyAny>,
    durable: bool,
    mode: Option<u32>,
    follow_symlinks: bool,
    within: Option<PyRoot>,
    cancel: Option<PyCancelToken>,
) -> PyResult<Answer> {
    guarded(|| {
        let options = AppendOptions { durable, mode, follow_symlinks };
        let (content, root) = (Given::of(content)?, root_of(within));
        interruptible_here(py, cancel, |stopped| append(&root, path, &content, &options, stopped))
            .map(|written| answer(&written))
    })
}

/// Make a folder.
#[pyfunction]
#[pyo3(signature = (path, *, parents, exist_ok, within))]
pub fn create_directory(
    py: Python<'_>,
    path: &[u8],
    parents: bool,
    exist_ok: bool,
    within: Option<PyRoot>,
) -> PyResult<()> {
    guarded(|| {
        let (options, root) = (FolderOptions { parents, exist_ok }, root_of(within));
        py.detach(|| create_folder(&root, path, options)).map_err(|error| raised(&error))
    })
}

/// Give a file or a folder another name.
#[pyfunction]
#[pyo3(signature = (source, target, *, overwrite, durable, within))]
pub fn move_file(
    py: Python<'_>,
    source: &[u8],
    target: &[u8],
    overwrite: bool,
    durable: bool,
    within: Option<PyRoot>,
) -> PyResult<()> {
    guarded(|| {
        let (options, root) = (MoveOptions { overwrite, durable }, root_of(within));
        interruptible_here(py, None, |stopped| move_entry(&root, source, target, options, stopped))
    })
}

/// Remove what killed writers left below a folder.
#[pyfunction]
#[pyo3(signature = (root, *, older_than, within, cancel))]
pub fn sweep_temp_files<'py>(
    py: Python<'py>,
    root: &[u8],
    older_than: f64,
    within: Option<PyRoot>,
    cancel: Option<PyCancelToken>,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    guarded(|| {
        let older_than = Duration::try_from_secs_f64(older_than).unwrap_or(Duration::MAX);
        let within = root_of(within);
        let removed = interruptible_here(py, cancel, |stopped| sweep(&within, root, older_than, stopped))?;
        Ok(removed.iter().map(|path| PyBytes::new(py, path)).collect())
    })
}
