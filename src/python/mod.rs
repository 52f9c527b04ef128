//! The Python face: options in, Arrow out; the interpreter is detached whenever Rust works.
//!
//! This is the private module `vespera_file_ops._core`. The public functions, their names and their documentation are
//! Python; this side validates, runs the pipeline, and raises the exceptions that Python defines.

mod ascii_string;
mod bulk;
mod capsule;
mod edits;
mod errors;
mod extractors;
mod files;
mod guard;
mod interrupts;
mod options;
mod reminder;
mod request;
mod root;
mod running;
mod stream;
mod values;
mod watching;
mod writes;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// Classes and errors are made once in a process, so a second interpreter would be handed objects of the first, and the
/// first would be left with those of a second that has ended.
fn refuse_other_interpreters(py: Python<'_>) -> PyResult<()> {
    // The module's name changed in Python 3.13; where there is none, there can be no second interpreter.
    for name in ["_interpreters", "_xxsubinterpreters"] {
        let Ok(interpreters) = py.import(name) else { continue };
        if !interpreters.call_method0("get_current")?.eq(interpreters.call_method0("get_main")?)? {
            let text = "vespera_file_ops works in the main interpreter only: call it there, or in a process of its own";
            return Err(PyImportError::new_err(text));
        }
        break;
    }
    Ok(())
}

/// The extension module.
///
/// # Errors
/// In another interpreter than the main one, and if a class cannot be added.
#[pymodule]
pub fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    refuse_other_interpreters(module.py())?;
    module.add_class::<options::PyCancelToken>()?;
    module.add_class::<root::PyRoot>()?;
    module.add_class::<request::PyRequest>()?;
    module.add_class::<running::PyScan>()?;
    module.add_class::<running::PyMaskRequest>()?;
    module.add_class::<stream::PyBatch>()?;
    module.add_class::<stream::PyBatches>()?;
    module.add_class::<stream::PyTableStream>()?;
    module.add_class::<stream::PyTableStreamIterator>()?;
    module.add_class::<files::PyChunkIterator>()?;
    module.add_class::<watching::PyWatch>()?;
    module.add_function(wrap_pyfunction!(files::read_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(files::read_string, module)?)?;
    module.add_function(wrap_pyfunction!(files::read_lines, module)?)?;
    module.add_function(wrap_pyfunction!(files::read_chunks, module)?)?;
    module.add_function(wrap_pyfunction!(files::hash_file, module)?)?;
    module.add_function(wrap_pyfunction!(files::hash_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(writes::write_file, module)?)?;
    module.add_function(wrap_pyfunction!(writes::append_file, module)?)?;
    module.add_function(wrap_pyfunction!(writes::create_directory, module)?)?;
    module.add_function(wrap_pyfunction!(writes::move_file, module)?)?;
    module.add_function(wrap_pyfunction!(writes::sweep_temp_files, module)?)?;
    module.add_function(wrap_pyfunction!(edits::replace_in_file, module)?)?;
    module.add_function(wrap_pyfunction!(bulk::write_files, module)?)?;
    module.add_function(wrap_pyfunction!(bulk::edit_files, module)?)?;
    module.add_function(wrap_pyfunction!(root::without_dots, module)?)?;
    module.add_function(wrap_pyfunction!(files::counters, module)?)?;
    module.add_function(wrap_pyfunction!(files::fail_once, module)?)?;
    module.add_function(wrap_pyfunction!(stream::rows, module)?)?;
    module.add_function(wrap_pyfunction!(options::type_names, module)?)?;
    let no_more_reminders = wrap_pyfunction!(reminder::no_more_reminders, module)?;
    module.py().import("atexit")?.call_method1("register", (&no_more_reminders,))?;
    module.add_function(no_more_reminders)?;
    module.add("chunker_version", crate::chunk::CHUNKER_VERSION)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
