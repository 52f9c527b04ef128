//! The selected columns of a builder become a batch.

use arrow_array::{RecordBatch, RecordBatchOptions};
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
