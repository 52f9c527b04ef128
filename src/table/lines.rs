//! The lines of one text, as one column without copies: every cell is a view into the text.

use std::sync::Arc;

use arrow_array::builder::make_view;
use arrow_array::{RecordBatch, StringViewArray};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use memchr::memchr_iter;

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
    let text = text.into();
    std::str::from_utf8(&text).map_err(|error| Error::new(ErrorKind::Decode, error.to_string()))?;
    let mut batches = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = if text.len() - start <= MOST_BYTES {
            text.len()
        } else {
            let last = memchr::memrchr(b'\n', &text[start..start + MOST_BYTES]).ok_or_else(|| {
                Error::new(ErrorKind::Limit, "a line of more than 2 GiB; use read_file_chunks for this file")
            })?;
            start + last + 1
        };
        batches.push(batch(&text.slice_with_length(start, end - start))?);
        start = end;
    }
    Ok(batches)
}

fn batch(text: &Buffer) -> Result<RecordBatch> {
    let bytes = text.as_slice();
    // Counting is a tenth of the work, and growing the views would copy them as often as they double.
    let mut views = Vec::with_capacity(memchr_iter(b'\n', bytes).count() + 1);
    let mut push = |start: usize, end: usize| {
        let line = &bytes[start..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        views.push(make_view(line, 0, u32::try_from(start).unwrap_or(u32::MAX)));
    };
    let mut start = 0;
    for newline in memchr_iter(b'\n', bytes) {
        push(start, newline);
        start = newline + 1;
    }
    if start < bytes.len() {
        // Without a terminator a final carriage return belongs to the line, but nobody means it so.
        push(start, bytes.len());
    }
    let defect = |error| Error::new(ErrorKind::Internal, format!("cannot build lines: {error}"));
    // SAFETY: every view was made of bytes of `text`, with their place in it. The text is UTF-8, and its lines are cut
    // at ASCII characters. Arrow's own check asks for each line alone, which takes a quarter of the whole call.
    #[allow(unsafe_code)]
    let column = unsafe { StringViewArray::new_unchecked(ScalarBuffer::from(views), vec![text.clone()], None) };
    RecordBatch::try_new(schema(), vec![Arc::new(column)]).map_err(defect)
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
