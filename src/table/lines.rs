//! The lines of one text, as one column without copies: every cell is a view into the text.

use std::sync::Arc;

use arrow_array::{RecordBatch, StringViewArray};
use arrow_buffer::Buffer;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::text::Text;
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;

/// Views count in 32 bits, so that is how much text a batch may hold; less, because Arrow's own bound is a signed one.
const MOST_BYTES: usize = (1 << 31) - 1;

/// The schema: one column, `line`.
#[must_use]
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("line", DataType::Utf8View, true)]))
}

/// The lines of a text, without `\n` or `\r\n`.
///
/// # Errors
/// A limit error for a single line of 2 GiB; a decoding error for what is no UTF-8.
pub fn lines(text: impl Into<Buffer>) -> Result<Vec<RecordBatch>> {
    FailPoint::Lines.pass();
    let text = Text::of_utf8(text.into()).map_err(|error| Error::new(ErrorKind::Decode, error.to_string()))?;
    let bytes = text.bytes();
    let mut batches = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        let end = if bytes.len() - start <= MOST_BYTES {
            bytes.len()
        } else {
            let last = memchr::memrchr(b'\n', &bytes[start..start + MOST_BYTES]).ok_or_else(|| {
                Error::new(ErrorKind::Limit, "a line of more than 2 GiB; use read_file_chunks for this file")
            })?;
            start + last + 1
        };
        batches.push(batch(text.lines(start, end))?);
        start = end;
    }
    Ok(batches)
}

fn batch(column: std::result::Result<StringViewArray, ArrowError>) -> Result<RecordBatch> {
    let defect = |error| Error::new(ErrorKind::Internal, format!("cannot build lines: {error}"));
    RecordBatch::try_new(schema(), vec![Arc::new(column.map_err(defect)?)]).map_err(defect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;

    fn of(text: &str) -> Vec<String> {
        lines(text.as_bytes().to_vec())
            .unwrap()
            .iter()
            .flat_map(|batch| batch.column(0).as_string_view().iter().flatten().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn lines_end_at_newlines_and_lose_their_terminators() {
        assert_eq!(of("a\nbb\r\n\nlast line without end"), ["a", "bb", "", "last line without end"]);
        assert_eq!(of(""), Vec::<String>::new());
        assert_eq!(of("\n"), [""]);
        assert_eq!(of("a\n"), ["a"]);
    }
}
