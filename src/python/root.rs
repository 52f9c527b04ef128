//! The folder that a call cannot leave, as `within=` takes it.

use std::borrow::Cow;
use std::ffi::OsStr;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::errors::raised;
use super::guard::guarded;
use crate::error::Error;
use crate::io::root::Root;
use crate::io::root::path_bytes::to_shown;
use crate::scan::normalised;

/// A folder that nothing leads out of.
#[pyclass(name = "Root", module = "vespera_file_ops", frozen, from_py_object)]
#[derive(Clone)]
pub struct PyRoot(Root);

/// The root to which a call is confined, or the free one.
pub fn root_of(within: Option<PyRoot>) -> Root {
    within.map(|root| root.0).unwrap_or_default()
}

/// A path without any `..` but those at its start, and from its root.
#[pyfunction]
#[pyo3(signature = (path, *, within))]
pub fn without_dots(py: Python<'_>, path: &[u8], within: Option<PyRoot>) -> PyResult<Vec<u8>> {
    guarded(|| {
        let plain = py.detach(|| root_of(within).without_dots(path));
        plain.map_err(|error| raised(&Error::io("go up by the dots of this path", path, error)))
    })
}

#[pymethods]
impl PyRoot {
    #[new]
    #[pyo3(signature = (path, *, denied = None, allowed = None))]
    fn new(
        py: Python<'_>,
        path: &Bound<'_, PyAny>,
        denied: Option<&Bound<'_, PyAny>>,
        allowed: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        guarded(|| {
            let globs = |name: &str, value: Option<&Bound<'_, PyAny>>| -> PyResult<Vec<String>> {
                let Some(value) = value else { return Ok(Vec::new()) };
                py.import("vespera_file_ops.paths")?.call_method1("text_list", (name, value))?.extract()
            };
            let (denied, allowed) = (globs("denied", denied)?, globs("allowed", allowed)?);
            let encoded = py.import("vespera_file_ops.paths")?.call_method1("encode_path", ("path", path))?;
            let bytes = encoded.cast::<PyBytes>()?.as_bytes();
            py.detach(|| Root::denying(bytes, &denied, &allowed)).map(Self).map_err(|error| raised(&error))
        })
    }

    /// The folder, as an absolute path.
    #[getter]
    fn path(&self) -> Cow<'_, OsStr> {
        to_shown(self.0.absolute().unwrap_or_default())
    }

    /// The globs of the names that are not reached in it.
    #[getter]
    fn denied<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.denied().0)
    }

    /// The globs of the names that are reached in spite of them.
    #[getter]
    fn allowed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.denied().1)
    }

    /// How a path is spelled from this root.
    fn relative(&self, path: &[u8]) -> PyResult<Vec<u8>> {
        guarded(|| {
            let relative = self.0.relative(path).map_err(|error| raised(&Error::io("use this path", path, error)))?;
            Ok(normalised(&relative))
        })
    }

    /// The kind and the size of what a path leads to: one question to the system, for whoever asks often.
    fn status(&self, py: Python<'_>, path: &[u8]) -> PyResult<(&'static str, u64)> {
        guarded(|| {
            let status = py.detach(|| self.0.status(path, true));
            let status = status.map_err(|error| raised(&Error::io("describe", path, error)))?;
            Ok((status.kind.as_str(), status.size))
        })
    }

    fn __repr__(&self) -> String {
        let (denied, allowed) = self.0.denied();
        let globs = |name: &str, globs: &[String]| {
            if globs.is_empty() { String::new() } else { format!(", {name}={globs:?}") }
        };
        let path = self.path();
        format!("Root({:?}{}{})", path.to_string_lossy(), globs("denied", denied), globs("allowed", allowed))
    }

    /// What a pickle holds.
    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<((Cow<'_, OsStr>,), Bound<'py, PyDict>)> {
        let options = PyDict::new(py);
        options.set_item("denied", self.denied(py)?)?;
        options.set_item("allowed", self.allowed(py)?)?;
        Ok(((self.path(),), options))
    }
}
