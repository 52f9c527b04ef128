//! A cell of a table as a value of Nushell: sizes are file sizes, instants are dates, groups are a record.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampNanosecondType, UInt64Type};
use arrow_array::{Array, RecordBatch};
use chrono::DateTime;
use nu_protocol::{Record, Span, Value};

use crate::table::ColumnSpec;
use crate::table::schema::ColumnType;

/// Columns of integers that count the bytes of a content, not a place in it.
const SIZES: [&str; 3] = ["size", "allocated", "bytes_searched"];

/// A column, and its place in the batches.
pub type Column = (usize, &'static ColumnSpec);

/// One row as a record.
pub fn record(columns: &[Column], batch: &RecordBatch, row: usize, span: Span) -> Value {
    let mut record = Record::with_capacity(columns.len());
    for (at, spec) in columns {
        record.push(spec.name, cell(spec, batch.column(*at).as_ref(), row, span));
    }
    Value::record(record, span)
}

fn cell(spec: &ColumnSpec, array: &dyn Array, row: usize, span: Span) -> Value {
    if array.is_null(row) {
        return Value::nothing(span);
    }
    match spec.kind {
        ColumnType::Text => Value::string(array.as_string_view().value(row), span),
        ColumnType::Bytes => Value::binary(array.as_binary_view().value(row), span),
        ColumnType::Bool => Value::bool(array.as_boolean().value(row), span),
        ColumnType::Int => {
            let number = array.as_primitive::<Int64Type>().value(row);
            if SIZES.contains(&spec.name) { Value::filesize(number, span) } else { Value::int(number, span) }
        }
        ColumnType::UInt => {
            let number = array.as_primitive::<UInt64Type>().value(row);
            // Nushell has no integers above this, and a wrong one is worse than a text.
            i64::try_from(number).map_or_else(|_| Value::string(number.to_string(), span), |n| Value::int(n, span))
        }
        ColumnType::Time => {
            let nanoseconds = array.as_primitive::<TimestampNanosecondType>().value(row);
            Value::date(DateTime::from_timestamp_nanos(nanoseconds).fixed_offset(), span)
        }
        ColumnType::TextList => {
            let items = array.as_list::<i64>().value(row);
            let lines = items.as_string_view().iter().map(|line| Value::string(line.unwrap_or_default(), span));
            Value::list(lines.collect(), span)
        }
        ColumnType::Captures => captures(array, row, span),
    }
}

/// The groups of a match by their names, or their numbers where they have none.
fn captures(array: &dyn Array, row: usize, span: Span) -> Value {
    let groups = array.as_list::<i64>().value(row);
    let groups = groups.as_struct();
    let (names, texts) = (groups.column(0).as_string_view(), groups.column(1).as_string_view());
    let mut record = Record::with_capacity(groups.len());
    for at in 0..groups.len() {
        let name = if names.is_null(at) { (at + 1).to_string() } else { names.value(at).to_owned() };
        let text = if texts.is_null(at) { Value::nothing(span) } else { Value::string(texts.value(at), span) };
        record.push(name, text);
    }
    Value::record(record, span)
}
