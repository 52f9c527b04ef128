//! Windows of a fixed size, for text that nobody wrote: as many lines as fit, and long lines in pieces.

use std::ops::Range;

use text_splitter::ChunkSizer;

use super::ChunkOptions;
use super::measure::Measure;

/// The longest text in bytes that may be one chunk: a token is a few characters.
fn most_bytes(options: &ChunkOptions) -> usize {
    let unit = match options.measure {
        Measure::Characters => 4,
        Measure::Tokens(_) => 8,
    };
    options.chunk_size * unit
}

/// The windows of a text, without the white space around them.
pub fn spans(text: &str, options: &ChunkOptions) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = start + length(&text[start..], options);
        let window = &text[start..end];
        let trimmed = window.trim_start();
        let from = end - trimmed.len();
        let trimmed = trimmed.trim_end();
        if !trimmed.is_empty() {
            spans.push(from..from + trimmed.len());
        }
        let back = overlap(&text[start..end], options);
        start = if end == text.len() { end } else { end - back };
    }
    spans
}

/// How much of `text` is the next window: at least one character.
fn length(text: &str, options: &ChunkOptions) -> usize {
    let fits = |length: usize| options.measure.size(&text[..length]) <= options.chunk_size;
    let mut length = text.floor_char_boundary(most_bytes(options).min(text.len()));
    if !fits(length) {
        if matches!(options.measure, Measure::Characters) {
            length = text.char_indices().nth(options.chunk_size).map_or(text.len(), |(at, _)| at);
        } else {
            // The number of tokens grows with the text, by and large: the longest beginning that fits is found by halves.
            let (mut low, mut high) = (0, length);
            while high - low > 1 {
                let middle = text.floor_char_boundary(low.midpoint(high));
                if middle <= low {
                    break;
                }
                if fits(middle) {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            length = low;
        }
    }
    let first = text.chars().next().map_or(0, char::len_utf8);
    let length = length.max(first);
    if length == text.len() {
        return length;
    }
    text[..length].rfind('\n').map_or(length, |newline| newline + 1)
}

/// How much of a window the next one shows again.
fn overlap(window: &str, options: &ChunkOptions) -> usize {
    if options.overlap == 0 {
        return 0;
    }
    let unit = match options.measure {
        Measure::Characters => 1,
        Measure::Tokens(_) => 2,
    };
    let characters = options.overlap * unit;
    let from = window.char_indices().rev().nth(characters.saturating_sub(1)).map_or(0, |(at, _)| at);
    // Never so much that nothing is won.
    window.len() - from.max(window.ceil_char_boundary(window.len().div_ceil(2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_line_is_cut_into_windows_of_the_size() {
        let options = ChunkOptions { chunk_size: 10, ..ChunkOptions::default() };
        assert_eq!(spans(&"x".repeat(25), &options), [0..10, 10..20, 20..25]);
        assert_eq!(spans("ab\ncd\nefghijklmnop\n", &options), [0..5, 6..16, 16..18]);
    }

    #[test]
    fn half_a_window_is_shown_again_at_most_and_no_character_is_cut() {
        let options = ChunkOptions { chunk_size: 3, overlap: 2, ..ChunkOptions::default() };
        assert_eq!(spans("b\u{e9}bb", &options), [0..4, 3..5]);
        assert_eq!(spans("\u{6f22}\u{5b57}\u{6f22}\u{5b57}", &options), [0..9, 6..12]);
    }

    proptest! {
        #[test]
        fn every_character_stands_in_a_window(text in "[a-d é\\n]{0,200}", chunk_size in 1_usize..20, overlap in 0_usize..19) {
            let options = ChunkOptions { chunk_size, overlap: overlap.min(chunk_size - 1), ..ChunkOptions::default() };
            let mut covered = vec![false; text.len()];
            for span in spans(&text, &options) {
                prop_assert!(text[span.clone()].chars().count() <= chunk_size);
                prop_assert_eq!(text[span.clone()].trim(), &text[span.clone()]);
                covered[span].fill(true);
            }
            for (at, character) in text.char_indices() {
                prop_assert!(covered[at] || character.is_whitespace());
            }
        }
    }
}
