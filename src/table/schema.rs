//! The columns of every table: names, types and what they cost, in the order in which they stand.
//!
//! Names are chosen to work bare in Polars SQL, `DuckDB` and Nushell (no `end`, no `column`, no `match`).

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit as ArrowTimeUnit};

use crate::error::{Error, Result};

/// The type of a column, independent of the layout in which it is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Valid UTF-8.
    Text,
    /// Exact bytes.
    Bytes,
    /// A count, size, line or offset.
    Int,
    /// A system identifier.
    UInt,
    /// True or false.
    Bool,
    /// An instant in UTC.
    Time,
    /// Lines around a hit.
    TextList,
    /// Capture groups of a hit.
    Captures,
}

/// What must be known of an entry before a column's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// Its name.
    Name,
    /// Its status (one system call).
    Status,
    /// Its content.
    Content,
}

/// One column of one table.
#[derive(Debug)]
pub struct ColumnSpec {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnType,
    /// What it costs.
    pub cost: Cost,
    /// Whether it stands in the table only if an option asks for it.
    pub optional: bool,
}

const fn column(name: &'static str, kind: ColumnType, cost: Cost) -> ColumnSpec {
    ColumnSpec { name, kind, cost, optional: false }
}

const fn optional(name: &'static str, kind: ColumnType, cost: Cost) -> ColumnSpec {
    ColumnSpec { name, kind, cost, optional: true }
}

use ColumnType::{Bool, Bytes, Captures, Int, Text, TextList, Time, UInt};
use Cost::{Content, Name, Status};

static FILES: &[ColumnSpec] = &[
    column("path", Text, Name),
    column("path_bytes", Bytes, Name),
    column("relative_path", Text, Name),
    column("name", Text, Name),
    column("extension", Text, Name),
    column("kind", Text, Name),
    column("size", Int, Status),
    column("allocated", Int, Status),
    column("modified", Time, Status),
    column("changed", Time, Status),
    column("accessed", Time, Status),
    column("created", Time, Status),
    column("mode", Int, Status),
    column("uid", Int, Status),
    column("gid", Int, Status),
    column("links", Int, Status),
    column("inode", UInt, Status),
    column("device", UInt, Status),
    column("depth", Int, Name),
    column("hidden", Bool, Name),
    column("strategy", Text, Status),
    column("error", Text, Name),
    optional("blake3", Text, Content),
    optional("observed", Time, Name),
];

static HITS: &[ColumnSpec] = &[
    column("path", Text, Name),
    column("path_bytes", Bytes, Name),
    column("relative_path", Text, Name),
    column("extension", Text, Name),
    column("size", Int, Status),
    column("modified", Time, Status),
    column("line_number", Int, Content),
    column("column_number", Int, Content),
    column("start_byte", Int, Content),
    column("end_byte", Int, Content),
    column("matched", Text, Content),
    column("line", Text, Content),
    column("line_truncated", Bool, Content),
    column("pattern", Int, Content),
    optional("captures", Captures, Content),
    optional("before", TextList, Content),
    optional("after", TextList, Content),
    optional("matched_bytes", Bytes, Content),
    optional("line_bytes", Bytes, Content),
];

static COVERAGE: &[ColumnSpec] = &[
    column("path", Text, Name),
    column("path_bytes", Bytes, Name),
    column("relative_path", Text, Name),
    column("kind", Text, Name),
    column("extension", Text, Name),
    column("size", Int, Status),
    column("modified", Time, Status),
    column("status", Text, Content),
    column("hits", Int, Content),
    column("matched_lines", Int, Content),
    column("bytes_searched", Int, Content),
    column("binary_offset", Int, Content),
    column("encoding", Text, Content),
    column("strategy", Text, Content),
    column("excluded_by", Text, Name),
    column("error", Text, Content),
];

static CHUNKS: &[ColumnSpec] = &[
    column("path", Text, Name),
    column("path_bytes", Bytes, Name),
    column("relative_path", Text, Name),
    column("extension", Text, Name),
    column("size", Int, Status),
    column("modified", Time, Status),
    column("chunk", Int, Content),
    column("chunk_id", Text, Content),
    column("text_blake3", Text, Content),
    column("text", Text, Content),
    column("start_byte", Int, Content),
    column("end_byte", Int, Content),
    column("start_line", Int, Content),
    column("end_line", Int, Content),
    column("language", Text, Content),
    column("file_blake3", Text, Content),
];

static EVENTS: &[ColumnSpec] = &[
    column("time", Time, Name),
    column("event", Text, Name),
    column("path", Text, Name),
    column("path_bytes", Bytes, Name),
    column("relative_path", Text, Name),
    column("old_path", Text, Name),
    column("kind", Text, Name),
    column("size", Int, Status),
    column("modified", Time, Status),
];

/// A table of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// One row an entry.
    Files,
    /// One row a match.
    Hits,
    /// One row a considered file, searched or not.
    Coverage,
    /// One row a retrieval chunk.
    Chunks,
    /// One row a change of a watched tree.
    Events,
}

impl Table {
    /// The word for it in every face.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Hits => "hits",
            Self::Coverage => "coverage",
            Self::Chunks => "chunks",
            Self::Events => "events",
        }
    }

    /// All columns it can have, in order.
    #[must_use]
    pub fn columns(self) -> &'static [ColumnSpec] {
        match self {
            Self::Files => FILES,
            Self::Hits => HITS,
            Self::Coverage => COVERAGE,
            Self::Chunks => CHUNKS,
            Self::Events => EVENTS,
        }
    }
}

/// The resolution of timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeUnit {
    /// Nanoseconds.
    #[default]
    Nanoseconds,
    /// Microseconds, which `DuckDB`'s date functions want.
    Microseconds,
}

/// How columns are laid out for their consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Text as Arrow string views (zero-copy for Polars), else as `LargeUtf8`.
    pub views: bool,
    /// The resolution of timestamps.
    pub timestamps: TimeUnit,
}

impl Default for Layout {
    fn default() -> Self {
        Self { views: true, timestamps: TimeUnit::Nanoseconds }
    }
}

impl Layout {
    fn text(self) -> DataType {
        if self.views { DataType::Utf8View } else { DataType::LargeUtf8 }
    }

    /// The Arrow type of one capture group.
    pub(crate) fn capture_fields(self) -> Fields {
        Fields::from(vec![
            Field::new("name", self.text(), true),
            Field::new("text", self.text(), true),
            Field::new("start_byte", DataType::Int64, true),
            Field::new("end_byte", DataType::Int64, true),
        ])
    }

    /// The Arrow type of a column.
    #[must_use]
    pub fn data_type(self, kind: ColumnType) -> DataType {
        match kind {
            Text => self.text(),
            Bytes if self.views => DataType::BinaryView,
            Bytes => DataType::LargeBinary,
            Int => DataType::Int64,
            UInt => DataType::UInt64,
            Bool => DataType::Boolean,
            Time => {
                let unit = match self.timestamps {
                    TimeUnit::Nanoseconds => ArrowTimeUnit::Nanosecond,
                    TimeUnit::Microseconds => ArrowTimeUnit::Microsecond,
                };
                DataType::Timestamp(unit, Some(Arc::from("UTC")))
            }
            TextList => DataType::LargeList(Arc::new(Field::new("item", self.text(), true))),
            Captures => {
                DataType::LargeList(Arc::new(Field::new("item", DataType::Struct(self.capture_fields()), true)))
            }
        }
    }
}

/// The selected columns of one table, in the table's order, and their layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    table: Table,
    selected: Vec<bool>,
    layout: Layout,
}

impl Projection {
    /// Every column that always stands in the table, and those optional ones that `asked_for` names.
    #[must_use]
    pub fn all(table: Table, asked_for: &[&str], layout: Layout) -> Self {
        let selected = table.columns().iter().map(|spec| !spec.optional || asked_for.contains(&spec.name)).collect();
        Self { table, selected, layout }
    }

    /// Only `names` of these columns.
    ///
    /// # Errors
    /// An argument error if a name is not a column of this table.
    pub fn narrowed(&self, names: &[String]) -> Result<Self> {
        let columns = self.table.columns();
        let mut selected = vec![false; columns.len()];
        for name in names {
            match columns.iter().position(|spec| spec.name == name) {
                Some(at) if self.selected[at] => selected[at] = true,
                _ => {
                    let known: Vec<_> = self.specs().map(|spec| spec.name).collect();
                    let text = format!("{name:?} is no column of {}; it has {}", self.table.name(), known.join(", "));
                    return Err(Error::argument("columns", &text));
                }
            }
        }
        Ok(Self { table: self.table, selected, layout: self.layout })
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> Table {
        self.table
    }

    /// How columns are laid out.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The selected columns, in order.
    pub fn specs(&self) -> impl Iterator<Item = &'static ColumnSpec> + '_ {
        self.table.columns().iter().zip(&self.selected).filter(|(_, on)| **on).map(|(spec, _)| spec)
    }

    /// Whether this column is selected.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.specs().any(|spec| spec.name == name)
    }

    /// The most that any selected column costs.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.specs().map(|spec| spec.cost).max().unwrap_or(Cost::Name)
    }

    /// Whether a selected column needs the entry's status.
    #[must_use]
    pub fn needs_status(&self) -> bool {
        self.specs().any(|spec| spec.cost == Status)
    }

    /// The Arrow schema of the batches.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<_> =
            self.specs().map(|spec| Field::new(spec.name, self.layout.data_type(spec.kind), true)).collect();
        Arc::new(Schema::new(fields))
    }
}
