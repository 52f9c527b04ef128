use std::ops::ControlFlow;

use proptest::prelude::*;

use super::*;
use crate::search::pattern::{PatternOptions, Patterns};
use crate::search::text::{Hit, HitSink, SearchOptions, TextSearcher};

/// A hit in terms of the file: pattern, start, end, line number, column, line, lines before, lines after.
#[derive(Debug, PartialEq, Eq, Clone)]
struct Row {
    pattern: Option<u32>,
    start: usize,
    end: usize,
    line_number: i64,
    column: i64,
    line: Vec<u8>,
    before: Vec<Vec<u8>>,
    after: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Rows {
    found: Vec<Row>,
    /// Where the window's text stands in the file.
    base: usize,
    context: usize,
}

impl HitSink for Rows {
    fn hit(&mut self, window: &Window<'_>, hit: &Hit<'_>) -> ControlFlow<()> {
        let text = window.text;
        let own = |lines: Lines<'_>| lines.map(|line| text[line].to_vec()).collect::<Vec<_>>();
        let prefix = if hit.line.start == 0 { window.line_prefix_chars } else { 0 };
        self.found.push(Row {
            pattern: hit.pattern,
            start: self.base + hit.matched.start,
            end: self.base + hit.matched.end,
            line_number: hit.line_number,
            column: prefix + count_chars(&text[hit.line.start..hit.matched.start]) + 1,
            line: text[hit.line.clone()].to_vec(),
            before: own(window.lines_before(hit.line.start, self.context)),
            after: own(window.lines_after(hit.line.end, self.context)),
        });
        ControlFlow::Continue(())
    }

    fn keep_going(&mut self) -> bool {
        true
    }
}

fn searcher(patterns: &[&str], invert_match: bool) -> TextSearcher {
    let patterns = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    let patterns = Patterns::compile(&PatternOptions { patterns, ..PatternOptions::default() }).unwrap();
    let mut searcher =
        TextSearcher::new(&patterns, SearchOptions { invert_match, line_numbers: true, ..SearchOptions::default() });
    searcher.begin_file();
    searcher
}

fn search_whole(searcher: &mut TextSearcher, text: &[u8], context: usize) -> (Vec<Row>, u64) {
    let mut sink = Rows { context, ..Rows::default() };
    searcher.begin_file();
    assert!(searcher.search(&Window::whole(text), &mut sink).is_continue());
    (sink.found, searcher.matched_lines())
}

/// Streams `text` in chunks of these sizes, over and over. Gives the largest buffer and the cuts, too.
fn search_stream(
    searcher: &mut TextSearcher,
    text: &[u8],
    mut windows: Windows,
    chunks: &[usize],
) -> (Vec<Row>, u64, usize, Vec<usize>) {
    let mut sink = Rows { context: windows.options.context, ..Rows::default() };
    let (mut buffer, mut largest, mut cuts, mut pushed) = (Vec::new(), 0, Vec::new(), 0);
    searcher.begin_file();
    for &chunk in chunks.iter().cycle() {
        let end = (pushed + chunk).min(text.len());
        buffer.extend_from_slice(&text[pushed..end]);
        pushed = end;
        largest = largest.max(buffer.len());
        while let Some(window) = windows.next(&buffer, pushed == text.len()) {
            if window.is_cut() {
                cuts.push(sink.base + window.search.end);
            }
            assert!(searcher.search(&window, &mut sink).is_continue());
        }
        let dropped = windows.discard(&buffer);
        buffer.drain(..dropped);
        sink.base += dropped;
        if pushed == text.len() {
            break;
        }
    }
    (sink.found, searcher.matched_lines(), largest, cuts)
}

fn pieces(newlines: bool) -> impl Strategy<Value = Vec<u8>> {
    let mut pieces: Vec<&[u8]> = vec![b"foo", b"a", b"b", b" ", "é".as_bytes(), "𝄞".as_bytes(), b"\xff", b"_", b"\r"];
    if newlines {
        pieces.extend([&b"\n"[..], b"\n", b"\r\n"]);
    }
    prop::collection::vec(prop::sample::select(pieces), 0..60).prop_map(|pieces| pieces.concat())
}

const PATTERNS: &[&[&str]] = &[
    &["foo"],
    &[".."],
    &[r"\w{3}", "(?-u:.){4}"],
    &["a"],
    &["[^a]"],
    &[""],
    &["^"],
    &["$"],
    &[r"\bfoo\b"],
    &[r"\B"],
    &["a|"],
    &["x*"],
    &["é"],
    &[r"\Aa"],
    &[r"a\z"],
    &["a$"],
    &[r"[a-z]oo\s"],
    &["foo", "o", "oo"],
    &["𝄞", "$", "^"],
    &["fo|foo", "foo a?"],
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn chunks_change_nothing(
        text in pieces(true),
        patterns in prop::sample::select(PATTERNS),
        chunks in prop::collection::vec(1_usize..12, 1..5),
        context in 0_usize..4,
        invert in any::<bool>(),
    ) {
        let mut searcher = searcher(patterns, invert);
        let windows = Windows::new(WindowOptions { context, line_numbers: true });
        let (rows, matched_lines, _, cuts) = search_stream(&mut searcher, &text, windows, &chunks);
        prop_assert_eq!((rows, matched_lines), search_whole(&mut searcher, &text, context));
        prop_assert!(cuts.is_empty());
    }

    #[test]
    fn a_cut_line_loses_no_short_match(
        text in pieces(true).prop_flat_map(|head| (Just(head), pieces(false), pieces(true)))
            .prop_map(|(head, long, tail)| [head, long, tail].concat()),
        patterns in prop::sample::select(PATTERNS),
        chunks in prop::collection::vec(1_usize..30, 1..5),
        invert in any::<bool>(),
    ) {
        let mut searcher = searcher(patterns, invert);
        let windows = Windows::with_limits(WindowOptions { context: 0, line_numbers: true }, 33, 12);
        let (rows, matched_lines, largest, cuts) = search_stream(&mut searcher, &text, windows, &chunks);
        let (expected, expected_lines) = search_whole(&mut searcher, &text, 0);
        prop_assert_eq!(matched_lines, expected_lines);
        let shown = |row: &Row| {
            // Where a line was cut, it is shown in part; without a match, only its last part is known. An invalid byte
            // sequence on the cut may count as one character or two.
            let start = if invert { 0 } else { row.start };
            let column = if invert || text.contains(&0xFF) { 0 } else { row.column };
            (row.pattern, start, row.end, row.line_number, column)
        };
        prop_assert_eq!(rows.iter().map(shown).collect::<Vec<_>>(), expected.iter().map(shown).collect::<Vec<_>>());
        let longest = text.split(|&byte| byte == b'\n').map(<[u8]>::len).max().unwrap();
        prop_assert_eq!(!cuts.is_empty(), longest > 33, "cut at {:?}, longest line {}", cuts, longest);
        prop_assert!(largest <= 33 + 12 + 3 + 30 + 1, "held {largest}");
    }
}

#[test]
fn a_needle_on_any_seam_is_found() {
    for needle in ["needle", "n\r\nx", "a𝄞b"] {
        for offset in -5_isize..=5 {
            let chunk: usize = 64;
            let at = chunk.checked_add_signed(offset - needle.len().cast_signed() / 2).unwrap();
            for filler in ["x", "yy\n"] {
                let mut text = filler.repeat(at).into_bytes();
                text.truncate(at);
                text.extend_from_slice(needle.as_bytes());
                text.extend_from_slice(b" tail\nend");
                for patterns in [&["needle"][..], &["n\r$", "𝄞"], &[r"\w+"]] {
                    let mut searcher = searcher(patterns, false);
                    let windows = Windows::new(WindowOptions { context: 1, line_numbers: true });
                    let (rows, lines, ..) = search_stream(&mut searcher, &text, windows, &[chunk]);
                    assert_eq!((rows, lines), search_whole(&mut searcher, &text, 1), "{needle:?} at {at}");
                }
            }
        }
    }
}

#[test]
fn a_giant_line_is_held_in_bounds() {
    let chunk = 8 << 20;
    let mut text = b"first\n".to_vec();
    text.resize(60 << 20, b'.');
    for cut in [16_usize << 20, 32 << 20, 48 << 20] {
        for shift in [0, OVERLAP_BYTES - 6, OVERLAP_BYTES + 20, 100] {
            text[cut - shift..][..6].copy_from_slice(b"needle");
        }
    }
    text.extend_from_slice(b"needle\nneedle\n");
    let mut searcher = searcher(&["needle"], false);
    let windows = Windows::new(WindowOptions { context: 2, line_numbers: true });
    let (rows, matched_lines, largest, cuts) = search_stream(&mut searcher, &text, windows, &[chunk]);
    let (expected, expected_lines) = search_whole(&mut searcher, &text, 0);
    let place = |row: &Row| (row.start, row.end, row.line_number, row.column);
    assert_eq!(rows.iter().map(place).collect::<Vec<_>>(), expected.iter().map(place).collect::<Vec<_>>());
    assert_eq!((matched_lines, rows.len()), (expected_lines, 14));
    assert_eq!(cuts[0], 6 + LINE_BYTES - OVERLAP_BYTES);
    assert!(largest <= LINE_BYTES + chunk + 2 * OVERLAP_BYTES, "held {largest}");
}
