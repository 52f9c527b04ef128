//! Arrow columns as Python lists, for faces that show a few rows without a data frame library.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType, TimestampNanosecondType, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

/// A column as a list; instants are whole nanoseconds since 1970.
pub fn list<'py>(py: Python<'py>, column: &ArrayRef) -> PyResult<Bound<'py, PyList>> {
    let items = PyList::empty(py);
    for row in 0..column.len() {
        items.append(value(py, column, row)?)?;
    }
    Ok(items)
}

fn value<'py>(py: Python<'py>, column: &ArrayRef, row: usize) -> PyResult<Bound<'py, PyAny>> {
    if column.is_null(row) {
        return Ok(py.None().into_bound(py));
    }
    match column.data_type() {
        DataType::Utf8View => column.as_string_view().value(row).into_bound_py_any(py),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).into_bound_py_any(py),
        DataType::BinaryView => Ok(PyBytes::new(py, column.as_binary_view().value(row)).into_any()),
        DataType::LargeBinary => Ok(PyBytes::new(py, column.as_binary::<i64>().value(row)).into_any()),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into_bound_py_any(py),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).into_bound_py_any(py),
        DataType::Boolean => column.as_boolean().value(row).into_bound_py_any(py),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            column.as_primitive::<TimestampNanosecondType>().value(row).into_bound_py_any(py)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            (column.as_primitive::<TimestampMicrosecondType>().value(row) * 1_000).into_bound_py_any(py)
        }
        DataType::LargeList(_) => Ok(list(py, &column.as_list::<i64>().value(row))?.into_any()),
        DataType::Struct(fields) => {
            let record = PyDict::new(py);
            for (field, child) in fields.iter().zip(column.as_struct().columns()) {
                record.set_item(field.name(), value(py, child, row)?)?;
            }
            Ok(record.into_any())
        }
        other => Err(PyTypeError::new_err(format!("no Python value for a column of {other}"))),
    }
}
