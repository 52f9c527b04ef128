//! Columns on demand: a column of paths becomes a column of what lies there.
//!
//! The rows are independent of each other, so they are worked on in parts by several threads ([`crate::pool`]), and stay
//! in their order. What cannot be had of one path is null, with an error beside it; a null has no value. What a value is
//! and how it is found, each kind says for itself: contents ([`content`]), what is known of them ([`facts`]), their hits
//! ([`hits`]), their chunks ([`chunks`]), and the entry ([`entry`]).

mod chunks;
mod content;
mod entry;
mod facts;
mod hits;
mod packed;

use std::sync::Arc;

use arrow_array::builder::{ArrayBuilder, BooleanBuilder, Int64Builder, StringViewBuilder};
use arrow_array::{ArrayRef, new_empty_array};
use arrow_schema::{ArrowError, DataType, Field};

use self::packed::Packed;
use crate::error::{Error, ErrorKind, Result};
use crate::io::decode::EncodingChoice;
use crate::io::root::Root;
use crate::io::strategy::Thresholds;
use crate::pool::spread;
use crate::scan::{ChunkingOptions, SearchOptions};
use crate::search::pattern::Patterns;

/// A part has at most so many rows, so that what one part holds stays small.
const MOST_ROWS: usize = 4096;
/// An array ends at about so many bytes, which are there twice while it is made. (Arrow's views are 32 bits wide.)
const ARRAY_BYTES: usize = 8 << 20;
/// A single value above this fits into no array.
const VALUE_BYTES: u64 = 1 << 31;

/// What is asked of each path.
#[derive(Debug, Clone)]
pub enum Operation {
    /// The text of the file, or of its first so many bytes.
    Text {
        /// How bytes become text; what is not valid is an error.
        encoding: EncodingChoice,
        /// Read at most so much; a character that is cut there is left out.
        max_bytes: Option<u64>,
    },
    /// The bytes of the file, or the first so many of them.
    Bytes {
        /// Read at most so much.
        max_bytes: Option<u64>,
    },
    /// The text of its first lines, with their terminators.
    Head {
        /// How many.
        lines: u64,
        /// How bytes become text; what is not valid is an error.
        encoding: EncodingChoice,
    },
    /// The hash of its content in hexadecimal.
    Blake3,
    /// How many lines it has; the last one needs no terminator.
    LineCount {
        /// How bytes become text.
        encoding: EncodingChoice,
    },
    /// The label of its encoding: by its byte order mark, else UTF-8.
    Encoding,
    /// Whether its first 64 KiB hold a NUL, as a search would find it.
    IsBinary,
    /// How many hits it has.
    HitCount(SearchPlan),
    /// Its hits: the columns of the hits table that do not speak of the file.
    Hits(SearchPlan),
    /// Its chunks: the columns of the chunks table that do not speak of the file.
    Chunks(Box<ChunkingOptions>),
    /// Its row of the files table.
    Info {
        /// Describe what a link leads to.
        follow_symlinks: bool,
    },
    /// Whether it is there.
    Exists,
}

/// What is searched for.
#[derive(Debug, Clone)]
pub struct SearchPlan {
    options: Arc<SearchOptions>,
    patterns: Arc<Patterns>,
}

impl SearchPlan {
    /// A search with these options.
    ///
    /// # Errors
    /// A pattern that does not parse or would cost too much.
    pub fn new(options: SearchOptions) -> Result<Self> {
        let patterns = Arc::new(Patterns::compile(&options.patterns)?);
        Ok(Self { options: Arc::new(options), patterns })
    }
}

/// A column that was asked for.
#[derive(Debug, Clone)]
pub struct ColumnRequest {
    /// What is asked of each path.
    pub operation: Operation,
    /// Where the paths start.
    pub root: Root,
    /// How contents are read.
    pub thresholds: Thresholds,
}

/// A column, as arrays that follow each other, one at least: the values, and why there is none.
#[derive(Debug, Default)]
pub struct Column {
    /// The values.
    pub values: Vec<ArrayRef>,
    /// What went wrong, of as many rows each.
    pub errors: Vec<ArrayRef>,
    /// What went wrong first.
    pub first_error: Option<Error>,
}

/// Finds the values of one part.
trait Values {
    /// Append the value of a path, or nothing if it has none.
    fn push(&mut self, path: &[u8]) -> Result<()>;
    /// Append a null.
    fn push_null(&mut self);
    /// Roughly how many bytes the array takes.
    fn bytes(&self) -> usize;
    /// The values so far; the next ones start anew.
    fn finish(&mut self) -> std::result::Result<ArrayRef, ArrowError>;
}

impl ColumnRequest {
    /// The type of the values.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        match &self.operation {
            Operation::Text { .. } | Operation::Head { .. } | Operation::Blake3 | Operation::Encoding => {
                DataType::Utf8View
            }
            Operation::Bytes { .. } => DataType::BinaryView,
            Operation::LineCount { .. } | Operation::HitCount(_) => DataType::Int64,
            Operation::IsBinary | Operation::Exists => DataType::Boolean,
            Operation::Hits(plan) => {
                DataType::LargeList(Arc::new(Field::new("item", DataType::Struct(hits::fields(plan)), true)))
            }
            Operation::Chunks(_) => {
                DataType::LargeList(Arc::new(Field::new("item", DataType::Struct(chunks::fields()), true)))
            }
            Operation::Info { .. } => DataType::Struct(entry::fields()),
        }
    }

    /// What finds the values of one thread.
    fn values(&self) -> Result<Box<dyn Values>> {
        let mut files = content::Files::new(self);
        let texts = Packed::<String>::new;
        Ok(match self.operation.clone() {
            Operation::Text { encoding, max_bytes } => {
                Each::of(texts(), String::len, move |path| content::text(&mut files, path, encoding, max_bytes))
            }
            Operation::Bytes { max_bytes } => {
                Each::of(Packed::new(), Vec::len, move |path| content::bytes(&mut files, path, max_bytes))
            }
            Operation::Head { lines, encoding } => {
                Each::of(texts(), String::len, move |path| content::head(&mut files, path, lines, encoding))
            }
            Operation::Blake3 => Each::of(texts(), String::len, move |path| facts::blake3(&mut files, path)),
            Operation::Encoding => Each::of(texts(), String::len, move |path| facts::encoding(&mut files, path)),
            Operation::LineCount { encoding } => {
                Each::of(Int64Builder::new(), size_of_val, move |path| facts::line_count(&mut files, path, encoding))
            }
            Operation::IsBinary => {
                Each::of(BooleanBuilder::new(), size_of_val, move |path| facts::is_binary(&mut files, path))
            }
            Operation::Exists => Each::of(BooleanBuilder::new(), size_of_val, move |path| facts::exists(&files, path)),
            Operation::HitCount(plan) => {
                let mut search = hits::PathSearch::counting(files, &plan);
                Each::of(Int64Builder::new(), size_of_val, move |path| search.count(path))
            }
            Operation::Hits(plan) => Box::new(hits::HitLists::new(files, &plan)?),
            Operation::Chunks(options) => Box::new(chunks::ChunkLists::new(files, &options)?),
            Operation::Info { follow_symlinks } => Box::new(entry::Entries::new(files, follow_symlinks)),
        })
    }

    /// The values of these paths.
    ///
    /// # Errors
    /// A defect. What is wrong with a path is its error.
    pub fn column(&self, paths: &[Option<&[u8]>]) -> Result<Column> {
        let parts = spread(
            paths.len(),
            MOST_ROWS,
            || self.values(),
            |values, range| match values {
                Ok(values) => part(&mut **values, &paths[range]),
                Err(error) => Err(error.clone()),
            },
        );
        let mut column = Column::default();
        for part in parts {
            let Column { mut values, mut errors, first_error } = part?;
            column.values.append(&mut values);
            column.errors.append(&mut errors);
            column.first_error = column.first_error.or(first_error);
        }
        if column.values.is_empty() {
            column.values.push(new_empty_array(&self.data_type()));
            column.errors.push(new_empty_array(&DataType::Utf8View));
        }
        Ok(column)
    }
}

/// What takes values of this type one by one.
trait Append<V> {
    fn append(&mut self, value: Option<V>);
    /// The values so far; the next ones start anew.
    fn array(&mut self) -> std::result::Result<ArrayRef, ArrowError>;
}

impl Append<i64> for Int64Builder {
    fn append(&mut self, value: Option<i64>) {
        self.append_option(value);
    }

    fn array(&mut self) -> std::result::Result<ArrayRef, ArrowError> {
        Ok(ArrayBuilder::finish(self))
    }
}

impl Append<bool> for BooleanBuilder {
    fn append(&mut self, value: Option<bool>) {
        self.append_option(value);
    }

    fn array(&mut self) -> std::result::Result<ArrayRef, ArrowError> {
        Ok(ArrayBuilder::finish(self))
    }
}

/// A column whose values are found one by one.
struct Each<B, V, F> {
    builder: B,
    size: fn(&V) -> usize,
    find: F,
    bytes: usize,
}

impl<B: Append<V> + 'static, V: 'static, F: FnMut(&[u8]) -> Result<V> + 'static> Each<B, V, F> {
    /// A column that grows in `builder`.
    fn of(builder: B, size: fn(&V) -> usize, find: F) -> Box<dyn Values> {
        Box::new(Self { builder, size, find, bytes: 0 })
    }
}

impl<B: Append<V>, V, F: FnMut(&[u8]) -> Result<V>> Values for Each<B, V, F> {
    fn push(&mut self, path: &[u8]) -> Result<()> {
        let value = (self.find)(path)?;
        self.bytes += (self.size)(&value);
        self.builder.append(Some(value));
        Ok(())
    }

    fn push_null(&mut self) {
        self.builder.append(None);
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn finish(&mut self) -> std::result::Result<ArrayRef, ArrowError> {
        self.bytes = 0;
        self.builder.array()
    }
}

fn part(values: &mut dyn Values, paths: &[Option<&[u8]>]) -> Result<Column> {
    let mut column = Column::default();
    let mut errors = StringViewBuilder::new();
    let end = |values: &mut dyn Values, errors: &mut StringViewBuilder, column: &mut Column| {
        let defect = |error: ArrowError| Error::new(ErrorKind::Internal, format!("cannot build a column: {error}"));
        column.values.push(values.finish().map_err(defect)?);
        column.errors.push(Arc::new(errors.finish()));
        Ok(())
    };
    for path in paths {
        let pushed = match path {
            None => {
                values.push_null();
                Ok(())
            }
            Some(path) => values.push(path),
        };
        match pushed {
            Ok(()) => errors.append_null(),
            Err(error) if error.kind() == ErrorKind::Internal => return Err(error),
            Err(error) => {
                values.push_null();
                errors.append_value(error.row_text());
                column.first_error.get_or_insert(error);
            }
        }
        if values.bytes() >= ARRAY_BYTES {
            end(values, &mut errors, &mut column)?;
        }
    }
    end(values, &mut errors, &mut column)?;
    Ok(column)
}

fn too_large(path: &[u8], bytes: u64) -> Error {
    let text = format!("{bytes} bytes are more than a value of a column can hold (2 GiB); max_bytes= reads less");
    Error::new(ErrorKind::Limit, text).with_path(path)
}
