//! A stretch of text to search, and how a streamed file becomes a row of them.
//!
//! Owns the seams: which lines belong to which window, what a window must show around them, and how a line is cut that
//! is too long to be held in one piece. Where the text comes from (and its encoding) is left to the readers; what is
//! found in it is [`super::text`]'s.

use std::ops::Range;

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

    /// `search` begins inside a line, whose beginning an earlier window had.
    pub(crate) fn starts_mid_line(&self) -> bool {
        let start = self.search.start;
        (start > 0 && self.text[start - 1] != b'\n') || (start == 0 && self.line_prefix_chars > 0)
    }

    /// `search` ends inside a line, which a later window will continue.
    pub(crate) fn ends_mid_line(&self) -> bool {
        let end = self.search.end;
        !(self.search.is_empty() || self.text[end - 1] == b'\n' || (self.is_end && end == self.text.len()))
    }
}
