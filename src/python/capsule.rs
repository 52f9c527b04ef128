//! Batches in the Arrow `PyCapsule` interface, <https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>.
//!
//! `arrow-array` has the C structs and `pyo3` the capsules; what remains is to put one into the other. The crate that
//! does it, `pyo3-arrow`, brings Arrow's casts, sorts and kernels along: more than half of the time of a first build.

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, RecordBatch, RecordBatchReader, StructArray};
use arrow_schema::{ArrowError, Schema};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// A schema and the struct array of that schema.
pub type ArrayCapsules<'py> = (Bound<'py, PyCapsule>, Bound<'py, PyCapsule>);

/// The types of these tables all have a form in C, so this reports a fault of the project.
fn not_exported(error: &ArrowError) -> PyErr {
    PyRuntimeError::new_err(format!("a schema has no form in the Arrow C data interface: {error}"))
}

/// A capsule that owns the struct, and releases what its consumer has not taken.
pub fn schema_capsule<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema).map_err(|error| not_exported(&error))?;
    PyCapsule::new_with_value(py, schema, c"arrow_schema")
}

/// One batch.
pub fn array_capsules<'py>(py: Python<'py>, batch: &RecordBatch) -> PyResult<ArrayCapsules<'py>> {
    let array = FFI_ArrowArray::new(&StructArray::from(batch.clone()).to_data());
    Ok((schema_capsule(py, batch.schema().as_ref())?, PyCapsule::new_with_value(py, array, c"arrow_array")?))
}

/// Batches that are made as the consumer asks for them.
pub fn stream_capsule(
    py: Python<'_>,
    batches: impl RecordBatchReader + Send + 'static,
) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(batches)), c"arrow_array_stream")
}
