//! The cells that every table shares: path, exact bytes, relative path, name, extension.
//!
//! They are pieces of one stored path. Where a name is not UTF-8, the repaired text is stored piece by piece instead,
//! and the exact bytes beside it.

use super::column::{Arena, Cell, Cells, Finish};
use super::schema::Projection;
use crate::search::walk::EntryPath;

/// The path columns of a table.
#[derive(Debug)]
pub struct PathColumns {
    path: Cells,
    path_bytes: Cells,
    relative_path: Cells,
    name: Cells,
    extension: Cells,
}

/// The cells of one entry, stored once and pushed as often as it has rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct PathCells {
    path: Option<Cell>,
    path_bytes: Option<Cell>,
    relative_path: Option<Cell>,
    name: Option<Cell>,
    extension: Option<Cell>,
}

impl PathColumns {
    /// Those of the path columns that are selected.
    pub fn new(projection: &Projection) -> Self {
        let on = |name| Cells::new(projection.has(name));
        Self {
            path: on("path"),
            path_bytes: on("path_bytes"),
            relative_path: on("relative_path"),
            name: on("name"),
            extension: on("extension"),
        }
    }

    /// Store the path of an entry in the arena.
    pub fn store(&self, arena: &mut Arena, entry: &EntryPath<'_>) -> PathCells {
        let is_text = entry.folder_is_text && std::str::from_utf8(entry.name).is_ok();
        if is_text { self.store_exact(arena, entry) } else { Self::store_repaired(arena, entry) }
    }

    fn store_exact(&self, arena: &mut Arena, entry: &EntryPath<'_>) -> PathCells {
        let mut cells = PathCells::default();
        let relative_folder = &entry.folder[entry.source_bytes..];
        // One stored text serves all columns; only the part that a selected column shows is stored.
        let folder = if self.path.is_on() {
            entry.folder
        } else if self.relative_path.is_on() {
            relative_folder
        } else {
            b"".as_slice()
        };
        let start = arena.store(folder);
        arena.store(entry.name);
        let name_start = start + folder.len();
        if self.path.is_on() {
            cells.path = Some(arena.cell(start, folder.len() + entry.name.len()));
        }
        if self.relative_path.is_on() {
            let length = relative_folder.len() + entry.name.len();
            cells.relative_path = Some(arena.cell(name_start - relative_folder.len(), length));
        }
        if self.name.is_on() {
            cells.name = Some(arena.cell(name_start, entry.name.len()));
        }
        if self.extension.is_on() {
            cells.extension = entry
                .extension()
                .map(|extension| arena.cell(name_start + entry.name.len() - extension.len(), extension.len()));
        }
        cells
    }

    fn store_repaired(arena: &mut Arena, entry: &EntryPath<'_>) -> PathCells {
        let mut text = |bytes: &[u8]| arena.put(String::from_utf8_lossy(bytes).as_bytes());
        let (path, relative_path) = (text(&entry.bytes()), text(&entry.relative()));
        let (name, extension) = (text(entry.name), entry.extension().map(text));
        let path_bytes = Some(arena.put(&entry.bytes()));
        PathCells { path: Some(path), path_bytes, relative_path: Some(relative_path), name: Some(name), extension }
    }

    /// Append one row.
    pub fn push(&mut self, cells: &PathCells) {
        self.path.push_option(cells.path);
        self.path_bytes.push_option(cells.path_bytes);
        self.relative_path.push_option(cells.relative_path);
        self.name.push_option(cells.name);
        self.extension.push_option(cells.extension);
    }

    /// Cut back to `rows`.
    pub fn truncate(&mut self, rows: usize) {
        for column in
            [&mut self.path, &mut self.path_bytes, &mut self.relative_path, &mut self.name, &mut self.extension]
        {
            column.truncate(rows);
        }
    }

    /// The column of this name, if it is one of the path columns.
    pub fn column(&mut self, name: &str) -> Option<&mut dyn Finish> {
        match name {
            "path" => Some(&mut self.path),
            "path_bytes" => Some(&mut self.path_bytes),
            "relative_path" => Some(&mut self.relative_path),
            "name" => Some(&mut self.name),
            "extension" => Some(&mut self.extension),
            _ => None,
        }
    }
}
