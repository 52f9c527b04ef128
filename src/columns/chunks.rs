//! The chunks of a file as one value: a list of them.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, LargeListArray, StructArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Field, Fields};

use super::Values;
use super::content::Files;
use super::hits::{Undivided, ensure_searched};
use crate::error::Result;
use crate::scan::control::Control;
use crate::scan::file_chunks::{ChunkRows, FileChunks};
use crate::scan::file_search::OpenedFile;
use crate::scan::{CancelToken, ChunkingOptions};
use crate::search::walk::EntryPath;
use crate::table::{Layout, Projection, Table};

/// The columns of the chunks table that speak of the chunk alone, and need no source that the path is relative to.
const OF_CHUNK: [&str; 8] =
    ["chunk", "text_blake3", "text", "start_byte", "end_byte", "start_line", "end_line", "language"];

fn projection() -> Result<Projection> {
    let names: Vec<_> = OF_CHUNK.iter().map(|name| (*name).to_owned()).collect();
    Projection::all(Table::Chunks, &[], Layout::default()).narrowed(&names)
}

/// The fields of one chunk.
pub(super) fn fields() -> Fields {
    projection().map_or_else(|_| Fields::empty(), |projection| projection.schema().fields().clone())
}

/// The lists of the chunks of files.
pub(super) struct ChunkLists {
    files: Files,
    chunks: FileChunks,
    control: Control,
    /// Where each list ends.
    ends: Vec<i64>,
    nulls: NullBufferBuilder,
}

impl ChunkLists {
    pub(super) fn new(files: Files, options: &ChunkingOptions) -> Result<Self> {
        let rows = ChunkRows::undivided(&projection()?);
        let chunks = FileChunks::new(options, files.thresholds, Some(rows));
        let control = Control::new(None, CancelToken::default(), None);
        Ok(Self { files, chunks, control, ends: vec![0], nulls: NullBufferBuilder::new(0) })
    }

    fn end_list(&mut self) {
        let rows = self.chunks.rows.as_ref().map_or(0, |rows| rows.builder.rows());
        self.ends.push(i64::try_from(rows).unwrap_or(i64::MAX));
    }
}

impl Values for ChunkLists {
    fn push(&mut self, path: &[u8]) -> Result<()> {
        let file = self.files.opener.open(path)?;
        let shown = EntryPath { folder: b"", source_bytes: 0, name: path, folder_is_text: true };
        let opened = OpenedFile { path: shown, content: file.readable(), named: true };
        ensure_searched(path, &self.chunks.chunk(opened, &self.control, &Undivided)?)?;
        self.end_list();
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.end_list();
        self.nulls.append_null();
    }

    fn bytes(&self) -> usize {
        self.chunks.rows.as_ref().map_or(0, |rows| rows.builder.bytes())
    }

    fn finish(&mut self) -> std::result::Result<ArrayRef, ArrowError> {
        let Some(rows) = &mut self.chunks.rows else {
            return Err(ArrowError::InvalidArgumentError("a list of chunks without rows".to_owned()));
        };
        let batch = rows.builder.finish().map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
        list_of(fields(), batch.columns().to_vec(), &mut self.ends, &mut self.nulls)
    }
}

/// A column of lists of structs, whose items were collected; the next one starts anew.
pub(super) fn list_of(
    fields: Fields,
    items: Vec<ArrayRef>,
    ends: &mut Vec<i64>,
    nulls: &mut NullBufferBuilder,
) -> std::result::Result<ArrayRef, ArrowError> {
    let items = StructArray::try_new(fields, items, None)?;
    let ends = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(ends, vec![0])));
    let item = Arc::new(Field::new("item", items.data_type().clone(), true));
    Ok(Arc::new(LargeListArray::try_new(item, ends, Arc::new(items), nulls.finish())?))
}
