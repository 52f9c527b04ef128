//! From a match to a hit: its line, its line number, its capture groups, and what is counted on the way.
//!
//! Everything here is paid for hits only, and what consecutive hits share (a line, the count up to it) is paid once.

use std::ops::{ControlFlow, Range};

use grep_matcher::Captures;
use grep_regex::RegexCaptures;
use memchr::{memchr, memchr_iter, memrchr};

use super::{CaptureSpan, Hit, HitSink, SearchOptions};
use crate::search::pattern::{Pattern, Patterns};
use crate::search::window::Window;

/// After how many bytes of work the sink is asked whether to go on.
const WORK_BYTES: usize = 256 << 10;
/// What a hit costs beside the text it lies in, in bytes of work.
const WORK_PER_HIT: usize = 64;

/// Turns matches into hits.
// Each switch says something else; together they are no state.
#[allow(clippy::struct_excessive_bools)]
pub(super) struct Emitter {
    options: SearchOptions,
    multiline: bool,
    /// Where the line begins in which the last match started, and where its `\n` stands (or the text ends).
    line: Range<usize>,
    line_is_known: bool,
    /// `line_number` is the number of the line that starts here.
    counted_to: usize,
    line_number: i64,
    /// Lines that start before this are in `matched_lines`.
    matched_to: usize,
    /// The line that was cut at the last window's end is in `matched_lines`.
    cut_line_counted: bool,
    work: usize,
    scratch: Vec<Option<RegexCaptures>>,
    spans: Vec<CaptureSpan>,
    pub(super) hits: u64,
    pub(super) matched_lines: u64,
    pub(super) limit_reached: bool,
}

impl std::fmt::Debug for Emitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emitter").field("options", &self.options).field("hits", &self.hits).finish_non_exhaustive()
    }
}

impl Emitter {
    pub(super) fn new(patterns: &Patterns, options: SearchOptions) -> Self {
        let scratch = if options.captures {
            (0..patterns.count()).map(|index| patterns.pattern(index).new_captures()).collect()
        } else {
            Vec::new()
        };
        Self {
            options,
            multiline: patterns.is_multiline(),
            line: 0..0,
            line_is_known: false,
            counted_to: 0,
            line_number: 0,
            matched_to: 0,
            cut_line_counted: false,
            work: 0,
            scratch,
            spans: Vec::new(),
            hits: 0,
            matched_lines: 0,
            limit_reached: false,
        }
    }

    pub(super) fn begin_file(&mut self) {
        self.cut_line_counted = false;
        self.hits = 0;
        self.matched_lines = 0;
        self.limit_reached = false;
    }

    pub(super) fn begin_window(&mut self, window: &Window<'_>) {
        let start = window.search.start;
        self.line_is_known = false;
        self.counted_to = start;
        self.line_number = window.first_line;
        let is_counted = std::mem::take(&mut self.cut_line_counted) && window.starts_mid_line();
        self.matched_to = if is_counted { newline_at(window.text, start) + 1 } else { 0 };
    }

    pub(super) fn end_window(&mut self, window: &Window<'_>) {
        self.cut_line_counted = window.is_cut() && self.matched_to > window.search.end;
    }

    /// Books work done; true when it is time to ask whether to go on.
    #[inline]
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        self.work += bytes + WORK_PER_HIT;
        if self.work < WORK_BYTES {
            return false;
        }
        self.work = 0;
        true
    }

    /// Tells the line of the next matches, where it is known before them.
    pub(super) fn enter_line(&mut self, window: &Window<'_>, line: &Range<usize>) {
        // A part of a line does not say where the line begins.
        self.line_is_known = line.start == 0 || window.text[line.start - 1] == b'\n';
        self.line = line.clone();
    }

    /// Reports a match. Gives where its line ends.
    #[inline]
    pub(super) fn hit<S: HitSink + ?Sized>(
        &mut self,
        window: &Window<'_>,
        pattern: &Pattern,
        index: usize,
        matched: Range<usize>,
        sink: &mut S,
    ) -> ControlFlow<(), usize> {
        self.book_hit()?;
        let text = window.text;
        self.locate(text, matched.start);
        let first_line_end = self.line.end;
        let last_line_end = if matched.end <= first_line_end {
            first_line_end
        } else if text[matched.end - 1] == b'\n' {
            matched.end - 1
        } else {
            newline_at(text, matched.end)
        };
        self.count_matched_lines(text, last_line_end);
        self.spans.clear();
        if let Some(Some(captures)) = self.scratch.get_mut(index) {
            let text = if self.multiline { text } else { &text[..first_line_end] };
            if pattern.captures(text, matched.start, captures) {
                self.spans.extend((1..captures.len()).map(|group| CaptureSpan {
                    // A pattern's size limit keeps its groups far below 2^32.
                    group: u32::try_from(group).unwrap_or(u32::MAX),
                    range: captures.get(group).map(|found| found.start()..found.end()),
                }));
            }
        }
        let hit = Hit {
            pattern: Some(u32::try_from(index).unwrap_or(u32::MAX)),
            matched,
            line: self.line.start..without_carriage_return(text, self.line.start, last_line_end),
            line_number: self.line_number(text),
            captures: &self.spans,
        };
        sink.hit(window, &hit)?;
        ControlFlow::Continue(last_line_end)
    }

    /// Reports a line in which nothing matches; `line` is without its `\n`.
    pub(super) fn line_hit<S: HitSink + ?Sized>(
        &mut self,
        window: &Window<'_>,
        line: &Range<usize>,
        sink: &mut S,
    ) -> ControlFlow<()> {
        self.book_hit()?;
        self.line = line.clone();
        self.line_is_known = true;
        self.matched_lines += 1;
        let line = line.start..without_carriage_return(window.text, line.start, line.end);
        let line_number = self.line_number(window.text);
        sink.hit(window, &Hit { pattern: None, matched: line.clone(), line, line_number, captures: &[] })
    }

    fn book_hit(&mut self) -> ControlFlow<()> {
        if self.options.max_hits.is_some_and(|most| self.hits >= most) {
            self.limit_reached = true;
            return ControlFlow::Break(());
        }
        self.hits += 1;
        ControlFlow::Continue(())
    }

    /// Sets `line` to the line in which `start` lies.
    #[inline]
    fn locate(&mut self, text: &[u8], start: usize) {
        if self.line_is_known && start >= self.line.start && start <= self.line.end {
            return;
        }
        // Matches come in order, so the line before bounds the way back.
        let floor = if self.line_is_known && start > self.line.end { self.line.end } else { 0 };
        let line_start = memrchr(b'\n', &text[floor..start]).map_or(floor, |at| floor + at + 1);
        self.line = line_start..newline_at(text, start);
        self.line_is_known = true;
    }

    /// The number of `line`; counts from the line that was numbered last.
    #[inline]
    fn line_number(&mut self, text: &[u8]) -> i64 {
        if !self.options.line_numbers {
            return 0;
        }
        if self.line.start > self.counted_to {
            self.line_number += count_newlines(&text[self.counted_to..self.line.start]).cast_signed();
            self.counted_to = self.line.start;
        }
        self.line_number
    }

    fn count_matched_lines(&mut self, text: &[u8], last_line_end: usize) {
        let Range { start, end } = self.line;
        if start >= self.matched_to {
            self.matched_lines += 1;
            self.matched_to = end + 1;
        }
        if last_line_end >= self.matched_to {
            // Lines from `matched_to` on; the last one's own end is the one that is not counted here.
            self.matched_lines += 1 + count_newlines(&text[self.matched_to..last_line_end]);
            self.matched_to = last_line_end + 1;
        }
    }
}

/// Where the `\n` of the line stands that `at` lies in, or where the text ends.
fn newline_at(text: &[u8], at: usize) -> usize {
    memchr(b'\n', &text[at..]).map_or(text.len(), |found| at + found)
}

fn count_newlines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

/// The end of a line whose `\n` stands at `end`, without the `\r` of a `\r\n`.
fn without_carriage_return(text: &[u8], start: usize, end: usize) -> usize {
    if end > start && end < text.len() && text[end - 1] == b'\r' { end - 1 } else { end }
}
