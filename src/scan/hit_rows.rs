//! Hits as they are found become rows: columns counted, lines cut, offsets brought back to the raw file.

use std::ops::{ControlFlow, Range};

use memchr::memchr_iter;

use super::control::{Control, Reach};
use super::options::SearchOptions;
use super::summary::Summary;
use super::worker::{BatchLimit, Outbox, Output};
use crate::error::Error;
use crate::io::content::Chunk;
use crate::io::counters;
use crate::io::decode::TextBuffer;
use crate::io::root::{FileStatus, HandleRef, status_of};
use crate::search::pattern::Patterns;
use crate::search::text::{Hit, HitSink};
use crate::search::walk::EntryPath;
use crate::search::window::{Window, count_chars};
use crate::table::hits::{CaptureRow, Mark};
use crate::table::{FileOfHits, HitRow, HitsBuilder, Table};

/// Rows of the first batch; they double from batch to batch.
const FIRST_ROWS: usize = 256;

/// The hits table of one worker, and when its batches end.
pub struct HitRows {
    /// The rows that have not been handed over.
    pub builder: HitsBuilder,
    /// Whether a selected column needs the file's status.
    pub needs_status: bool,
    most_rows: usize,
}

impl HitRows {
    /// No rows yet.
    pub fn new(builder: HitsBuilder, needs_status: bool) -> Self {
        Self { builder, needs_status, most_rows: FIRST_ROWS }
    }

    /// The same for rows that are wanted all at once.
    pub fn undivided(builder: HitsBuilder) -> Self {
        Self { builder, needs_status: false, most_rows: usize::MAX }
    }

    fn is_full(&self, limit: BatchLimit) -> bool {
        BatchLimit { rows: self.most_rows.min(limit.rows), ..limit }
            .is_reached(self.builder.rows(), self.builder.bytes())
    }
}

/// The way from a window's text back to offsets in the raw file.
#[derive(Clone, Copy)]
pub enum Offsets<'a> {
    /// The text is the raw file from this offset on.
    Raw(u64),
    /// The text was decoded.
    Decoded(&'a TextBuffer),
}

impl Offsets<'_> {
    fn of(self, at: usize) -> i64 {
        let raw = match self {
            Self::Raw(start) => start + at as u64,
            Self::Decoded(text) => text.raw_offset(at),
        };
        i64::try_from(raw).unwrap_or(i64::MAX)
    }
}

/// What of a file's search is true from one window to the next.
pub struct FileHits {
    /// Rows that stand.
    pub rows: u64,
    /// Lines that hold a match.
    pub matched_lines: i64,
    /// At most so many rows.
    pub limit: u64,
    /// There was a hit beyond the limit.
    pub limit_reached: bool,
    /// The scan stopped in the middle.
    pub stopped: bool,
    /// Mapped pages were lost; the rows since the last mark were taken back.
    pub lost: bool,
    /// Why a batch could not be built.
    pub defect: Option<Error>,
    mark: Option<(Mark, u64, i64)>,
    // Not yet asked for; or what was had, if anything.
    #[allow(clippy::option_option)]
    status: Option<Option<FileStatus>>,
    last_line_number: i64,
}

impl FileHits {
    /// A file before its search.
    pub fn new(limit: u64, mark: Option<Mark>) -> Self {
        Self {
            rows: 0,
            matched_lines: 0,
            limit,
            limit_reached: false,
            stopped: false,
            lost: false,
            defect: None,
            mark: mark.map(|mark| (mark, 0, 0)),
            status: None,
            last_line_number: 0,
        }
    }

    /// Take back the rows that have not been handed over.
    pub fn take_back(&mut self, rows: Option<&mut HitRows>) {
        if let (Some(rows), Some((mark, kept, lines))) = (rows, self.mark) {
            rows.builder.truncate(mark);
            self.rows = kept;
            self.matched_lines = lines;
        } else {
            self.rows = 0;
            self.matched_lines = 0;
        }
    }
}

/// What stays the same while one file is searched.
#[derive(Clone, Copy)]
pub struct SearchedFile<'a> {
    /// Its path.
    pub path: EntryPath<'a>,
    /// The open file.
    pub handle: HandleRef<'a>,
    /// The patterns, for the names of groups.
    pub patterns: &'a Patterns,
    /// What is to be told.
    pub options: &'a SearchOptions,
    /// The scan's signals.
    pub control: &'a Control,
    /// Only the end of the scan ends the search.
    pub to_the_end: bool,
}

/// Where the hits of one file go.
pub struct HitTarget<'a> {
    /// The file.
    pub file: SearchedFile<'a>,
    /// What is true of its search so far.
    pub hits: &'a mut FileHits,
    /// The rows, if they are wanted.
    pub rows: Option<&'a mut HitRows>,
    /// Where batches are handed over.
    pub outbox: &'a dyn Outbox,
}

/// Takes the hits of one window.
pub struct RowSink<'a, 't> {
    target: &'a mut HitTarget<'t>,
    chunk: &'a Chunk<'a>,
    offsets: Offsets<'a>,
    line: Option<Range<usize>>,
    /// How many characters of `line` lie before which offset.
    counted: (usize, i64),
}

impl<'a, 't> RowSink<'a, 't> {
    /// A sink for one window of `chunk`.
    pub fn new(target: &'a mut HitTarget<'t>, chunk: &'a Chunk<'a>, offsets: Offsets<'a>) -> Self {
        Self { target, chunk, offsets, line: None, counted: (0, 0) }
    }

    /// Characters of the line before the match. A byte that is no character counts as one, as it is shown.
    fn column(&mut self, window: &Window<'_>, hit: &Hit<'_>, same_line: bool) -> i64 {
        let start = hit.line.start;
        let carried = if start == 0 { window.line_prefix_chars } else { 0 };
        if !same_line || self.counted.0 > hit.matched.start {
            self.counted = (start, carried);
        }
        let (from, before) = self.counted;
        let column = before + count_chars(&window.text[from..hit.matched.start]);
        // A match may start inside a character; counting from there would count that character twice.
        if window.text.get(hit.matched.start).is_none_or(|byte| byte & 0xC0 != 0x80) {
            self.counted = (hit.matched.start, column);
        }
        column + 1
    }

    fn count_lines(&mut self, window: &Window<'_>, hit: &Hit<'_>) {
        // A multi-line match ends on a later line than it starts; lines shared with the match before count once.
        // Otherwise nothing is counted: a long line may hold a hit at every byte.
        let spans_lines = self.target.file.options.patterns.multiline;
        let extra = if spans_lines { memchr_iter(b'\n', &window.text[hit.line.clone()]).count() } else { 0 };
        let last = hit.line_number + i64::try_from(extra).unwrap_or(0);
        let first = hit.line_number.max(self.target.hits.last_line_number + 1);
        self.target.hits.matched_lines += (last - first + 1).max(0);
        self.target.hits.last_line_number = last.max(self.target.hits.last_line_number);
    }

    fn flush(&mut self) -> ControlFlow<()> {
        if !self.chunk.intact() {
            self.target.hits.lost = true;
            return ControlFlow::Break(());
        }
        let Some(rows) = self.target.rows.as_mut() else { return ControlFlow::Continue(()) };
        rows.most_rows = rows.most_rows.saturating_mul(2);
        match rows.builder.finish() {
            Ok(batch) => {
                let output = Output { batches: vec![(Table::Hits, batch)], summary: Summary::default() };
                self.target.hits.mark =
                    Some((rows.builder.mark(), self.target.hits.rows, self.target.hits.matched_lines));
                self.target.outbox.send(output)
            }
            Err(error) => {
                self.target.hits.defect = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// The part of a line that is shown: all of it, or as much as fits around the match.
fn shown_part(text: &[u8], line: &Range<usize>, matched: &Range<usize>, most: usize) -> Range<usize> {
    if line.len() <= most {
        return line.clone();
    }
    let continues = |at: usize| text.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    // Half of what fits stands before the match, unless the line ends sooner after it.
    let wanted = matched.start.saturating_sub(most / 2).min(line.end - most);
    let mut start = wanted.max(line.start);
    while start < matched.start && continues(start) {
        start += 1;
    }
    let mut end = (start + most).min(line.end);
    while end > start && end < line.end && continues(end) {
        end -= 1;
    }
    start..end
}

/// Whether an earlier or a later window has more of this line.
fn is_cut_off(window: &Window<'_>, line: &Range<usize>) -> bool {
    let begins_before = line.start == 0 && window.line_prefix_chars > 0;
    let goes_on = line.end == window.text.len() && !window.is_end && window.text.last() != Some(&b'\n');
    begins_before || goes_on
}

impl HitSink for RowSink<'_, '_> {
    fn hit(&mut self, window: &Window<'_>, hit: &Hit<'_>) -> ControlFlow<()> {
        if self.target.hits.rows >= self.target.hits.limit {
            self.target.hits.limit_reached = true;
            return ControlFlow::Break(());
        }
        self.target.hits.rows += 1;
        self.count_lines(window, hit);
        if self.target.rows.is_none() {
            return ControlFlow::Continue(());
        }
        let same_line = self.line.as_ref() == Some(&hit.line);
        let column_number = self.column(window, hit, same_line);
        self.line = Some(hit.line.clone());
        let (text, options, offsets) = (window.text, self.target.file.options, self.offsets);
        let part = shown_part(text, &hit.line, &hit.matched, options.max_line_bytes);
        let line_truncated = part != hit.line || is_cut_off(window, &hit.line);
        let lies_in_part = part.start <= hit.matched.start && hit.matched.end <= part.end;
        let names = hit.pattern.map(|pattern| self.target.file.patterns.capture_names(pattern as usize));
        let captures: Vec<_> = hit
            .captures
            .iter()
            .map(|group| CaptureRow {
                name: names.and_then(|names| names.get(group.group as usize - 1)?.as_deref()),
                span: group.range.clone().map(|range| {
                    let (start, end) = (offsets.of(range.start), offsets.of(range.end));
                    (&text[range], start, end)
                }),
            })
            .collect();
        let context_line = |line: Range<usize>| {
            let nowhere = line.start..line.start;
            &text[shown_part(text, &line, &nowhere, options.max_line_bytes)]
        };
        let (mut before, mut after) = (Vec::new(), Vec::new());
        if options.context > 0 {
            before.extend(window.lines_before(hit.line.start, options.context).map(context_line));
            after.extend(window.lines_after(hit.line.end, options.context).map(context_line));
        }
        let row = HitRow {
            line_number: hit.line_number,
            column_number,
            start_byte: offsets.of(hit.matched.start),
            end_byte: offsets.of(hit.matched.end),
            matched: &text[hit.matched.clone()],
            line: &text[part.clone()],
            matched_in_line: lies_in_part.then(|| hit.matched.start - part.start),
            line_truncated,
            same_line: same_line && !line_truncated,
            pattern: hit.pattern,
            captures: &captures,
            before: &before,
            after: &after,
        };
        let Some(rows) = self.target.rows.as_mut() else { return ControlFlow::Continue(()) };
        let needs_status = rows.needs_status;
        let handle = self.target.file.handle;
        let status = self.target.hits.status.get_or_insert_with(|| {
            counters::FILES_DESCRIBED.add(u64::from(needs_status));
            needs_status.then(|| status_of(handle).ok()).flatten()
        });
        rows.builder.push(&FileOfHits { path: self.target.file.path, status: status.as_ref() }, &row);
        if rows.is_full(self.target.outbox.batch_limit()) { self.flush() } else { ControlFlow::Continue(()) }
    }

    fn keep_going(&mut self) -> bool {
        // Once the limit on hits is used up, whatever was being searched is worked on once more.
        let goes_on = match self.target.file.control.reach() {
            Reach::Full => true,
            Reach::Limit | Reach::Stopped => self.target.file.to_the_end,
            Reach::Closed => false,
        };
        self.target.hits.stopped |= !goes_on;
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_around_its_match() {
        let text = b"aaaaaaaaaaNEEDLEbbbbbbbbbb";
        assert_eq!(shown_part(text, &(0..26), &(10..16), 26), 0..26);
        let part = shown_part(text, &(0..26), &(10..16), 10);
        assert_eq!((part.len(), part.contains(&10)), (10, true));
        assert_eq!(shown_part(text, &(0..26), &(0..1), 10), 0..10);
        assert_eq!(shown_part(text, &(0..26), &(25..26), 10), 16..26);
    }

    #[test]
    fn a_line_is_never_cut_inside_a_character() {
        let text = "ééééééééééé".as_bytes();
        for most in 1..text.len() {
            for at in (0..text.len()).step_by(2) {
                let part = shown_part(text, &(0..text.len()), &(at..at + 2), most);
                assert!(std::str::from_utf8(&text[part]).is_ok(), "{most} {at}");
            }
        }
    }
}
