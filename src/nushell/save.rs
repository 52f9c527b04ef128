//! The rows as a Parquet or Arrow file, for `polars open` and whoever else reads them.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use nu_protocol::Signals;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::rows::{Next, next_batch, tell_what_is_missing};
use crate::error::{Error, ErrorKind, Result};
use crate::io::root::Root;
use crate::io::root::path_bytes::of_path;
use crate::io::write::{Expected, WriteOptions, write_file};
use crate::scan::Scan;
use crate::table::Table;

/// What a file can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Parquet, compressed with Snappy.
    Parquet,
    /// Arrow's file format (Feather, version 2).
    Arrow,
}

impl Format {
    /// The format that a file's extension names.
    ///
    /// # Errors
    /// An argument error for any other extension.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("parquet") => Ok(Self::Parquet),
            Some("arrow" | "feather" | "ipc") => Ok(Self::Arrow),
            _ => Err(Error::argument("save", "expected a file that ends in .parquet, .arrow, .feather or .ipc")),
        }
    }
}

enum Writer {
    Parquet(Box<ArrowWriter<Vec<u8>>>),
    Arrow(Box<FileWriter<Vec<u8>>>),
}

impl Writer {
    fn new(format: Format, schema: &SchemaRef) -> std::result::Result<Self, ArrowError> {
        Ok(match format {
            Format::Parquet => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                Self::Parquet(Box::new(ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties))?))
            }
            Format::Arrow => Self::Arrow(Box::new(FileWriter::try_new(Vec::new(), schema)?)),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> std::result::Result<(), ArrowError> {
        match self {
            Self::Parquet(writer) => Ok(writer.write(batch)?),
            Self::Arrow(writer) => writer.write(batch),
        }
    }

    fn finish(self) -> std::result::Result<Vec<u8>, ArrowError> {
        match self {
            Self::Parquet(writer) => Ok(writer.into_inner()?),
            Self::Arrow(writer) => writer.into_inner(),
        }
    }
}

/// What was written.
pub struct Saved {
    /// How many rows.
    pub rows: u64,
    /// How large the file is.
    pub bytes: u64,
}

/// Runs the scan to its end, and gives the file its rows; an interrupt leaves the file as it was, and so does another
/// file in its place, unless this one `replaces` it.
///
/// The rows are encoded as they come, so that only the encoded file has to fit into memory.
///
/// # Errors
/// As [`Scan::next`] and [`write_file`]; [`ErrorKind::Cancelled`] after an interrupt.
pub fn save(
    mut scan: Scan,
    table: Table,
    schema: &SchemaRef,
    path: &Path,
    replaces: bool,
    signals: &Signals,
) -> Result<Saved> {
    let encoded = |error: ArrowError| Error::new(ErrorKind::Internal, format!("cannot encode the rows: {error}"));
    let mut writer = Writer::new(Format::of(path)?, schema).map_err(encoded)?;
    let mut rows = 0;
    loop {
        if signals.interrupted() {
            return Err(Error::new(ErrorKind::Cancelled, "interrupted; the file was not written"));
        }
        match next_batch(&mut scan)? {
            Next::Batch(batch) => {
                rows += batch.num_rows() as u64;
                writer.write(&batch).map_err(encoded)?;
            }
            Next::Nothing => {}
            Next::End => break,
        }
    }
    tell_what_is_missing(&scan, table);
    let content = writer.finish().map_err(encoded)?;
    let stopped = || signals.interrupted();
    let expected = if replaces { None } else { Some(Expected::Absent) };
    let options = WriteOptions { expected, ..WriteOptions::default() };
    let written = write_file(&Root::free(), &of_path(path), content.as_slice(), &options, &stopped)?;
    Ok(Saved { rows, bytes: written.bytes })
}
