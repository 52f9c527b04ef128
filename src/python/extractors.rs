//! Functions of the caller that make text of what is none, such as PDF.

use std::sync::Arc;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::scan::{ExtractRequest, Extracted};

/// One function for each end of a name, in the order of [`crate::scan::ChunkingOptions::extracted`].
#[derive(Clone, Default)]
pub struct Extractors(Arc<Vec<Py<PyAny>>>);

impl Extractors {
    /// The ends of names, and the functions for them, of a dict that Python has checked.
    pub fn of(functions: &Bound<'_, PyDict>) -> PyResult<(Vec<String>, Self)> {
        let mut suffixes = Vec::new();
        let mut callables = Vec::new();
        for (suffix, function) in functions.iter() {
            suffixes.push(suffix.extract::<String>()?.to_ascii_lowercase());
            callables.push(function.unbind());
        }
        Ok((suffixes, Self(Arc::new(callables))))
    }

    /// What the function makes of a content. An exception says why there is no text; what is none (Ctrl-C) is raised.
    pub fn extract(&self, py: Python<'_>, request: &ExtractRequest) -> PyResult<Extracted> {
        let Some(function) = self.0.get(request.suffix) else {
            return Ok(Err("there is no extractor for it".to_owned()));
        };
        match function.bind(py).call1((PyBytes::new(py, &request.content),)) {
            Ok(text) => match text.cast::<PyString>() {
                Ok(text) => Ok(Ok(text.to_string_lossy().into_owned())),
                Err(_) => Ok(Err(format!("its extractor returned {}, not a str", text.get_type().name()?))),
            },
            Err(error) if error.is_instance_of::<PyException>(py) => {
                let kind = error.get_type(py).name()?;
                Ok(Err(format!("its extractor raised {kind}: {}", error.value(py))))
            }
            Err(error) => Err(error),
        }
    }
}
