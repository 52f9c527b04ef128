//! Single files: content, text, lines, pieces, hashes.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use pyo3::exceptions::PyUnicodeDecodeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::ascii_string::UnwrittenString;
use super::errors::raised;
use super::guard::{caught, guarded};
use super::options::{PyCancelToken, thresholds_of};
use super::root::{PyRoot, root_of};
use super::stream::PyBatches;
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;
use crate::io::content::{ContentReader, Stopped};
use crate::io::decode::{EncodingChoice, TextEncoding, decode_replacing, decode_strict};
use crate::io::hash::hash_bytes_hex;
use crate::io::opener::RegularFile;
use crate::io::root::{AsHandle, FileStatus, Root, into_file, status_of};
use crate::io::strategy::Thresholds;
use crate::io::{counters as counts, whole};
use crate::scan::{CancelToken, normalised};
use crate::table::lines;

/// Run `work` without the interpreter, and end it when a signal or the token says so.
///
/// Signals can only be looked at on the thread that holds the interpreter, so the work is done by another one.
pub fn interruptible<T: Send>(
    py: Python<'_>,
    cancel: Option<PyCancelToken>,
    work: impl FnOnce(&(dyn Fn() -> bool + Sync)) -> Result<T> + Send,
) -> PyResult<T> {
    let cancel = cancel.map(|token| token.0).unwrap_or_default();
    let interrupted = CancelToken::default();
    let stopped = || cancel.is_cancelled() || interrupted.is_cancelled();
    let (send, receive) = std::sync::mpsc::channel();
    let receive = Mutex::new(receive);
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("vespera-read".to_owned());
        let spawned = worker.spawn_scoped(scope, || {
            // The receiver outlives the worker, so the result always arrives, and so must that of a panic: the sender
            // does not end with this thread, and the loop below would wait for ever.
            let _ = send.send(caught(|| work(&stopped)));
        });
        if let Err(error) = spawned {
            return Err(raised(&Error::io("start a thread", b"", error)));
        }
        loop {
            let box_ = std::time::Duration::from_millis(25);
            let result = py.detach(|| receive.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(box_));
            match result {
                Ok(result) => return result.map_err(|error| raised(&error)),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                    let text = "a reader ended without a result; please report it";
                    return Err(raised(&Error::new(ErrorKind::Internal, text)));
                }
            }
            if let Err(error) = py.check_signals() {
                interrupted.cancel();
                return Err(error);
            }
        }
    })
}

/// Files up to this size are read on the calling thread: they take less time than a signal may wait.
const QUICK_BYTES: u64 = 8 << 20;

fn run<T: Send>(
    py: Python<'_>,
    root: &Root,
    path: &[u8],
    cancel: Option<PyCancelToken>,
    work: impl FnOnce(&dyn Fn() -> bool) -> Result<T> + Send,
) -> PyResult<T> {
    let size = root.status(path, true).map_or(0, |status| status.size);
    if size <= QUICK_BYTES && size > 0 {
        let token = cancel.map(|token| token.0).unwrap_or_default();
        return py.detach(|| work(&|| token.is_cancelled())).map_err(|error| raised(&error));
    }
    interruptible(py, cancel, |stopped| work(&|| stopped()))
}

/// The content of a file.
#[pyfunction]
#[pyo3(signature = (path, *, strategy = "auto", within = None, cancel = None))]
pub fn read_bytes<'py>(
    py: Python<'py>,
    path: &[u8],
    strategy: &str,
    within: Option<PyRoot>,
    cancel: Option<PyCancelToken>,
) -> PyResult<Bound<'py, PyBytes>> {
    guarded(|| {
        let (thresholds, root) = (thresholds_of(strategy)?, root_of(within));
        let content = run(py, &root, path, cancel, |stopped| whole::read_file(&root, path, thresholds, stopped))?;
        Ok(PyBytes::new(py, &content))
    })
}

/// The text of a file.
enum Text {
    /// Bytes that are to be UTF-8. Whoever takes them checks that anyway, so they are not checked twice.
    Unchecked(Vec<u8>, TextEncoding),
    Decoded(String),
}

/// How bytes become text.
#[derive(Clone, Copy)]
struct Decoding {
    encoding: EncodingChoice,
    strict: bool,
}

impl Decoding {
    fn parse(encoding: &str, errors: &str) -> PyResult<Self> {
        let strict = match errors {
            "strict" => true,
            "replace" => false,
            other => {
                let text = format!("expected \"strict\" or \"replace\", got {other:?}");
                return Err(raised(&Error::argument("errors", &text)));
            }
        };
        let encoding = EncodingChoice::parse(encoding).map_err(|error| raised(&error))?;
        Ok(Self { encoding, strict })
    }

    fn text(self, root: &Root, path: &[u8], thresholds: Thresholds, stopped: Stopped<'_>) -> Result<Text> {
        let content = whole::read_file(root, path, thresholds, stopped)?;
        FailPoint::Decoding.pass();
        let encoding = TextEncoding::detect(&content, self.encoding);
        if encoding.is_utf8() && encoding.bom_bytes() == 0 {
            return Ok(Text::Unchecked(content, encoding));
        }
        self.decoded(&content, encoding, path).map(Text::Decoded)
    }

    fn python_string<'py>(self, py: Python<'py>, content: &[u8], path: &[u8]) -> PyResult<Bound<'py, PyString>> {
        let encoding = TextEncoding::detect(content, self.encoding);
        if encoding.is_utf8() && encoding.bom_bytes() == 0 {
            match PyString::from_bytes(py, content) {
                Err(error) if error.is_instance_of::<PyUnicodeDecodeError>(py) => {}
                text => return text,
            }
        }
        let text = py.detach(|| self.decoded(content, encoding, path)).map_err(|error| raised(&error))?;
        Ok(PyString::new(py, &text))
    }

    fn decoded(self, content: &[u8], encoding: TextEncoding, path: &[u8]) -> Result<String> {
        if self.strict {
            decode_strict(content, encoding).map(Cow::into_owned).map_err(|error| error.with_path(path))
        } else {
            Ok(decode_replacing(content, encoding).into_owned())
        }
    }
}

/// From this size on a text is read into the string that it becomes.
const IN_PLACE_FROM: u64 = 1 << 20;

/// The text of a large file, read into its place; `None` if it is not so simple, and nothing was wrong so far.
fn text_in_place<'py>(
    py: Python<'py>,
    root: &Root,
    path: &[u8],
    decoding: Decoding,
    thresholds: Thresholds,
    cancel: Option<PyCancelToken>,
) -> PyResult<Option<Bound<'py, PyString>>> {
    if decoding.encoding != EncodingChoice::Auto || thresholds.forced.is_some() {
        return Ok(None);
    }
    let Some((file, size)) = py.detach(|| whole::open_of_known_size(root, path, IN_PLACE_FROM)) else {
        return Ok(None);
    };
    let Some(mut string) = UnwrittenString::new(py, size) else { return Ok(None) };
    let reader = ContentReader::new(thresholds);
    let unchanged = run(py, root, path, cancel, |stopped| {
        let read = reader.read_into(file.readable(), string.bytes(), stopped);
        let unchanged = read.map_err(|error| Error::io("read", path, error))?;
        if stopped() {
            return Err(Error::new(ErrorKind::Cancelled, "reading was cancelled").with_path(path));
        }
        Ok(unchanged)
    })?;
    if !unchanged {
        return Ok(None);
    }
    counts::BYTES_READ.add(size as u64);
    FailPoint::Decoding.pass();
    match string.written(py) {
        Ok(text) => Ok(Some(text)),
        Err(mut other) => decoding.python_string(py, other.bytes(), path).map(Some),
    }
}

/// The decoded content of a file.
#[pyfunction]
#[pyo3(signature = (path, *, encoding = "auto", errors = "strict", strategy = "auto", within = None, cancel = None))]
pub fn read_string<'py>(
    py: Python<'py>,
    path: &[u8],
    encoding: &str,
    errors: &str,
    strategy: &str,
    within: Option<PyRoot>,
    cancel: Option<PyCancelToken>,
) -> PyResult<Bound<'py, PyString>> {
    guarded(|| {
        let (decoding, thresholds) = (Decoding::parse(encoding, errors)?, thresholds_of(strategy)?);
        let root = root_of(within);
        if let Some(text) = text_in_place(py, &root, path, decoding, thresholds, cancel.clone())? {
            return Ok(text);
        }
        let content = run(py, &root, path, cancel, |stopped| whole::read_file(&root, path, thresholds, stopped))?;
        FailPoint::Decoding.pass();
        decoding.python_string(py, &content, path)
    })
}

/// The lines of a file, as the one column `line`.
#[pyfunction]
#[pyo3(signature = (path, *, encoding = "auto", errors = "strict", strategy = "auto", within = None, cancel = None))]
pub fn read_lines(
    py: Python<'_>,
    path: &[u8],
    encoding: &str,
    errors: &str,
    strategy: &str,
    within: Option<PyRoot>,
    cancel: Option<PyCancelToken>,
) -> PyResult<PyBatches> {
    guarded(|| {
        let (decoding, thresholds) = (Decoding::parse(encoding, errors)?, thresholds_of(strategy)?);
        let root = root_of(within);
        let batches = run(py, &root, path, cancel, |stopped| {
            match decoding.text(&root, path, thresholds, stopped)? {
                Text::Decoded(text) => lines::lines(text.into_bytes()),
                Text::Unchecked(content, encoding) => {
                    let content = Bytes::from(content);
                    match lines::lines(content.clone()) {
                        Err(error) if error.kind() == ErrorKind::Decode => {
                            lines::lines(decoding.decoded(&content, encoding, path)?.into_bytes())
                        }
                        lines => lines,
                    }
                }
            }
            .map_err(|error| error.with_path(path))
        })?;
        Ok(PyBatches::new(lines::schema(), batches))
    })
}

/// The content of a file in pieces.
#[pyfunction]
#[pyo3(signature = (path, *, chunk_size, strategy = "auto", within = None))]
pub fn read_chunks(
    py: Python<'_>,
    path: &[u8],
    chunk_size: usize,
    strategy: &str,
    within: Option<PyRoot>,
) -> PyResult<PyChunkIterator> {
    guarded(|| {
        thresholds_of(strategy)?;
        if chunk_size == 0 {
            return Err(raised(&Error::argument("chunk_size", "expected at least 1, got 0")));
        }
        let (root, path) = (root_of(within), normalised(path));
        let opened: Result<_> = py.detach(|| {
            let file = RegularFile::open(&root, &path)?;
            let content = into_file(file.handle).map_err(|error| Error::io("read", &path, error))?;
            Ok((content, file.status))
        });
        let (file, before) = opened.map_err(|error| raised(&error))?;
        Ok(PyChunkIterator { chunk_size, path, state: Mutex::new(Some(ChunkState { file, before })) })
    })
}

struct ChunkState {
    file: File,
    before: FileStatus,
}

/// The pieces of one file, in order. If the file changes meanwhile, the last step raises.
#[pyclass(name = "ChunkIterator", module = "vespera_file_ops._core", frozen)]
pub struct PyChunkIterator {
    chunk_size: usize,
    path: Vec<u8>,
    state: Mutex<Option<ChunkState>>,
}

impl PyChunkIterator {
    fn next_chunk(&self) -> Result<Option<Vec<u8>>> {
        FailPoint::Piece.pass();
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(state) = guard.as_mut() else { return Ok(None) };
        let mut chunk = Vec::with_capacity(self.chunk_size.min(8 << 20));
        let failed = |error| Error::io("read", &self.path, error);
        state.file.by_ref().take(self.chunk_size as u64).read_to_end(&mut chunk).map_err(failed)?;
        counts::BYTES_READ.add(chunk.len() as u64);
        if !chunk.is_empty() {
            return Ok(Some(chunk));
        }
        let after = status_of(state.file.as_handle()).map_err(|error| Error::io("describe", &self.path, error))?;
        let unchanged = state.before.same_content_as(&after);
        *guard = None;
        if unchanged {
            return Ok(None);
        }
        let text = "the file changed while its pieces were read; they may not fit together";
        Err(Error::new(ErrorKind::Changed, text).with_path(&self.path))
    }
}

#[pymethods]
impl PyChunkIterator {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        guarded(|| {
            let chunk = py.detach(|| self.next_chunk()).map_err(|error| raised(&error))?;
            Ok(chunk.map(|chunk| PyBytes::new(py, &chunk)))
        })
    }
}

/// The BLAKE3 hash of a file, in hexadecimal.
#[pyfunction]
#[pyo3(signature = (path, *, strategy = "auto", within = None, cancel = None))]
pub fn hash_file(
    py: Python<'_>,
    path: &[u8],
    strategy: &str,
    within: Option<PyRoot>,
    cancel: Option<PyCancelToken>,
) -> PyResult<String> {
    guarded(|| {
        let (thresholds, root) = (thresholds_of(strategy)?, root_of(within));
        run(py, &root, path, cancel, |stopped| whole::hash_file(&root, path, thresholds, stopped))
    })
}

/// The BLAKE3 hash of a content in memory, in hexadecimal.
#[pyfunction]
pub fn hash_bytes(py: Python<'_>, content: &[u8]) -> PyResult<String> {
    guarded(|| Ok(py.detach(|| hash_bytes_hex(content))))
}

/// What this process has done so far.
#[pyfunction]
pub fn counters(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    guarded(|| {
        let dict = PyDict::new(py);
        for (name, count) in counts::all() {
            dict.set_item(name, count)?;
        }
        Ok(dict)
    })
}

/// Make a fail point panic at its next pass, for the tests of what a defect does.
#[pyfunction]
pub fn fail_once(point: &str) -> PyResult<()> {
    let points = FailPoint::ALL;
    let Some(known) = points.iter().find(|known| known.label() == point) else {
        let labels: Vec<_> = points.iter().map(|known| known.label()).collect();
        let text = format!("expected {}, got {point:?}", labels.join(", "));
        return Err(raised(&Error::argument("point", &text)));
    };
    known.arm();
    Ok(())
}
