//! The hits table: one row a match.
//!
//! The line of a hit is stored once, however many hits it holds, and `matched` is a piece of it.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StructArray};
use arrow_schema::ArrowError;

use super::batch::{Columns, assemble};
use super::column::{Arena, Cell, Cells, Finish, Flags, Lists, Numbers};
use super::path_cells::{PathCells, PathColumns};
use super::schema::{ColumnType, Layout, Projection};
use super::text::Text;
use crate::error::Result;
use crate::io::root::FileStatus;
use crate::search::walk::EntryPath;

type ArrowResult<T> = std::result::Result<T, ArrowError>;

/// The file whose hits follow.
#[derive(Debug, Clone, Copy)]
pub struct FileOfHits<'a> {
    /// Its path.
    pub path: EntryPath<'a>,
    /// Its status, if a selected column needs it.
    pub status: Option<&'a FileStatus>,
}

/// One capture group of a hit.
#[derive(Debug, Clone, Copy)]
pub struct CaptureRow<'a> {
    /// Its name, if it has one.
    pub name: Option<&'a str>,
    /// Its text, start and end in the raw file, if it took part in the match.
    pub span: Option<(&'a [u8], i64, i64)>,
}

/// One match.
#[derive(Debug)]
pub struct HitRow<'a> {
    /// 1-based line in which it starts.
    pub line_number: i64,
    /// 1-based character within that line.
    pub column_number: i64,
    /// Where it starts in the raw file.
    pub start_byte: i64,
    /// Where it ends in the raw file.
    pub end_byte: i64,
    /// The matched text.
    pub matched: &'a [u8],
    /// The line, already cut.
    pub line: &'a [u8],
    /// Where `matched` lies in `line`, if it lies there whole.
    pub matched_in_line: Option<usize>,
    /// Whether `line` was cut.
    pub line_truncated: bool,
    /// Whether `line` is the one of the row before.
    pub same_line: bool,
    /// Which pattern matched.
    pub pattern: Option<u32>,
    /// The capture groups.
    pub captures: &'a [CaptureRow<'a>],
    /// The lines before.
    pub before: &'a [&'a [u8]],
    /// The lines after.
    pub after: &'a [&'a [u8]],
}

/// A length to which the builder can be cut back.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    rows: usize,
    arena: usize,
}

/// The line stored last.
#[derive(Debug, Clone, Copy)]
struct StoredLine {
    cell: Cell,
    start: usize,
    exact: bool,
}

/// Builds batches of the hits table.
#[derive(Debug)]
pub struct HitsBuilder {
    projection: Projection,
    arena: Arena,
    rows: usize,
    file: Option<PathCells>,
    stored_line: Option<StoredLine>,
    paths: PathColumns,
    numbers: Positions,
    matched: Cells,
    line: Cells,
    line_truncated: Flags,
    captures: CaptureLists,
    before: LineLists,
    after: LineLists,
    matched_bytes: Cells,
    line_bytes: Cells,
}

#[derive(Debug)]
struct Positions {
    size: Numbers<i64>,
    modified: Numbers<i64>,
    line_number: Numbers<i64>,
    column_number: Numbers<i64>,
    start_byte: Numbers<i64>,
    end_byte: Numbers<i64>,
    pattern: Numbers<i64>,
}

impl Positions {
    fn truncate(&mut self, rows: usize) {
        for column in [
            &mut self.size,
            &mut self.modified,
            &mut self.line_number,
            &mut self.column_number,
            &mut self.start_byte,
            &mut self.end_byte,
            &mut self.pattern,
        ] {
            column.truncate(rows);
        }
    }
}

/// Store bytes as text: whether they had to be repaired, where they start, and their cell.
///
/// They are copied before they are validated, because the memory map of a file that somebody writes to may show one
/// content to the validation and another to the copy.
fn store_text(arena: &mut Arena, bytes: &[u8]) -> StoredLine {
    let start = arena.store(bytes);
    // Most text is ASCII, which this validates many bytes at a time; the lossy conversion would not.
    let stored = arena.bytes(start, bytes.len());
    let repaired = match std::str::from_utf8(stored) {
        Ok(_) => None,
        Err(_) => Some(String::from_utf8_lossy(stored).into_owned()),
    };
    match repaired {
        None => StoredLine { cell: arena.cell(start, bytes.len()), start, exact: true },
        Some(text) => {
            arena.truncate(start);
            let start = arena.store(text.as_bytes());
            StoredLine { cell: arena.cell(start, text.len()), start, exact: false }
        }
    }
}

/// The same, where only the cell is wanted.
fn text_cell(arena: &mut Arena, bytes: &[u8]) -> Cell {
    store_text(arena, bytes).cell
}

impl HitsBuilder {
    /// A builder of the selected columns.
    #[must_use]
    pub fn new(projection: &Projection) -> Self {
        let on = |name| projection.has(name);
        let number = |name| Numbers::new(on(name));
        Self {
            arena: Arena::default(),
            rows: 0,
            file: None,
            stored_line: None,
            paths: PathColumns::new(projection),
            numbers: Positions {
                size: number("size"),
                modified: number("modified"),
                line_number: number("line_number"),
                column_number: number("column_number"),
                start_byte: number("start_byte"),
                end_byte: number("end_byte"),
                pattern: number("pattern"),
            },
            matched: Cells::new(on("matched")),
            line: Cells::new(on("line")),
            line_truncated: Flags::new(on("line_truncated")),
            captures: CaptureLists::new(on("captures")),
            before: LineLists::new(on("before")),
            after: LineLists::new(on("after")),
            matched_bytes: Cells::new(on("matched_bytes")),
            line_bytes: Cells::new(on("line_bytes")),
            projection: projection.clone(),
        }
    }

    /// The rows that follow are of another file.
    pub fn begin_file(&mut self) {
        self.file = None;
        self.stored_line = None;
    }

    /// Append one row.
    pub fn push(&mut self, file: &FileOfHits<'_>, row: &HitRow<'_>) {
        let cells = match self.file {
            Some(cells) => cells,
            None => *self.file.insert(self.paths.store(&mut self.arena, &file.path)),
        };
        self.paths.push(&cells);
        let numbers = &mut self.numbers;
        numbers.size.push(file.status.and_then(|status| i64::try_from(status.size).ok()));
        numbers.modified.push(file.status.and_then(|status| status.modified.as_nanoseconds()));
        numbers.line_number.push(Some(row.line_number));
        numbers.column_number.push(Some(row.column_number));
        numbers.start_byte.push(Some(row.start_byte));
        numbers.end_byte.push(Some(row.end_byte));
        numbers.pattern.push(row.pattern.map(i64::from));
        self.push_line(row);
        self.push_matched(row);
        self.line_truncated.push(row.line_truncated);
        self.captures.push(&mut self.arena, row.captures);
        self.before.push(&mut self.arena, row.before);
        self.after.push(&mut self.arena, row.after);
        self.rows += 1;
    }

    fn push_line(&mut self, row: &HitRow<'_>) {
        if !self.line.is_on() && !self.line_bytes.is_on() {
            return;
        }
        let stored = match self.stored_line {
            Some(stored) if row.same_line => stored,
            _ => *self.stored_line.insert(store_text(&mut self.arena, row.line)),
        };
        self.line.push(stored.cell);
        let exact_bytes = (!stored.exact && self.line_bytes.is_on()).then(|| self.arena.put(row.line));
        self.line_bytes.push_option(exact_bytes);
    }

    fn push_matched(&mut self, row: &HitRow<'_>) {
        if !self.matched.is_on() && !self.matched_bytes.is_on() {
            return;
        }
        let piece = match (self.stored_line, row.matched_in_line) {
            (Some(line), Some(at)) if line.exact => Some(line.start + at),
            _ => None,
        };
        // A piece of a valid line can still begin or end inside a character.
        let whole = |start: &usize| std::str::from_utf8(self.arena.bytes(*start, row.matched.len())).is_ok();
        let stored = match piece.filter(whole) {
            Some(start) => StoredLine { cell: self.arena.cell(start, row.matched.len()), start, exact: true },
            None => store_text(&mut self.arena, row.matched),
        };
        self.matched.push(stored.cell);
        let exact_bytes = (!stored.exact && self.matched_bytes.is_on()).then(|| self.arena.put(row.matched));
        self.matched_bytes.push_option(exact_bytes);
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

    /// Where the builder stands.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { rows: self.rows, arena: self.arena.len() }
    }

    /// Take back every row after `mark`.
    pub fn truncate(&mut self, mark: Mark) {
        self.paths.truncate(mark.rows);
        self.numbers.truncate(mark.rows);
        for column in [&mut self.matched, &mut self.line, &mut self.matched_bytes, &mut self.line_bytes] {
            column.truncate(mark.rows);
        }
        self.line_truncated.truncate(mark.rows);
        self.captures.truncate(mark.rows);
        self.before.truncate(mark.rows);
        self.after.truncate(mark.rows);
        self.arena.truncate(mark.arena);
        self.rows = mark.rows;
        self.begin_file();
    }

    /// The batch built so far; the builder starts anew.
    ///
    /// # Errors
    /// An internal error, if the columns do not fit together.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        self.begin_file();
        let text = self.arena.finish();
        let rows = std::mem::take(&mut self.rows);
        let projection = self.projection.clone();
        assemble(&projection, rows, &text, self)
    }
}

impl Columns for HitsBuilder {
    fn column(&mut self, name: &str) -> Option<&mut dyn Finish> {
        let numbers = &mut self.numbers;
        Some(match name {
            "size" => &mut numbers.size,
            "modified" => &mut numbers.modified,
            "line_number" => &mut numbers.line_number,
            "column_number" => &mut numbers.column_number,
            "start_byte" => &mut numbers.start_byte,
            "end_byte" => &mut numbers.end_byte,
            "pattern" => &mut numbers.pattern,
            "matched" => &mut self.matched,
            "line" => &mut self.line,
            "line_truncated" => &mut self.line_truncated,
            "captures" => &mut self.captures,
            "before" => &mut self.before,
            "after" => &mut self.after,
            "matched_bytes" => &mut self.matched_bytes,
            "line_bytes" => &mut self.line_bytes,
            _ => return self.paths.column(name),
        })
    }
}

/// A column of lists of lines.
#[derive(Debug)]
struct LineLists {
    lists: Lists,
    lines: Cells,
}

impl LineLists {
    fn new(on: bool) -> Self {
        Self { lists: Lists::new(on), lines: Cells::new(on) }
    }

    fn push(&mut self, arena: &mut Arena, lines: &[&[u8]]) {
        if self.lists.is_on() {
            for line in lines {
                self.lines.push(text_cell(arena, line));
            }
            self.lists.push(self.lines.len());
        }
    }

    fn truncate(&mut self, rows: usize) {
        let items = self.lists.truncate(rows);
        self.lines.truncate(items);
    }
}

impl Finish for LineLists {
    fn finish(&mut self, _kind: ColumnType, text: &Text, layout: Layout) -> ArrowResult<ArrayRef> {
        let lines = self.lines.finish(ColumnType::Text, text, layout)?;
        self.lists.finish(lines)
    }
}

/// A column of lists of capture groups.
#[derive(Debug)]
struct CaptureLists {
    lists: Lists,
    name: Cells,
    text: Cells,
    start_byte: Numbers<i64>,
    end_byte: Numbers<i64>,
}

impl CaptureLists {
    fn new(on: bool) -> Self {
        Self {
            lists: Lists::new(on),
            name: Cells::new(on),
            text: Cells::new(on),
            start_byte: Numbers::new(on),
            end_byte: Numbers::new(on),
        }
    }

    fn push(&mut self, arena: &mut Arena, captures: &[CaptureRow<'_>]) {
        if !self.lists.is_on() {
            return;
        }
        for capture in captures {
            self.name.push_text(arena, capture.name);
            self.text.push_option(capture.span.map(|(text, _, _)| text_cell(arena, text)));
            self.start_byte.push(capture.span.map(|(_, start, _)| start));
            self.end_byte.push(capture.span.map(|(_, _, end)| end));
        }
        self.lists.push(self.name.len());
    }

    fn truncate(&mut self, rows: usize) {
        let items = self.lists.truncate(rows);
        self.name.truncate(items);
        self.text.truncate(items);
        self.start_byte.truncate(items);
        self.end_byte.truncate(items);
    }
}

impl Finish for CaptureLists {
    fn finish(&mut self, _kind: ColumnType, text: &Text, layout: Layout) -> ArrowResult<ArrayRef> {
        let columns = vec![
            self.name.finish(ColumnType::Text, text, layout)?,
            self.text.finish(ColumnType::Text, text, layout)?,
            self.start_byte.finish(ColumnType::Int, text, layout)?,
            self.end_byte.finish(ColumnType::Int, text, layout)?,
        ];
        let groups = StructArray::try_new(layout.capture_fields(), columns, None)?;
        self.lists.finish(Arc::new(groups))
    }
}
