//! The matches of several patterns in one pass: the leftmost first, of two at one place the earlier pattern's, and none
//! inside another.
//!
//! A search gives each pattern the matches that it would have alone; here a match uses up its text for all. What a
//! pattern means is the same, line by line.

use std::ops::Range;

use grep_matcher::{LineMatchKind, Matcher};
use memchr::{memchr, memrchr};

use super::patience::{Patience, WORK_BYTES};
use crate::error::Result;
use crate::search::pattern::{Method, Patterns};

/// One match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) pattern: usize,
    pub(super) range: Range<usize>,
    /// Where the text ends in which it was found: that of its line, or of all.
    pub(super) text_end: usize,
}

/// Goes from match to match.
pub(super) struct Matches<'t> {
    patterns: &'t Patterns,
    text: &'t [u8],
    /// The line that is being searched, or everything.
    piece: Option<Range<usize>>,
    /// Where the next piece begins.
    next_piece: usize,
    /// Where the lines end that are searched at once for one that may have a match.
    block_end: usize,
    /// Where the next match may begin.
    at: usize,
    last_end: Option<usize>,
    /// The next match of each pattern, as far as it is known.
    next: Vec<Next>,
}

#[derive(Clone, PartialEq, Eq)]
enum Next {
    Unknown,
    At(Range<usize>),
    Nowhere,
}

impl<'t> Matches<'t> {
    pub(super) fn new(patterns: &'t Patterns, text: &'t [u8]) -> Self {
        let next = vec![Next::Unknown; patterns.count()];
        Self { patterns, text, piece: None, next_piece: 0, block_end: 0, at: 0, last_end: None, next }
    }

    /// The next match; `None` behind the last.
    ///
    /// # Errors
    /// That the caller wants no more.
    pub(super) fn next(&mut self, patience: &mut Patience<'_>) -> Result<Option<Found>> {
        loop {
            let piece = if let Some(piece) = &self.piece {
                piece.clone()
            } else {
                let Some(piece) = self.find_piece(patience)? else { return Ok(None) };
                self.at = piece.start;
                self.last_end = None;
                self.next.fill(Next::Unknown);
                self.piece.insert(piece).clone()
            };
            if let Some(found) = self.find_in(&piece, patience)? {
                return Ok(Some(found));
            }
            self.piece = None;
            self.next_piece = piece.end + 1;
        }
    }

    /// The next line that may have a match, without its `\n`; everything, once, if matches may span lines.
    fn find_piece(&mut self, patience: &mut Patience<'_>) -> Result<Option<Range<usize>>> {
        while self.next_piece < self.text.len() {
            let from = self.next_piece;
            if self.patterns.is_multiline() {
                return Ok(Some(from..self.text.len()));
            }
            if self.patterns.method() == Method::EveryLine {
                return Ok(Some(self.line_from(from)));
            }
            if from >= self.block_end {
                let goal = from.saturating_add(WORK_BYTES).min(self.text.len());
                self.block_end = memchr(b'\n', &self.text[goal..]).map_or(self.text.len(), |at| goal + at + 1);
            }
            let block = &self.text[from..self.block_end];
            let found = self.patterns.any().find_candidate_line(block).ok().flatten();
            let at = found.map(|(LineMatchKind::Confirmed(at) | LineMatchKind::Candidate(at))| at);
            patience.spend(at.unwrap_or(block.len()))?;
            let start = at.map(|at| memrchr(b'\n', &block[..at]).map_or(from, |line| from + line + 1));
            // A match behind the last `\n` of a block lies in the next one's line, or in none.
            if let Some(start) = start.filter(|&start| start < self.block_end) {
                return Ok(Some(self.line_from(start)));
            }
            self.next_piece = self.block_end;
        }
        Ok(None)
    }

    fn line_from(&self, start: usize) -> Range<usize> {
        start..memchr(b'\n', &self.text[start..]).map_or(self.text.len(), |at| start + at)
    }

    /// The next match in this piece.
    fn find_in(&mut self, piece: &Range<usize>, patience: &mut Patience<'_>) -> Result<Option<Found>> {
        // An empty match at the very end counts only where no line has ended there.
        let is_open_end = piece.end < self.text.len() || self.text.last() != Some(&b'\n');
        let before = piece.end + usize::from(is_open_end);
        for index in 0..self.next.len() {
            let is_behind = matches!(&self.next[index], Next::At(range) if !self.counts(range));
            if self.next[index] == Next::Unknown || is_behind {
                self.next[index] = self.find_one(index, piece.end, before, patience)?;
            }
        }
        let known = self.next.iter().enumerate().filter_map(|(pattern, next)| match next {
            Next::At(range) => Some((range.start, pattern)),
            Next::Unknown | Next::Nowhere => None,
        });
        let Some((_, pattern)) = known.min() else { return Ok(None) };
        let Next::At(range) = self.next[pattern].clone() else { return Ok(None) };
        self.at = range.end;
        self.last_end = Some(range.end);
        Ok(Some(Found { pattern, range, text_end: piece.end }))
    }

    /// One that begins in text that is used up does not, and no empty one where another has just ended.
    fn counts(&self, range: &Range<usize>) -> bool {
        range.start >= self.at && !(range.is_empty() && self.last_end == Some(range.start))
    }

    fn find_one(&self, index: usize, text_end: usize, before: usize, patience: &mut Patience<'_>) -> Result<Next> {
        let text = &self.text[..text_end];
        let pattern = self.patterns.pattern(index);
        let mut from = self.at;
        while from <= text.len() {
            // How far a search looks is not known; it cannot be more than this.
            patience.spend(text.len() - from)?;
            let Some(found) = pattern.find(text, from).filter(|found| found.start < before) else { break };
            if self.counts(&found) && !(found.is_empty() && is_inside_character(text, found.start)) {
                return Ok(Next::At(found));
            }
            from = found.start.max(from) + 1;
        }
        Ok(Next::Nowhere)
    }
}

/// Patterns match bytes, so an empty match may lie between the bytes of one character, where nothing may be put.
fn is_inside_character(text: &[u8], at: usize) -> bool {
    let is_continuation = |byte: &u8| byte & 0xC0 == 0x80;
    if !text.get(at).is_some_and(is_continuation) {
        return false;
    }
    let start = at.saturating_sub(3);
    let Some(first) = text[start..at].iter().rposition(|byte| !is_continuation(byte)) else { return false };
    let first = start + first;
    (at + 1..=text.len().min(first + 4))
        .any(|end| std::str::from_utf8(&text[first..end]).is_ok_and(|character| character.chars().count() == 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::pattern::PatternOptions;

    fn found(patterns: &[&str], multiline: bool, text: &str) -> Vec<(usize, usize, usize)> {
        let patterns = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let patterns = Patterns::compile(&PatternOptions { patterns, multiline, ..PatternOptions::default() }).unwrap();
        let (mut matches, mut patience) = (Matches::new(&patterns, text.as_bytes()), Patience::new(&|| false));
        let next = || matches.next(&mut patience).unwrap();
        std::iter::from_fn(next).map(|found| (found.range.start, found.range.end, found.pattern)).collect()
    }

    #[test]
    fn the_leftmost_comes_first_and_uses_up_its_text() {
        assert_eq!(found(&["ab", "ba|aa"], false, "abaa"), [(0, 2, 0), (2, 4, 1)]);
        assert_eq!(found(&["b", "ab"], false, "ab\nb"), [(0, 2, 1), (3, 4, 0)]);
        assert_eq!(found(&["a", "ab"], false, "abab"), [(0, 1, 0), (2, 3, 0)]);
        assert_eq!(found(&["ab", "a"], false, "aab"), [(0, 1, 1), (1, 3, 0)]);
    }

    #[test]
    fn matches_stay_in_their_lines_unless_told() {
        assert_eq!(found(&["[^x]+"], false, "ab\ncd\n"), [(0, 2, 0), (3, 5, 0)]);
        assert_eq!(found(&["[^x]+"], true, "ab\ncd\n"), [(0, 6, 0)]);
        assert_eq!(found(&["^b", "a$"], false, "a\nb\r\n"), [(0, 1, 1), (2, 3, 0)]);
        assert_eq!(found(&["\\Aa"], false, "a\na"), [(0, 1, 0)]);
    }

    #[test]
    fn empty_matches_lie_between_characters_and_not_behind_a_match() {
        assert_eq!(found(&["x*"], false, "aäx"), [(0, 0, 0), (1, 1, 0), (3, 4, 0)]);
        assert_eq!(found(&["$"], false, "a\n\nb"), [(1, 1, 0), (2, 2, 0), (4, 4, 0)]);
        assert_eq!(found(&["$"], true, "a\n"), [(1, 1, 0)]);
        assert_eq!(found(&["a", ""], false, "aa"), [(0, 1, 0), (1, 2, 0)]);
        assert_eq!(found(&["x*"], false, ""), []);
    }

    #[test]
    fn lines_are_found_across_blocks() {
        let line = format!("{}\n", "b".repeat(99));
        let mut text = line.repeat(3 * WORK_BYTES / line.len());
        let at = [0, WORK_BYTES / 100 * 100, text.len() - 100].map(|at| at + 50);
        for at in at {
            text.replace_range(at..=at, "a");
        }
        text.push('a');
        let last = text.len() - 1;
        let expected = [at[0], at[1], at[2], last].map(|at| (at, at + 1, 0));
        assert_eq!(found(&["a"], false, &text), expected);
        let ends = |text: &str| found(&["$"], false, text).len();
        assert_eq!(
            (ends(&line.repeat(9000)), ends(&"b".repeat(WORK_BYTES)), ends(&"\n".repeat(WORK_BYTES))),
            (9000, 1, WORK_BYTES)
        );
    }

    #[test]
    fn a_caller_who_wants_no_more_is_heard_where_nothing_matches() {
        for (pattern, multiline, text) in [
            ("q", false, "b\n".repeat(WORK_BYTES)),
            ("\\Aq", false, "b\n".repeat(WORK_BYTES)),
            ("q", false, "b".repeat(4 * WORK_BYTES)),
            ("q", true, "b".repeat(WORK_BYTES)),
        ] {
            let patterns = vec![pattern.to_owned()];
            let options = PatternOptions { patterns, multiline, ..PatternOptions::default() };
            let patterns = Patterns::compile(&options).unwrap();
            let error = Matches::new(&patterns, text.as_bytes()).next(&mut Patience::new(&|| true)).unwrap_err();
            assert_eq!(error.kind(), crate::error::ErrorKind::Cancelled, "{pattern}");
        }
    }
}
