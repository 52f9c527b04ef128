//! The selected columns of a builder become a batch.

use std::collections::HashSet;

use arrow_array::{Array, RecordBatch, RecordBatchOptions};
use arrow_buffer::NullBuffer;
use arrow_schema::ArrowError;

use super::column::Finish;
use super::schema::Projection;
use super::text::Text;
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;

/// What can give its columns by name.
pub(super) trait Columns {
    /// The column of this name.
    fn column(&mut self, name: &str) -> Option<&mut dyn Finish>;
}

/// How many bytes of memory a batch holds. Columns of text share one buffer, which is counted once.
#[must_use]
pub fn bytes_of(batch: &RecordBatch) -> usize {
    let mut seen = HashSet::new();
    let mut waiting: Vec<_> = batch.columns().iter().map(Array::to_data).collect();
    let mut bytes = 0;
    while let Some(data) = waiting.pop() {
        let nulls = data.nulls().map(NullBuffer::buffer);
        for buffer in data.buffers().iter().chain(nulls) {
            if seen.insert(buffer.data_ptr()) {
                bytes += buffer.capacity();
            }
        }
        waiting.extend(data.child_data().iter().cloned());
    }
    bytes
}

/// Put the selected columns together, in the table's order.
pub(super) fn assemble(
    projection: &Projection,
    rows: usize,
    text: &Text,
    columns: &mut dyn Columns,
) -> Result<RecordBatch> {
    FailPoint::Batch.pass();
    let arrays: std::result::Result<Vec<_>, _> = projection
        .specs()
        .map(|spec| match columns.column(spec.name) {
            Some(column) => column.finish(spec.kind, text, projection.layout()),
            None => Err(ArrowError::SchemaError(format!("no builder for column {}", spec.name))),
        })
        .collect();
    // The count stands for itself where no column is selected.
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    arrays.and_then(|arrays| RecordBatch::try_new_with_options(projection.schema(), arrays, &options)).map_err(
        |error| Error::new(ErrorKind::Internal, format!("cannot build {}: {error}", projection.table().name())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringViewArray};

    #[test]
    fn a_shared_buffer_is_counted_once() {
        let text: ArrayRef = Arc::new(StringViewArray::from(vec!["a".repeat(1 << 20)]));
        let once = bytes_of(&RecordBatch::try_from_iter([("a", Arc::clone(&text))]).unwrap());
        let twice = bytes_of(&RecordBatch::try_from_iter([("a", Arc::clone(&text)), ("b", text)]).unwrap());
        assert!(once > 1 << 20);
        assert_eq!(once, twice);
    }
}
