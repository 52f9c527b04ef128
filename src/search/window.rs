//! A stretch of text to search, and how a streamed file becomes a row of them.
//!
//! Owns the seams: which lines belong to which window, what a window must show around them, and how a line is cut that
//! is too long to be held in one piece. Where the text comes from (and its encoding) is left to the readers; what is
//! found in it is [`super::text`]'s.

#[cfg(test)]
mod tests;

use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};

/// A line may be so long, and a streamed file's text is held up to this and one chunk.
const LINE_BYTES: usize = 16 << 20;
/// What the two parts of a cut line share: a match that starts in the first part may be so long.
const OVERLAP_BYTES: usize = 64 << 10;

/// A stretch of text to search: whole lines of a file, or all of it.
///
/// Text outside of `search` is only looked at: by look-behind, by a match that runs over the end of a cut line, and by
/// whoever shows context lines. Whoever makes a window that does not begin with the file must put at least one byte
/// before `search`, or `\A` would match there.
#[derive(Debug, Clone)]
pub struct Window<'a> {
    /// The text.
    pub text: &'a [u8],
    /// The lines to search: matches that start here are this window's. Both ends are line starts, or the end of the
    /// text, unless a line above the size limit was cut.
    pub search: Range<usize>,
    /// The 1-based number of the line at `search.start`.
    pub first_line: i64,
    /// How many characters of the first line lie before `text`, where a line was cut.
    pub line_prefix_chars: i64,
    /// The text ends where the file ends.
    pub is_end: bool,
}

impl<'a> Window<'a> {
    /// A whole file.
    #[must_use]
    pub fn whole(text: &'a [u8]) -> Self {
        Self { text, search: 0..text.len(), first_line: 1, line_prefix_chars: 0, is_end: true }
    }

    /// `search` ends inside a line above the size limit, which the next window continues: the file was cut there.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        let end = self.search.end;
        !(self.search.is_empty() || self.text[end - 1] == b'\n' || (self.is_end && end == self.text.len()))
    }

    /// `search` begins inside a line, whose beginning an earlier window had.
    pub(crate) fn starts_mid_line(&self) -> bool {
        let start = self.search.start;
        (start > 0 && self.text[start - 1] != b'\n') || (start == 0 && self.line_prefix_chars > 0)
    }

    /// Up to `count` lines before the line that starts at `line_start`, in their order and without terminators.
    #[must_use]
    pub fn lines_before(&self, line_start: usize, count: usize) -> Lines<'a> {
        Lines { text: self.text, rest: lines_back(self.text, line_start, count)..line_start, left: count }
    }

    /// Up to `count` lines after the line that ends at `line_end`, without terminators.
    #[must_use]
    pub fn lines_after(&self, line_end: usize, count: usize) -> Lines<'a> {
        let start = memchr(b'\n', &self.text[line_end..]).map_or(self.text.len(), |at| line_end + at + 1);
        Lines { text: self.text, rest: start..self.text.len(), left: count }
    }
}

/// Lines of a text, as ranges without `\n` or `\r\n`.
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    text: &'a [u8],
    rest: Range<usize>,
    left: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        if self.left == 0 || self.rest.is_empty() {
            return None;
        }
        self.left -= 1;
        let start = self.rest.start;
        let (end, next) = match memchr(b'\n', &self.text[self.rest.clone()]) {
            Some(at) if at > 0 && self.text[start + at - 1] == b'\r' => (start + at - 1, start + at + 1),
            Some(at) => (start + at, start + at + 1),
            None => (self.rest.end, self.rest.end),
        };
        self.rest.start = next;
        Some(start..end)
    }
}

/// What the windows of a streamed file must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowOptions {
    /// How many lines around a hit will be wanted.
    pub context: usize,
    /// Count lines.
    pub line_numbers: bool,
}

/// Makes windows of the text of a streamed file.
///
/// The text is in somebody's buffer: after each chunk, [`Windows::next`] is called with all of it until there is no
/// window left, and then exactly [`Windows::discard`] bytes must be dropped from its front. All ranges are of that
/// buffer. Around lines that are themselves near the size limit, context lines may be missing.
#[derive(Debug)]
pub struct Windows {
    options: WindowOptions,
    line_bytes: usize,
    overlap_bytes: usize,
    /// Text before this was searched.
    searched_to: usize,
    /// Between `searched_to` and here no `\n` stands.
    no_newline_to: usize,
    /// The number of the line at `searched_to`.
    line_number: i64,
    line_prefix_chars: i64,
}

impl Windows {
    /// For a new file.
    #[must_use]
    pub fn new(options: WindowOptions) -> Self {
        Self::with_limits(options, LINE_BYTES, OVERLAP_BYTES)
    }

    /// For the rest of a file, where the lines before it were searched: the text begins with the one byte before the
    /// line of this number.
    #[must_use]
    pub fn resuming(options: WindowOptions, line_number: i64) -> Self {
        Self { searched_to: 1, line_number, ..Self::new(options) }
    }

    fn with_limits(options: WindowOptions, line_bytes: usize, overlap_bytes: usize) -> Self {
        debug_assert!(line_bytes > 2 * overlap_bytes);
        Self {
            options,
            line_bytes,
            overlap_bytes,
            searched_to: 0,
            no_newline_to: 0,
            line_number: 1,
            line_prefix_chars: 0,
        }
    }

    /// The next window of the text that is there; `is_end` if no more will come. `None` if more text is needed, or all
    /// was searched.
    pub fn next<'t>(&mut self, text: &'t [u8], is_end: bool) -> Option<Window<'t>> {
        let start = self.searched_to;
        if start >= text.len() {
            return None;
        }
        let (text_end, search_end) = if self.is_line_too_long(&text[start..]) {
            let cut = start + self.line_bytes;
            (cut, cut - self.overlap_bytes)
        } else if is_end {
            (text.len(), text.len())
        } else {
            let from = self.no_newline_to.max(start);
            let Some(newline) = memrchr(b'\n', &text[from..]) else {
                self.no_newline_to = text.len();
                return None;
            };
            let lines_end = from + newline + 1;
            // Rather a hit without its last lines of context than a buffer without a bound.
            let holds_too_much = text.len() - start > self.line_bytes;
            let context = if holds_too_much { 0 } else { self.options.context };
            (lines_end, lines_back(text, lines_end, context).max(start))
        };
        if search_end == start {
            return None;
        }
        let window = Window {
            text: &text[..text_end],
            search: start..search_end,
            first_line: self.line_number,
            line_prefix_chars: self.line_prefix_chars,
            is_end: is_end && text_end == text.len(),
        };
        if self.options.line_numbers {
            self.line_number += memchr_iter(b'\n', &text[start..search_end]).count().cast_signed() as i64;
        }
        self.searched_to = search_end;
        Some(window)
    }

    /// How many bytes at the front of the text are not needed any more; the caller must drop exactly these.
    pub fn discard(&mut self, text: &[u8]) -> usize {
        let end = self.searched_to;
        let is_mid_line = end > 0 && text[end - 1] != b'\n';
        let keep_from = if is_mid_line {
            // So that a hit near the cut can be shown with what stands before it.
            char_start(text, end.saturating_sub(self.overlap_bytes))
        } else if self.options.context == 0 {
            end.saturating_sub(1)
        } else {
            let context = lines_back(text, end, self.options.context);
            if end - context > self.line_bytes { lines_back(text, end, 1).max(end - self.line_bytes) } else { context }
        };
        if is_mid_line {
            let (line_start, before) = match memrchr(b'\n', &text[..keep_from]) {
                Some(at) => (at + 1, 0),
                None => (0, self.line_prefix_chars),
            };
            self.line_prefix_chars = before + count_chars(&text[line_start..keep_from]);
        } else {
            self.line_prefix_chars = 0;
        }
        self.no_newline_to = self.no_newline_to.max(end).saturating_sub(keep_from);
        self.searched_to -= keep_from;
        keep_from
    }

    /// Whether the line that `rest` begins with goes on beyond the limit.
    fn is_line_too_long(&self, rest: &[u8]) -> bool {
        rest.get(..=self.line_bytes).is_some_and(|line| memchr(b'\n', line).is_none())
    }
}

/// Where the line starts that lies `count` lines before the line start `at`.
fn lines_back(text: &[u8], mut at: usize, count: usize) -> usize {
    for _ in 0..count {
        if at == 0 {
            break;
        }
        at = memrchr(b'\n', &text[..at - 1]).map_or(0, |newline| newline + 1);
    }
    at
}

/// The start of the character that `at` lies in.
fn char_start(text: &[u8], at: usize) -> usize {
    let first = at.saturating_sub(3);
    (first..=at).rev().find(|&start| text[start] & 0xC0 != 0x80).unwrap_or(at)
}

/// How many characters a text has, where what is not UTF-8 is repaired.
pub(crate) fn count_chars(text: &[u8]) -> i64 {
    if text.is_ascii() {
        return i64::try_from(text.len()).unwrap_or(i64::MAX);
    }
    let chars: usize =
        text.utf8_chunks().map(|chunk| chunk.valid().chars().count() + usize::from(!chunk.invalid().is_empty())).sum();
    i64::try_from(chars).unwrap_or(i64::MAX)
}
