//! The edits table: one row a replacement in one file.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::error::{Error, ErrorKind, Result};

/// The schema. The offsets are those of the file before it was edited.
#[must_use]
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("start_byte", DataType::Int64, true),
        Field::new("end_byte", DataType::Int64, true),
        Field::new("matched", DataType::Utf8View, true),
        Field::new("replacement", DataType::Utf8View, true),
    ]))
}

/// Builds the table.
#[derive(Debug, Default)]
pub struct EditsBuilder {
    starts: Vec<i64>,
    ends: Vec<i64>,
    matched: StringViewBuilder,
    replacement: StringViewBuilder,
}

impl EditsBuilder {
    /// Append a row.
    pub fn push(&mut self, start: usize, end: usize, matched: &str, replacement: &str) {
        let offset = |at: usize| i64::try_from(at).unwrap_or(i64::MAX);
        self.starts.push(offset(start));
        self.ends.push(offset(end));
        self.matched.append_value(matched);
        self.replacement.append_value(replacement);
    }

    /// The table.
    ///
    /// # Errors
    /// An internal error, if the columns do not fit together.
    pub fn finish(mut self) -> Result<RecordBatch> {
        let columns: Vec<arrow_array::ArrayRef> = vec![
            Arc::new(Int64Array::from(self.starts)),
            Arc::new(Int64Array::from(self.ends)),
            Arc::new(self.matched.finish()),
            Arc::new(self.replacement.finish()),
        ];
        RecordBatch::try_new(schema(), columns)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot build edits: {error}")))
    }
}
