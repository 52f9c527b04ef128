//! The events table: one row a change of a watched tree.

use arrow_array::RecordBatch;

use super::batch::{Columns, assemble};
use super::column::{Arena, Cells, Finish, Numbers};
use super::path_cells::PathColumns;
use super::schema::Projection;
use crate::error::Result;
use crate::io::root::{FileKind, TimeSpec};
use crate::search::walk::EntryPath;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// It is there now and was not, or is another kind of thing than it was.
    Created,
    /// Its content or its metadata changed.
    Modified,
    /// It is there no more.
    Removed,
    /// What stood under another path stands here now.
    Renamed,
    /// The whole source was looked through, because the system could not tell what changed.
    Rescan,
}

impl Event {
    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Modified => "modified",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
            Self::Rescan => "rescan",
        }
    }
}

/// What is known of one change.
#[derive(Debug)]
pub struct EventRow<'a> {
    /// When it was observed.
    pub time: TimeSpec,
    /// What happened.
    pub event: Event,
    /// The path that it happened to.
    pub path: EntryPath<'a>,
    /// The path from which it was renamed, which is UTF-8.
    pub old_path: Option<&'a str>,
    /// What stands there, or stood there if it was removed.
    pub kind: FileKind,
    /// Its size in bytes, if it could be had.
    pub size: Option<u64>,
    /// When its content changed, if that could be had.
    pub modified: Option<TimeSpec>,
}

/// Builds batches of the events table.
#[derive(Debug)]
pub struct EventsBuilder {
    projection: Projection,
    arena: Arena,
    rows: usize,
    paths: PathColumns,
    labels: [(&'static str, Cells); 3],
    numbers: [(&'static str, Numbers<i64>); 3],
}

impl EventsBuilder {
    /// A builder of the selected columns.
    #[must_use]
    pub fn new(projection: &Projection) -> Self {
        let label = |name| (name, Cells::new(projection.has(name)));
        let number = |name| (name, Numbers::new(projection.has(name)));
        Self {
            paths: PathColumns::new(projection),
            labels: ["event", "old_path", "kind"].map(label),
            numbers: ["time", "size", "modified"].map(number),
            projection: projection.clone(),
            arena: Arena::default(),
            rows: 0,
        }
    }

    /// Append one row.
    pub fn push(&mut self, row: &EventRow<'_>) {
        let cells = self.paths.store(&mut self.arena, &row.path);
        self.paths.push(&cells);
        for ((_, column), label) in
            self.labels.iter_mut().zip([Some(row.event.as_str()), row.old_path, row.kind.label()])
        {
            column.push_text(&mut self.arena, label);
        }
        let numbers = [
            row.time.as_nanoseconds(),
            row.size.and_then(|size| i64::try_from(size).ok()),
            row.modified.and_then(TimeSpec::as_nanoseconds),
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

impl Columns for EventsBuilder {
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
