//! A text of any length, in parts of a bounded one: each ends where something new begins, if there is such a place.

use memchr::{memchr, memrchr, memrchr_iter};

use super::ChunkOptions;
use super::language::Language;
use super::measure::Measure;

/// Splitting text takes quadratic time, so that a part must be far shorter than a long file, and far longer than a chunk.
/// (64 KiB of C as plain text took 0.6 ms, 256 KiB 7 ms.)
const TEXT_BYTES: usize = 64 << 10;
/// Code is cut in linear time, and a parser loses more of it by a cut. (Tables of numbers in C were chunked at 1.3 MB/s in
/// parts of 64 KiB, at 5.2 MB/s in parts of a megabyte.)
const CODE_BYTES: usize = 1 << 20;
/// and at least so many chunks.
const CHUNKS_A_PART: usize = 8;
/// Bytes of text in a token, for a bound: it is about four.
const BYTES_A_TOKEN: usize = 4;

/// Where parts end.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    most_bytes: usize,
    overlap_bytes: usize,
}

/// One part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where it ends.
    pub end: usize,
    /// Where the next one begins: at its end, or before it where chunks overlap.
    pub next: usize,
    /// Whether something begins behind it. Else what follows is the rest of something, whose syntax does not show: a parser
    /// takes six times as long for it, and finds nothing.
    pub is_whole: bool,
}

impl Parts {
    /// The parts of a text in this language for chunks with these options.
    #[must_use]
    pub fn new(options: &ChunkOptions, language: Option<Language>) -> Self {
        let most_bytes = if language.is_some_and(Language::is_code) { CODE_BYTES } else { TEXT_BYTES };
        let unit = match options.measure {
            Measure::Characters => 1,
            Measure::Tokens(_) => BYTES_A_TOKEN,
        };
        Self {
            most_bytes: most_bytes.max(CHUNKS_A_PART * options.chunk_size * unit),
            overlap_bytes: options.overlap * unit,
        }
    }

    /// The first part of `text`. Nothing: more of the text is needed. `is_end`: there is no more.
    #[must_use]
    pub fn first(&self, text: &[u8], is_end: bool) -> Option<Part> {
        if text.len() <= self.most_bytes {
            return is_end.then_some(Part { end: text.len(), next: text.len(), is_whole: true });
        }
        let (end, is_whole) = self.end(text);
        Some(Part { end, next: self.overlapping(&text[..end]), is_whole })
    }

    /// Where the part ends, and whether something begins there.
    fn end(&self, text: &[u8]) -> (usize, bool) {
        let most = self.most_bytes;
        let late = most / 2;
        // Behind an empty line, where something begins that is not indented.
        let begins = |newline: &usize| {
            let after = newline + 1;
            text[newline.saturating_sub(1)] == b'\n'
                && !matches!(text[after], b' ' | b'\t' | b'\r' | b'\n' | b'}' | b')' | b']')
        };
        let newlines = || memrchr_iter(b'\n', &text[..most]).take_while(|at| *at >= late);
        if let Some(newline) = newlines().find(begins) {
            return (newline + 1, true);
        }
        if let Some(newline) = newlines().next() {
            return (newline + 1, false);
        }
        // One long line: at a character's boundary, if this is UTF-8.
        (most - 3..=most).rev().find(|at| text[*at] & 0xC0 != 0x80).map_or((most, false), |at| (at, false))
    }

    /// The first line behind `end - overlap`.
    fn overlapping(&self, part: &[u8]) -> usize {
        if self.overlap_bytes == 0 {
            return part.len();
        }
        let from = part.len().saturating_sub(self.overlap_bytes);
        let starts_line = memrchr(b'\n', &part[..from]).is_some_and(|newline| newline + 1 == from);
        if starts_line {
            return from;
        }
        memchr(b'\n', &part[from..]).map_or(part.len(), |newline| from + newline + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_where_something_begins() {
        let parts = Parts::new(&ChunkOptions::default(), None);
        let body = "    x = 1\n".repeat(1000);
        let text = format!("def a():\n{body}\n    y = 2\n\ndef b():\n{body}").repeat(10);
        let mut at = 0;
        while let Some(part) = parts.first(&text.as_bytes()[at..], true)
            && part.end > 0
        {
            assert!(part.end <= TEXT_BYTES && part.next == part.end);
            at += part.next;
            assert!(at == text.len() || text[at..].starts_with("def "), "{:?}", &text[at..at + 20]);
        }
        assert_eq!(at, text.len());
    }

    #[test]
    fn what_is_read_so_far_changes_nothing() {
        let parts = Parts::new(&ChunkOptions { overlap: 30, ..ChunkOptions::default() }, None);
        let text = "some line of text\n\nanother\n".repeat(10_000);
        let all = parts.first(text.as_bytes(), true);
        assert_eq!(parts.first(&text.as_bytes()[..TEXT_BYTES], false), None);
        for read in [TEXT_BYTES + 1, TEXT_BYTES + 100, text.len()] {
            assert_eq!(parts.first(&text.as_bytes()[..read], false), all);
        }
        let Some(part) = all else { panic!("no part") };
        assert!(part.next < part.end && part.next + 30 >= part.end);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let parts = Parts::new(&ChunkOptions::default(), None);
        let text = "é".repeat(TEXT_BYTES);
        let part = parts.first(format!("x{text}").as_bytes(), true).map(|part| part.end);
        assert_eq!(part, Some(TEXT_BYTES - 1));
    }
}
