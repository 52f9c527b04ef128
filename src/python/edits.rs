//! Files are edited.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::errors::raised;
use super::guard::guarded;
use super::interrupts::interruptible_here;
use super::options::{Arguments, PyCancelToken};
use super::stream::PyBatches;
use crate::edit::{EditOptions, Rules, replace_in_file as replace};
use crate::error::{Error, Result};
use crate::io::hash::Blake3;
use crate::io::write::{Expected, WriteOptions};
use crate::scan::BinaryFiles;
use crate::table::edits;

fn expected(text: &str) -> Result<Blake3> {
    match Expected::parse(text)? {
        Expected::Content(hash) => Ok(hash),
        Expected::Absent => Err(Error::argument("expected_blake3", "a file that is absent cannot be edited")),
    }
}

/// Replace the matches of patterns in a file; the edits table.
#[pyfunction]
pub fn replace_in_file(py: Python<'_>, path: &[u8], options: &Bound<'_, PyDict>) -> PyResult<PyBatches> {
    guarded(|| {
        let given = Arguments(options);
        let rules = Rules::compile(&given.pattern_options()?, &given.texts("replacements")?);
        let rules = rules.map_err(|error| raised(&error))?;
        let write = WriteOptions {
            durable: given.flag("durable", true)?,
            expected: None,
            mode: None,
            follow_symlinks: given.flag("follow_symlinks", true)?,
            break_hard_links: given.flag("break_hard_links", false)?,
        };
        let expected = given.text("expected_blake3")?.map(|text| expected(&text)).transpose();
        let options = EditOptions {
            encoding: given.encoding("encoding")?,
            binary: given.binary()? == BinaryFiles::Search,
            max_replacements: given.count("max_replacements", 1)?,
            expected: expected.map_err(|error| raised(&error))?,
            dry_run: given.flag("dry_run", false)?,
            write,
        };
        let (token, root) = (PyCancelToken(given.cancel()?), given.within()?);
        let batch = interruptible_here(py, Some(token), |stopped| replace(&root, path, &rules, &options, stopped))?;
        Ok(PyBatches::new(edits::schema(), vec![batch]))
    })
}
