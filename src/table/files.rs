//! The files table: one row an entry, metadata only.

use arrow_array::RecordBatch;

use super::batch::{Columns, assemble};
use super::column::{Arena, Cells, Finish, Flags, Numbers};
use super::path_cells::PathColumns;
use super::schema::Projection;
use crate::error::Result;
use crate::io::root::{FileKind, FileStatus, TimeSpec};
use crate::io::strategy::Thresholds;
use crate::search::walk::EntryPath;

/// What is known of one entry.
#[derive(Debug)]
pub struct FileRow<'a> {
    /// Its path.
    pub path: EntryPath<'a>,
    /// What it is.
    pub kind: FileKind,
    /// Its status, if a selected column needs it and it could be had.
    pub status: Option<&'a FileStatus>,
    /// 1 for what lies directly in the source.
    pub depth: i64,
    /// Whether it is hidden.
    pub hidden: bool,
    /// Why it could not be described or entered.
    pub error: Option<&'a str>,
    /// The hash of its content in hexadecimal.
    pub blake3: Option<&'a str>,
}

/// Builds batches of the files table.
#[derive(Debug)]
pub struct FilesBuilder {
    projection: Projection,
    thresholds: Thresholds,
    arena: Arena,
    rows: usize,
    paths: PathColumns,
    kind: Cells,
    numbers: Vec<(&'static str, NumberOf, Numbers<i64>)>,
    inode: Numbers<u64>,
    device: Numbers<u64>,
    depth: Numbers<i64>,
    hidden: Flags,
    strategy: Cells,
    error: Cells,
    blake3: Cells,
}

/// How a number of the table is taken from a status.
#[derive(Debug, Clone, Copy)]
enum NumberOf {
    Count(fn(&FileStatus) -> u64),
    Time(fn(&FileStatus) -> Option<TimeSpec>),
}

const NUMBERS: [(&str, NumberOf); 10] = [
    ("size", NumberOf::Count(|status| status.size)),
    ("allocated", NumberOf::Count(|status| status.allocated)),
    ("modified", NumberOf::Time(|status| Some(status.modified))),
    ("changed", NumberOf::Time(|status| Some(status.changed))),
    ("accessed", NumberOf::Time(|status| Some(status.accessed))),
    ("created", NumberOf::Time(|status| status.created)),
    ("mode", NumberOf::Count(|status| u64::from(status.mode))),
    ("uid", NumberOf::Count(|status| u64::from(status.uid))),
    ("gid", NumberOf::Count(|status| u64::from(status.gid))),
    ("links", NumberOf::Count(|status| u64::from(status.links))),
];

impl FilesBuilder {
    /// A builder of the selected columns; `thresholds` say which strategy a size gets.
    #[must_use]
    pub fn new(projection: &Projection, thresholds: Thresholds) -> Self {
        let on = |name| projection.has(name);
        Self {
            paths: PathColumns::new(projection),
            kind: Cells::new(on("kind")),
            numbers: NUMBERS.iter().map(|(name, of)| (*name, *of, Numbers::new(on(name)))).collect(),
            inode: Numbers::new(on("inode")),
            device: Numbers::new(on("device")),
            depth: Numbers::new(on("depth")),
            hidden: Flags::new(on("hidden")),
            strategy: Cells::new(on("strategy")),
            error: Cells::new(on("error")),
            blake3: Cells::new(on("blake3")),
            projection: projection.clone(),
            thresholds,
            arena: Arena::default(),
            rows: 0,
        }
    }

    /// Append one row.
    pub fn push(&mut self, row: &FileRow<'_>) {
        let cells = self.paths.store(&mut self.arena, &row.path);
        self.paths.push(&cells);
        self.kind.push_text(&mut self.arena, row.kind.label());
        let mut unfit = Vec::new();
        for (name, of, column) in self.numbers.iter_mut().filter(|(_, _, column)| column.is_on()) {
            column.push(row.status.and_then(|status| match of {
                NumberOf::Count(count) => i64::try_from(count(status)).ok(),
                NumberOf::Time(time) => {
                    let time = time(status)?;
                    time.as_nanoseconds().or_else(|| {
                        unfit.push(format!("{name}: {} s since 1970 does not fit a timestamp", time.seconds));
                        None
                    })
                }
            }));
        }
        self.inode.push(row.status.map(|status| status.inode));
        self.device.push(row.status.map(|status| status.device));
        self.depth.push(Some(row.depth));
        self.hidden.push(row.hidden);
        let strategy = row
            .status
            .filter(|_| row.kind == FileKind::File)
            .map(|status| self.thresholds.choose(status.size).as_str());
        self.strategy.push_text(&mut self.arena, strategy);
        if unfit.is_empty() {
            self.error.push_text(&mut self.arena, row.error);
        } else {
            unfit.extend(row.error.map(str::to_owned));
            self.error.push_text(&mut self.arena, Some(&unfit.join("; ")));
        }
        self.blake3.push_text(&mut self.arena, row.blake3);
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

impl Columns for FilesBuilder {
    fn column(&mut self, name: &str) -> Option<&mut dyn Finish> {
        if let Some((_, _, column)) = self.numbers.iter_mut().find(|(known, _, _)| *known == name) {
            return Some(column);
        }
        Some(match name {
            "kind" => &mut self.kind,
            "inode" => &mut self.inode,
            "device" => &mut self.device,
            "depth" => &mut self.depth,
            "hidden" => &mut self.hidden,
            "strategy" => &mut self.strategy,
            "error" => &mut self.error,
            "blake3" => &mut self.blake3,
            _ => return self.paths.column(name),
        })
    }
}
