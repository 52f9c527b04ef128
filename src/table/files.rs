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
    /// When the scan began that looked at it.
    pub observed: Option<TimeSpec>,
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
    numbers: [Numbers<i64>; NUMBERS.len()],
    inode: Numbers<u64>,
    device: Numbers<u64>,
    depth: Numbers<i64>,
    hidden: Flags,
    strategy: Cells,
    error: Cells,
    blake3: Cells,
    observed: Numbers<i64>,
}

/// The columns of numbers and times, as [`numbers_of`] gives them.
const NUMBERS: [&str; 10] =
    ["size", "allocated", "modified", "changed", "accessed", "created", "mode", "uid", "gid", "links"];

fn numbers_of(status: &FileStatus) -> [Option<i64>; NUMBERS.len()] {
    let count = |count: u64| i64::try_from(count).ok();
    let unix = status.unix.as_ref();
    [
        count(status.size),
        unix.and_then(|unix| count(unix.allocated)),
        status.modified.as_nanoseconds(),
        unix.and_then(|unix| unix.changed.as_nanoseconds()),
        status.accessed.as_nanoseconds(),
        status.created.and_then(TimeSpec::as_nanoseconds),
        unix.map(|unix| i64::from(unix.mode)),
        unix.map(|unix| i64::from(unix.uid)),
        unix.map(|unix| i64::from(unix.gid)),
        unix.map(|_| i64::from(status.links)),
    ]
}

/// The times that do not fit a column of nanoseconds.
fn unfit_times(status: &FileStatus) -> impl Iterator<Item = (&'static str, TimeSpec)> {
    let times = [
        ("modified", Some(status.modified)),
        ("changed", status.unix.map(|unix| unix.changed)),
        ("accessed", Some(status.accessed)),
        ("created", status.created),
    ];
    times.into_iter().filter_map(|(name, time)| Some((name, time.filter(|time| time.as_nanoseconds().is_none())?)))
}

impl FilesBuilder {
    /// A builder of the selected columns; `thresholds` say which strategy a size gets.
    #[must_use]
    pub fn new(projection: &Projection, thresholds: Thresholds) -> Self {
        let on = |name| projection.has(name);
        Self {
            paths: PathColumns::new(projection),
            kind: Cells::new(on("kind")),
            numbers: NUMBERS.map(|name| Numbers::new(on(name))),
            inode: Numbers::new(on("inode")),
            device: Numbers::new(on("device")),
            depth: Numbers::new(on("depth")),
            hidden: Flags::new(on("hidden")),
            strategy: Cells::new(on("strategy")),
            error: Cells::new(on("error")),
            blake3: Cells::new(on("blake3")),
            observed: Numbers::new(on("observed")),
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
        let numbers = row.status.map_or([None; NUMBERS.len()], numbers_of);
        for (column, number) in self.numbers.iter_mut().zip(numbers) {
            column.push(number);
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
        match row.status.and_then(|status| self.unfit(status)) {
            None => self.error.push_text(&mut self.arena, row.error),
            Some(unfit) => {
                let both = [Some(unfit.as_str()), row.error].into_iter().flatten().collect::<Vec<_>>().join("; ");
                self.error.push_text(&mut self.arena, Some(&both));
            }
        }
        self.blake3.push_text(&mut self.arena, row.blake3);
        self.observed.push(row.observed.and_then(TimeSpec::as_nanoseconds));
        self.rows += 1;
    }

    /// What is to be said of times that a selected column cannot show.
    fn unfit(&self, status: &FileStatus) -> Option<String> {
        let of = |(name, time): (&str, TimeSpec)| {
            let shown = self.projection.has(name);
            shown.then(|| format!("{name}: {} s since 1970 does not fit a timestamp", time.seconds))
        };
        let unfit: Vec<_> = unfit_times(status).filter_map(of).collect();
        (!unfit.is_empty()).then(|| unfit.join("; "))
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
        if let Some(at) = NUMBERS.iter().position(|known| *known == name) {
            return Some(&mut self.numbers[at]);
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
            "observed" => &mut self.observed,
            _ => return self.paths.column(name),
        })
    }
}
