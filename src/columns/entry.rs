//! The entry itself: its row of the files table.

use std::sync::Arc;

use arrow_array::{ArrayRef, StructArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{ArrowError, Fields};

use super::Values;
use super::content::Files;
use crate::error::{Error, Result};
use crate::io::counters;
use crate::io::opener::ensure_path;
use crate::io::root::FileKind;
use crate::scan::normalised;
use crate::search::walk::EntryPath;
use crate::table::{FileRow, FilesBuilder, Layout, Projection, Table};

fn projection() -> Projection {
    Projection::all(Table::Files, &[], Layout::default())
}

/// The columns of the files table.
pub(super) fn fields() -> Fields {
    projection().schema().fields().clone()
}

/// The rows of entries.
pub(super) struct Entries {
    files: Files,
    follow_symlinks: bool,
    builder: FilesBuilder,
    nulls: NullBufferBuilder,
}

impl Entries {
    pub(super) fn new(files: Files, follow_symlinks: bool) -> Self {
        let builder = FilesBuilder::new(&projection(), files.thresholds);
        Self { files, follow_symlinks, builder, nulls: NullBufferBuilder::new(0) }
    }

    fn row(&mut self, path: &[u8]) -> Result<()> {
        ensure_path(path)?;
        let shown = normalised(path);
        counters::FILES_DESCRIBED.add(1);
        let status = self.files.opener.root().status(&shown, self.follow_symlinks);
        let status = status.map_err(|error| Error::io("describe", path, error))?;
        let name_start = memchr::memrchr(b'/', &shown).map_or(0, |slash| slash + 1);
        let (folder, name) = shown.split_at(name_start);
        self.builder.push(&FileRow {
            path: EntryPath {
                folder,
                source_bytes: folder.len(),
                name,
                folder_is_text: std::str::from_utf8(folder).is_ok(),
            },
            kind: status.kind,
            status: Some(&status),
            depth: 0,
            hidden: crate::scan::is_hidden(name),
            error: None,
            blake3: None,
            observed: None,
        });
        Ok(())
    }
}

impl Values for Entries {
    fn push(&mut self, path: &[u8]) -> Result<()> {
        self.row(path)?;
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        let nowhere = EntryPath { folder: b"", source_bytes: 0, name: b"", folder_is_text: true };
        let kind = FileKind::Unknown;
        let (status, error, blake3, observed) = (None, None, None, None);
        self.builder.push(&FileRow { path: nowhere, kind, status, depth: 0, hidden: false, error, blake3, observed });
        self.nulls.append_null();
    }

    fn bytes(&self) -> usize {
        self.builder.bytes()
    }

    fn finish(&mut self) -> std::result::Result<ArrayRef, ArrowError> {
        let batch = self.builder.finish().map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
        Ok(Arc::new(StructArray::try_new(fields(), batch.columns().to_vec(), self.nulls.finish())?))
    }
}
