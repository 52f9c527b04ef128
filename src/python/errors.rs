//! Errors become the exceptions that `vespera_file_ops.errors` defines.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{Error, ErrorKind};
use crate::io::root::path_bytes::to_shown;

/// The exception class of a kind.
fn class_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Argument => "ArgumentError",
        ErrorKind::Pattern => "PatternError",
        ErrorKind::PathNotFound => "PathNotFoundError",
        ErrorKind::AccessDenied => "AccessDeniedError",
        ErrorKind::Changed => "ChangedError",
        ErrorKind::Decode => "DecodeError",
        ErrorKind::Limit => "LimitError",
        ErrorKind::OutsideRoot => "OutsideRootError",
        ErrorKind::Conflict => "ConflictError",
        ErrorKind::NotCommitted => "NotCommittedError",
        ErrorKind::CommittedNotDurable => "CommittedNotDurableError",
        ErrorKind::Cancelled => "CancelledError",
        ErrorKind::Forked => "ForkedProcessError",
        ErrorKind::Io => "FileSystemError",
        ErrorKind::Internal => "InternalError",
    }
}

/// The exception for an error.
pub fn raised(error: &Error) -> PyErr {
    Python::attach(|py| exception(py, error).unwrap_or_else(|failure| failure))
}

fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let class = py.import("vespera_file_ops.errors")?.getattr(class_name(error.kind()))?;
    let arguments = PyDict::new(py);
    arguments.set_item("path", error.path().map(to_shown))?;
    arguments.set_item("errno", error.errno())?;
    Ok(PyErr::from_value(class.call((error.to_string(),), Some(&arguments))?))
}
