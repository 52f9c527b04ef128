//! The chunks table: one row a retrieval chunk.

use arrow_array::RecordBatch;

use super::batch::{Columns, assemble};
use super::column::{Arena, Cell, Cells, Finish, Numbers};
use super::path_cells::{PathCells, PathColumns};
use super::schema::Projection;
use crate::error::Result;
use crate::io::root::FileStatus;
use crate::search::walk::EntryPath;

/// The file whose chunks follow.
#[derive(Debug, Clone, Copy)]
pub struct FileOfChunks<'a> {
    /// Its path.
    pub path: EntryPath<'a>,
    /// Its status, if a selected column needs it.
    pub status: Option<&'a FileStatus>,
    /// The hash of its content in hexadecimal, if that is selected.
    pub blake3: Option<&'a str>,
}

/// Where a chunk lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Where it starts in the raw file.
    pub start_byte: i64,
    /// Where it ends in the raw file.
    pub end_byte: i64,
    /// 1-based line of its first character.
    pub start_line: i64,
    /// 1-based line of its last character.
    pub end_line: i64,
}

/// One chunk.
#[derive(Debug)]
pub struct ChunkRow<'a> {
    /// 0-based number in its file.
    pub chunk: i64,
    /// Its text.
    pub text: &'a str,
    /// Where it lies, if it lies in the file as it is.
    pub place: Option<Place>,
    /// Its language.
    pub language: Option<&'a str>,
}

/// A length to which the builder can be cut back.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    rows: usize,
    arena: usize,
}

/// Builds batches of the chunks table.
#[derive(Debug)]
pub struct ChunksBuilder {
    projection: Projection,
    arena: Arena,
    rows: usize,
    file: Option<(PathCells, Option<Cell>)>,
    paths: PathColumns,
    /// In the order in which [`Self::push`] fills them.
    numbers: [(&'static str, Numbers<i64>); 7],
    chunk_id: Cells,
    text_blake3: Cells,
    text: Cells,
    language: Cells,
    file_blake3: Cells,
}

impl ChunksBuilder {
    /// A builder of the selected columns.
    #[must_use]
    pub fn new(projection: &Projection) -> Self {
        let on = |name| Cells::new(projection.has(name));
        let number = |name| (name, Numbers::new(projection.has(name)));
        Self {
            arena: Arena::default(),
            rows: 0,
            file: None,
            paths: PathColumns::new(projection),
            numbers: ["size", "modified", "chunk", "start_byte", "end_byte", "start_line", "end_line"].map(number),
            chunk_id: on("chunk_id"),
            text_blake3: on("text_blake3"),
            text: on("text"),
            language: on("language"),
            file_blake3: on("file_blake3"),
            projection: projection.clone(),
        }
    }

    /// The rows that follow are of another file.
    pub fn begin_file(&mut self) {
        self.file = None;
    }

    /// Append one row.
    pub fn push(&mut self, file: &FileOfChunks<'_>, row: &ChunkRow<'_>) {
        let (cells, hash) = if let Some(stored) = self.file {
            stored
        } else {
            let cells = self.paths.store(&mut self.arena, &file.path);
            let hash = file.blake3.map(|hash| self.arena.put(hash.as_bytes()));
            *self.file.insert((cells, hash))
        };
        self.paths.push(&cells);
        self.file_blake3.push_option(hash);
        let status = file.status;
        let numbers = [
            status.and_then(|status| i64::try_from(status.size).ok()),
            status.and_then(|status| status.modified.as_nanoseconds()),
            Some(row.chunk),
            row.place.map(|place| place.start_byte),
            row.place.map(|place| place.end_byte),
            row.place.map(|place| place.start_line),
            row.place.map(|place| place.end_line),
        ];
        for ((_, column), number) in self.numbers.iter_mut().zip(numbers) {
            column.push(number);
        }
        if self.chunk_id.is_on() {
            self.chunk_id.push_text(&mut self.arena, Some(&chunk_id(&file.path, row)));
        }
        if self.text_blake3.is_on() {
            let hash = blake3::hash(row.text.as_bytes()).to_hex();
            self.text_blake3.push_text(&mut self.arena, Some(&hash));
        }
        self.text.push_text(&mut self.arena, Some(row.text));
        self.language.push_text(&mut self.arena, row.language);
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

    /// Where the builder stands.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { rows: self.rows, arena: self.arena.len() }
    }

    /// Take back every row after `mark`.
    pub fn truncate(&mut self, mark: Mark) {
        self.paths.truncate(mark.rows);
        for (_, column) in &mut self.numbers {
            column.truncate(mark.rows);
        }
        let cells =
            [&mut self.chunk_id, &mut self.text_blake3, &mut self.text, &mut self.language, &mut self.file_blake3];
        for column in cells {
            column.truncate(mark.rows);
        }
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

/// What names a chunk wherever its source lies: the BLAKE3 hash of the relative path, a NUL, the chunk's number in eight
/// bytes (little-endian) and its text.
fn chunk_id(path: &EntryPath<'_>, row: &ChunkRow<'_>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&path.folder[path.source_bytes..]).update(path.name).update(&[0]);
    hasher.update(&row.chunk.to_le_bytes()).update(row.text.as_bytes());
    hasher.finalize().to_hex().to_string()
}

impl Columns for ChunksBuilder {
    fn column(&mut self, name: &str) -> Option<&mut dyn Finish> {
        if let Some((_, column)) = self.numbers.iter_mut().find(|(known, _)| *known == name) {
            return Some(column);
        }
        Some(match name {
            "chunk_id" => &mut self.chunk_id,
            "text_blake3" => &mut self.text_blake3,
            "text" => &mut self.text,
            "language" => &mut self.language,
            "file_blake3" => &mut self.file_blake3,
            _ => return self.paths.column(name),
        })
    }
}
