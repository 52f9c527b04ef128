//! The matches of several patterns in one pass: the leftmost first, of two at one place the earlier pattern's, and none
//! inside another.
//!
//! A search gives each pattern the matches that it would have alone; here a match uses up its text for all. What a
//! pattern means is the same, line by line.

use std::ops::Range;

use grep_matcher::{LineMatchKind, Matcher};
use memchr::{memchr, memrchr};

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
        Self { patterns, text, piece: None, next_piece: 0, at: 0, last_end: None, next }
    }

    /// The next line that may have a match, without its `\n`; everything, once, if matches may span lines.
    fn find_piece(&self) -> Option<Range<usize>> {
        let from = self.next_piece;
        if from >= self.text.len() {
            return None;
        }
        if self.patterns.is_multiline() {
            return Some(from..self.text.len());
        }
        let start = if self.patterns.method() == Method::EveryLine {
            from
        } else {
            let found = self.patterns.any().find_candidate_line(&self.text[from..]).ok().flatten()?;
            let (LineMatchKind::Confirmed(at) | LineMatchKind::Candidate(at)) = found;
            memrchr(b'\n', &self.text[from..from + at]).map_or(from, |line| from + line + 1)
        };
        // A match after the last `\n` of all lies in no line.
        (start < self.text.len())
            .then(|| start..memchr(b'\n', &self.text[start..]).map_or(self.text.len(), |at| start + at))
    }

    /// The next match in this piece.
    fn find_in(&mut self, piece: &Range<usize>) -> Option<Found> {
        // An empty match at the very end counts only where no line has ended there.
        let is_open_end = piece.end < self.text.len() || self.text.last() != Some(&b'\n');
        let before = piece.end + usize::from(is_open_end);
        for index in 0..self.next.len() {
            let is_behind = matches!(&self.next[index], Next::At(range) if !self.counts(range));
            if self.next[index] == Next::Unknown || is_behind {
                self.next[index] = self.find_one(index, piece.end, before);
            }
        }
        let known = self.next.iter().enumerate().filter_map(|(pattern, next)| match next {
            Next::At(range) => Some((range.start, pattern)),
            Next::Unknown | Next::Nowhere => None,
        });
        let (_, pattern) = known.min()?;
        let Next::At(range) = self.next[pattern].clone() else { return None };
        self.at = range.end;
        self.last_end = Some(range.end);
        Some(Found { pattern, range, text_end: piece.end })
    }

    /// One that begins in text that is used up does not, and no empty one where another has just ended.
    fn counts(&self, range: &Range<usize>) -> bool {
        range.start >= self.at && !(range.is_empty() && self.last_end == Some(range.start))
    }

    fn find_one(&self, index: usize, text_end: usize, before: usize) -> Next {
        let text = &self.text[..text_end];
        let pattern = self.patterns.pattern(index);
        let mut from = self.at;
        while from <= text.len() {
            let Some(found) = pattern.find(text, from).filter(|found| found.start < before) else { break };
            if self.counts(&found) && !(found.is_empty() && is_inside_character(text, found.start)) {
                return Next::At(found);
            }
            from = found.start.max(from) + 1;
        }
        Next::Nowhere
    }
}

impl Iterator for Matches<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let piece = if let Some(piece) = &self.piece {
                piece.clone()
            } else {
                let piece = self.find_piece()?;
                self.at = piece.start;
                self.last_end = None;
                self.next.fill(Next::Unknown);
                self.piece.insert(piece).clone()
            };
            if let Some(found) = self.find_in(&piece) {
                return Some(found);
            }
            self.piece = None;
            self.next_piece = piece.end + 1;
        }
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
        Matches::new(&patterns, text.as_bytes())
            .map(|found| (found.range.start, found.range.end, found.pattern))
            .collect()
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
}
