//! The coverage table: one row a considered file, with what became of it.

use arrow_array::RecordBatch;

use super::batch::{Columns, assemble};
use super::column::{Arena, Cells, Finish, Numbers};
use super::path_cells::PathColumns;
use super::schema::Projection;
use crate::error::Result;
use crate::io::root::{FileKind, FileStatus};
use crate::search::walk::EntryPath;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Read to its end.
    Searched,
    /// Held a NUL.
    Binary,
    /// Larger than the caller allows, or than `multiline` can hold.
    TooLarge,
    /// The system refused to give its content.
    Unreadable,
    /// Gone between the walk and the opening.
    Vanished,
    /// Changed while it was read.
    Changed,
    /// Cut, or not reached, because of a limit on hits or on the length of a line.
    Limit,
    /// Not finished before the time limit or the cancellation.
    NotReached,
    /// Excluded by an ignore file.
    Ignored,
    /// Excluded because it is hidden.
    Hidden,
}

impl Status {
    /// Every status, in the order of the summary.
    pub const ALL: [Self; 10] = [
        Self::Searched,
        Self::Binary,
        Self::TooLarge,
        Self::Unreadable,
        Self::Vanished,
        Self::Changed,
        Self::Limit,
        Self::NotReached,
        Self::Ignored,
        Self::Hidden,
    ];

    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Searched => "searched",
            Self::Binary => "binary",
            Self::TooLarge => "too_large",
            Self::Unreadable => "unreadable",
            Self::Vanished => "vanished",
            Self::Changed => "changed",
            Self::Limit => "limit",
            Self::NotReached => "not_reached",
            Self::Ignored => "ignored",
            Self::Hidden => "hidden",
        }
    }
}

/// What is known of one considered file.
#[derive(Debug)]
pub struct CoverageRow<'a> {
    /// Its path.
    pub path: EntryPath<'a>,
    /// What it is.
    pub kind: FileKind,
    /// Its metadata, if a selected column needs it and it could be had.
    pub metadata: Option<&'a FileStatus>,
    /// What became of it.
    pub status: Status,
    /// Rows that it has in the hits table.
    pub hits: i64,
    /// Lines that hold a match.
    pub matched_lines: i64,
    /// Bytes that were searched.
    pub bytes_searched: i64,
    /// Where the first NUL lies, if one was seen.
    pub binary_offset: Option<i64>,
    /// How its bytes were read as text.
    pub encoding: Option<&'a str>,
    /// Which reader gave its content.
    pub strategy: Option<&'a str>,
    /// The rule that excluded it.
    pub excluded_by: Option<&'a str>,
    /// What went wrong.
    pub error: Option<&'a str>,
}

/// Builds batches of the coverage table.
#[derive(Debug)]
pub struct CoverageBuilder {
    projection: Projection,
    arena: Arena,
    rows: usize,
    paths: PathColumns,
    labels: [(&'static str, Cells); 6],
    numbers: [(&'static str, Numbers<i64>); 6],
}

impl CoverageBuilder {
    /// A builder of the selected columns.
    #[must_use]
    pub fn new(projection: &Projection) -> Self {
        let label = |name| (name, Cells::new(projection.has(name)));
        let number = |name| (name, Numbers::new(projection.has(name)));
        Self {
            paths: PathColumns::new(projection),
            labels: ["kind", "status", "encoding", "strategy", "excluded_by", "error"].map(label),
            numbers: ["size", "modified", "hits", "matched_lines", "bytes_searched", "binary_offset"].map(number),
            projection: projection.clone(),
            arena: Arena::default(),
            rows: 0,
        }
    }

    /// Append one row.
    pub fn push(&mut self, row: &CoverageRow<'_>) {
        let cells = self.paths.store(&mut self.arena, &row.path);
        self.paths.push(&cells);
        let labels =
            [row.kind.label(), Some(row.status.as_str()), row.encoding, row.strategy, row.excluded_by, row.error];
        for ((_, column), label) in self.labels.iter_mut().zip(labels) {
            column.push_text(&mut self.arena, label);
        }
        let numbers = [
            row.metadata.and_then(|status| i64::try_from(status.size).ok()),
            row.metadata.and_then(|status| status.modified.as_nanoseconds()),
            Some(row.hits),
            Some(row.matched_lines),
            Some(row.bytes_searched),
            row.binary_offset,
        ];
        for ((_, column), number) in self.numbers.iter_mut().zip(numbers) {
            column.push(number);
        }
        self.rows += 1;
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Roughly how many bytes the batch takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.arena.len() + self.rows * 16 * self.projection.specs().count()
    }

    /// The batch built so far; the builder starts anew.
    ///
    /// # Errors
    /// An internal error, if the columns do not fit together.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        let text = self.arena.finish();
        let rows = std::mem::take(&mut self.rows);
        let projection = self.projection.clone();
        assemble(&projection, rows, &text, self)
    }
}

impl Columns for CoverageBuilder {
    fn column(&mut self, name: &str) -> Option<&mut dyn Finish> {
        if let Some((_, column)) = self.labels.iter_mut().find(|(known, _)| *known == name) {
            return Some(column);
        }
        if let Some((_, column)) = self.numbers.iter_mut().find(|(known, _)| *known == name) {
            return Some(column);
        }
        self.paths.column(name)
    }
}
