//! Columns on demand as expressions of Polars: thin wrappers, one a function of `vespera_file_ops.expr`.
//!
//! Polars hands over a column of paths and the pickled arguments; what is found goes back as a column. That is all this
//! room does: what a value is, [`crate::columns`] says, and how columns pass, [`plugin`].

mod arguments;
mod plugin;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::{DataType, Field, Fields};

use self::arguments::{Arguments, ErrorsAs};
use crate::columns::{Column, ColumnRequest, Operation};
use crate::error::{Error, ErrorKind, Result};

/// What is asked by the expression of this name.
fn operation(expression: &str, given: &Arguments) -> Result<Operation> {
    Ok(match expression {
        "read_text" => Operation::Text { encoding: given.encoding()?, max_bytes: given.max_bytes },
        "read_bytes" => Operation::Bytes { max_bytes: given.max_bytes },
        "head" => Operation::Head { lines: given.lines, encoding: given.encoding()? },
        "blake3" => Operation::Blake3,
        "line_count" => Operation::LineCount { encoding: given.encoding()? },
        "encoding" => Operation::Encoding,
        "is_binary" => Operation::IsBinary,
        "count_hits" => Operation::HitCount(given.search_plan()?),
        "search" => Operation::Hits(given.search_plan()?),
        "chunks" => Operation::Chunks(Box::new(given.chunking()?)),
        "info" => Operation::Info { follow_symlinks: given.follow_symlinks },
        "exists" => Operation::Exists,
        other => return Err(Error::argument("expression", &format!("there is no expression {other:?}"))),
    })
}

/// The request that an expression makes, and what becomes of its errors.
fn request(expression: &str, pickled: &[u8]) -> Result<(ColumnRequest, ErrorsAs)> {
    let given = Arguments::unpickled(pickled)?;
    Ok((given.request(operation(expression, &given)?)?, given.errors))
}

/// The column that an expression gives, before it is run.
fn field(expression: &str, paths: &Field, pickled: &[u8]) -> Result<Field> {
    ensure_paths(paths.name(), paths.data_type())?;
    let (request, errors) = request(expression, pickled)?;
    let value = request.data_type();
    let data_type = match errors {
        ErrorsAs::Struct => DataType::Struct(with_error(value)),
        ErrorsAs::Null | ErrorsAs::Raise => value,
    };
    Ok(Field::new(paths.name(), data_type, true))
}

fn with_error(value: DataType) -> Fields {
    Fields::from(vec![Field::new("value", value, true), Field::new("error", DataType::Utf8View, true)])
}

/// The values of an expression, in arrays that follow each other.
fn evaluate(expression: &str, paths: &Field, chunks: &[ArrayRef], pickled: &[u8]) -> Result<Vec<ArrayRef>> {
    ensure_paths(paths.name(), paths.data_type())?;
    let (request, errors_as) = request(expression, pickled)?;
    let rows: Vec<Option<&[u8]>> = chunks.iter().flat_map(|chunk| paths_of(chunk)).collect();
    let Column { values, errors, first_error } = request.column(&rows)?;
    match (errors_as, first_error) {
        (ErrorsAs::Raise, Some(error)) => Err(error),
        (ErrorsAs::Null | ErrorsAs::Raise, _) => Ok(values),
        (ErrorsAs::Struct, _) => {
            let both = |(value, error): (ArrayRef, ArrayRef)| {
                let fields = with_error(value.data_type().clone());
                let both = StructArray::try_new(fields, vec![value, error], None);
                let defect = |error| Error::new(ErrorKind::Internal, format!("cannot build a column: {error}"));
                both.map(|both| Arc::new(both) as ArrayRef).map_err(defect)
            };
            values.into_iter().zip(errors).map(both).collect()
        }
    }
}

fn ensure_paths(name: &str, found: &DataType) -> Result<()> {
    match found {
        DataType::Utf8View | DataType::BinaryView | DataType::Null => Ok(()),
        other => {
            let text = format!("column {name:?} is {other}, and paths are String or Binary");
            Err(Error::new(ErrorKind::Argument, text))
        }
    }
}

fn paths_of(chunk: &ArrayRef) -> Box<dyn Iterator<Item = Option<&[u8]>> + '_> {
    if let Some(texts) = chunk.as_string_view_opt() {
        Box::new(texts.iter().map(|path| path.map(str::as_bytes)))
    } else if let Some(bytes) = chunk.as_binary_view_opt() {
        Box::new(bytes.iter())
    } else {
        // Polars has a type for columns of nothing but nulls.
        Box::new(std::iter::repeat_n(None, chunk.len()))
    }
}
