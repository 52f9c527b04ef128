use std::ops::ControlFlow;

use grep_matcher::Matcher;
use grep_regex::RegexMatcherBuilder;
use proptest::prelude::*;

use super::*;
use crate::search::pattern::{CaseMatching, PatternOptions};

/// A hit as plain data: pattern, start, end, line start, line end, line number.
type Row = (Option<u32>, usize, usize, usize, usize, i64);

#[derive(Default)]
struct Rows {
    found: Vec<Row>,
    captures: Vec<Vec<CaptureSpan>>,
    asked: usize,
    stop_after_asking: Option<usize>,
}

impl HitSink for Rows {
    fn hit(&mut self, window: &Window<'_>, hit: &Hit<'_>) -> ControlFlow<()> {
        assert!(hit.line.end <= window.text.len() && hit.matched.end <= window.text.len());
        let Range { start, end } = hit.matched;
        self.found.push((hit.pattern, start, end, hit.line.start, hit.line.end, hit.line_number));
        self.captures.push(hit.captures.to_vec());
        ControlFlow::Continue(())
    }

    fn keep_going(&mut self) -> bool {
        self.asked += 1;
        self.stop_after_asking.is_none_or(|most| self.asked <= most)
    }
}

const COUNTED: SearchOptions =
    SearchOptions { invert_match: false, captures: false, line_numbers: true, max_hits: None };

fn options(patterns: &[&str]) -> PatternOptions {
    PatternOptions { patterns: patterns.iter().map(|&p| p.to_owned()).collect(), ..PatternOptions::default() }
}

fn searcher(options: &PatternOptions, search: SearchOptions, block_bytes: usize) -> TextSearcher {
    let mut searcher = TextSearcher::new(&Patterns::compile(options).unwrap(), search);
    searcher.block_bytes = block_bytes;
    searcher.begin_file();
    searcher
}

fn rows(options: &PatternOptions, search: SearchOptions, text: &[u8]) -> Vec<Row> {
    let mut sink = Rows::default();
    assert!(searcher(options, search, BLOCK_BYTES).search(&Window::whole(text), &mut sink).is_continue());
    sink.found
}

fn matched<'t>(patterns: &[&str], text: &'t str) -> Vec<&'t str> {
    rows(&options(patterns), COUNTED, text.as_bytes()).iter().map(|row| &text[row.1..row.2]).collect()
}

/// The lines of a text: start, and end without the `\n`.
fn lines_of(text: &[u8]) -> Vec<(usize, usize)> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let end = start + line.len();
        lines.push((start, if line.ends_with(b"\n") { end - 1 } else { end }));
        start = end;
    }
    lines
}

/// What the contract says, as directly as it can be said: each pattern for itself, each line for itself.
fn oracle(options: &PatternOptions, invert: bool, text: &[u8]) -> (Vec<Row>, u64) {
    let matchers: Vec<_> = options
        .patterns
        .iter()
        .map(|pattern| {
            RegexMatcherBuilder::new()
                .multi_line(true)
                .line_terminator(if options.multiline { None } else { Some(b'\n') })
                .fixed_strings(options.fixed_strings)
                .case_smart(options.case == CaseMatching::Smart)
                .case_insensitive(options.case == CaseMatching::Insensitive)
                .word(options.whole_word)
                .build(pattern)
                .unwrap()
        })
        .collect();
    let lines = lines_of(text);
    let ends_open = !text.is_empty() && !text.ends_with(b"\n");
    let mut found: Vec<(usize, usize, u32)> = Vec::new();
    for (index, matcher) in (0..).zip(&matchers) {
        let mut add = |hay: &[u8], from: usize| {
            matcher.find_iter_at(hay, from, |m| {
                if m.start() < text.len() || ends_open {
                    found.push((m.start(), m.end(), index));
                }
                true
            })
        };
        if options.multiline {
            add(text, 0).unwrap();
        } else {
            for &(start, end) in &lines {
                add(&text[..end], start).unwrap();
            }
        }
    }
    found.sort_unstable();
    let line_at = |at: usize| lines.iter().rposition(|line| line.0 <= at).unwrap();
    let content = |start: usize, end: usize| {
        let ends_crlf = end > start && end < text.len() && text[end - 1] == b'\r';
        if ends_crlf { end - 1 } else { end }
    };
    let spans: Vec<(usize, usize)> =
        found.iter().map(|&(start, end, _)| (line_at(start), line_at(end.saturating_sub(1).max(start)))).collect();
    let matching: Vec<bool> = if invert && !options.multiline {
        lines.iter().map(|line| matchers.iter().any(|m| m.is_match(&text[line.0..line.1]).unwrap())).collect()
    } else {
        (0..lines.len()).map(|line| spans.iter().any(|span| (span.0..=span.1).contains(&line))).collect()
    };
    let number = |line: usize| i64::try_from(line).unwrap() + 1;
    let rows: Vec<Row> = if invert {
        let unmatched = (0..lines.len()).filter(|&line| !matching[line]);
        unmatched
            .map(|line| {
                let (start, end) = (lines[line].0, content(lines[line].0, lines[line].1));
                (None, start, end, start, end, number(line))
            })
            .collect()
    } else {
        let each = found.iter().zip(&spans);
        each.map(|(&(start, end, pattern), &(first, last))| {
            let line_start = lines[first].0;
            (Some(pattern), start, end, line_start, content(line_start, lines[last].1), number(first))
        })
        .collect()
    };
    let matched_lines = matching.iter().filter(|&&is_match| is_match != invert).count();
    (rows, matched_lines as u64)
}

fn assert_as_oracle(options: &PatternOptions, text: &[u8], block_bytes: usize) {
    for invert_match in [false, true] {
        let search = SearchOptions { invert_match, ..COUNTED };
        let mut searcher = searcher(options, search, block_bytes);
        // Twice: the second search knows what the first one learnt.
        for _ in 0..2 {
            let mut sink = Rows::default();
            searcher.begin_file();
            assert!(searcher.search(&Window::whole(text), &mut sink).is_continue());
            let (expected, matched_lines) = oracle(options, invert_match, text);
            let shown = String::from_utf8_lossy(text);
            assert_eq!(sink.found, expected, "{options:?} invert {invert_match} block {block_bytes} in {shown:?}");
            assert_eq!(searcher.matched_lines(), matched_lines, "{options:?} invert {invert_match} in {shown:?}");
            assert_eq!(searcher.hits(), expected.len() as u64);
        }
    }
}

/// One of each kind that a search treats, or might wrongly treat, in its own way.
const PATTERNS: &[&str] = &[
    "foo",
    "a",
    "o",
    "FOO",
    "foo|fo",
    "fo|foo",
    "[^a]",
    "[^a]+",
    ".",
    ".+",
    ".*",
    "",
    "x*",
    "a*",
    "^",
    "$",
    "^$",
    "^a",
    "a$",
    r"foo\s+bar",
    r"\s",
    r"\s*",
    r"\bfoo\b",
    r"\b",
    r"\B",
    r"\w+",
    r"(?-u)\w+",
    r"\W",
    r"(?i)FOO",
    r"\Aa",
    r"a\z",
    r"\A",
    r"\z",
    r"(?-m)^a",
    r"é",
    r"\p{L}+",
    r"(?i)É",
    "[é-ü]",
    r"(?-u)\xff",
    r"(?-u)[\x80-\xff]",
    r"\r",
    "o$",
    r"a\r$",
    r"\w+o\w*",
    r"[a-z]oo\s",
    r"\s+(foo|bar)",
    "(a)(b)?",
    "(?s).",
    "(?s).*[^a-z]|[a-z]",
    "a|",
    "|a",
    r"(?m)^\s*a",
    r"\b{start}f",
    r"(?R)o$",
];

fn texts() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"foo"[..],
        b"bar",
        b"a",
        b"b",
        b"x",
        b" ",
        b"\t",
        b"\n",
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        "é".as_bytes(),
        b"\xff",
        b"\xc3",
        b"A",
        b"FOO",
        b"_",
        b"-",
        b"\0",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn cases() -> impl Strategy<Value = PatternOptions> {
    let case = prop::sample::select(vec![CaseMatching::Sensitive, CaseMatching::Insensitive, CaseMatching::Smart]);
    (prop::collection::vec(prop::sample::select(PATTERNS), 1..4), case, any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(patterns, case, whole_word, fixed_strings, multiline)| PatternOptions {
            patterns: patterns.into_iter().map(str::to_owned).collect(),
            fixed_strings,
            case,
            whole_word,
            multiline,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn hits_are_what_the_contract_says(options in cases(), text in texts(), block in 1_usize..50) {
        assert_as_oracle(&options, &text, block);
        assert_as_oracle(&options, &text, BLOCK_BYTES);
    }
}

#[test]
fn every_pattern_alone_is_what_the_contract_says() {
    let text = b"foo bar a\r\nFOO\n\nafoo_\xff\xc3 \xc3\xa9t\xc3\xa9 foo\tbar\r\na\n a fooo\x00o\nba\nfoo";
    for pattern in PATTERNS {
        for (whole_word, multiline) in [(false, false), (true, false), (false, true)] {
            for end in [0, 1, 9, 11, 16, text.len() - 3, text.len()] {
                let options = PatternOptions { whole_word, multiline, ..options(&[pattern]) };
                assert_as_oracle(&options, &text[..end], 7);
            }
        }
    }
}

#[test]
fn an_inner_literal_finds_the_candidate_lines() {
    let options = options(&[r"\s+(Sherlock|[A-Z]atso[a-z]|Moriarty)\s+"]);
    let text = b"- atso -\n- Watson -\n\nx Moriarty\nMoriarty x\na Sherlock b Watsom c";
    let mut searcher = searcher(&options, COUNTED, 10);
    assert!(searcher.search(&Window::whole(text), &mut Rows::default()).is_continue());
    assert_eq!((searcher.has_candidates, searcher.hits()), (Some(true), 3));
    assert_as_oracle(&options, text, 10);
}

#[test]
fn several_patterns_hide_nothing_of_each_other() {
    assert_eq!(matched(&["foobar", "oba", "foo"], "foobar\n"), ["foo", "foobar", "oba"]);
    let rows = rows(&options(&["b", "a", "b"]), COUNTED, b"ab\n");
    let order: Vec<_> = rows.iter().map(|row| (row.1, row.2, row.0)).collect();
    assert_eq!(order, [(0, 1, Some(1)), (1, 2, Some(0)), (1, 2, Some(2))]);
}

#[test]
fn lines_end_as_in_ripgrep() {
    assert_eq!(matched(&["hello$"], "hello\r\nhello\n"), ["hello"]);
    assert_eq!(matched(&[".+"], "a\r\nb"), ["a\r", "b"]);
    assert_eq!(rows(&options(&[".+"]), COUNTED, b"a\r\n"), [(Some(0), 0, 2, 0, 1, 1)]);
    assert_eq!(rows(&options(&["$"]), COUNTED, b"a\n"), [(Some(0), 1, 1, 0, 1, 1)]);
    assert_eq!(rows(&options(&["$"]), COUNTED, b"a"), [(Some(0), 1, 1, 0, 1, 1)]);
    assert_eq!(rows(&options(&["x*"]), COUNTED, b""), []);
}

#[test]
fn a_match_over_lines_shows_all_of_them() {
    let across = |pattern: &str| PatternOptions { multiline: true, ..options(&[pattern]) };
    assert_eq!(rows(&across(r"b\nc"), COUNTED, b"a\nxb\ncy\r\nd\n"), [(Some(0), 3, 6, 2, 7, 2)]);
    assert_eq!(rows(&across(r"a\n"), COUNTED, b"a\nb\n"), [(Some(0), 0, 2, 0, 1, 1)]);
    let invert = SearchOptions { invert_match: true, ..COUNTED };
    assert_eq!(rows(&across(r"b\nc"), invert, b"a\nb\nc\nd\n"), [(None, 0, 1, 0, 1, 1), (None, 6, 7, 6, 7, 4)]);
}

#[test]
fn captures_are_found_for_each_hit() {
    let search = SearchOptions { captures: true, ..COUNTED };
    for patterns in [&["(a)(b)?"][..], &["(a)(b)?", "zzz"]] {
        let mut sink = Rows::default();
        let _ = searcher(&options(patterns), search, 4).search(&Window::whole(b"xab\n\na\n"), &mut sink);
        let spans: Vec<Vec<Option<Range<usize>>>> =
            sink.captures.iter().map(|groups| groups.iter().map(|span| span.range.clone()).collect()).collect();
        assert_eq!(spans, [[Some(1..2), Some(2..3)], [Some(5..6), None]]);
        assert_eq!(sink.captures[0][1].group, 2);
    }
}

#[test]
fn the_limit_is_reached_only_if_something_was_left() {
    for (most, reached) in [(1, true), (2, true), (3, false), (4, false)] {
        let mut searcher = searcher(&options(&["a"]), SearchOptions { max_hits: Some(most), ..COUNTED }, BLOCK_BYTES);
        let mut sink = Rows::default();
        let flow = searcher.search(&Window::whole(b"a\nba\na"), &mut sink);
        assert_eq!((flow.is_break(), searcher.limit_reached()), (reached, reached));
        assert_eq!(sink.found.len() as u64, most.min(3));
        searcher.begin_file();
        assert!(!searcher.limit_reached() && searcher.hits() == 0);
    }
}

#[test]
fn a_costly_pattern_can_be_stopped_inside_one_line() {
    let line = vec![b'a'; 200 << 10];
    for patterns in [&["(?s).*[^a-z]|[a-z]"][..], &["(?s).*[^a-z]|[a-z]", "zzz"]] {
        for multiline in [false, true] {
            let options = PatternOptions { multiline, ..options(patterns) };
            let mut sink = Rows { stop_after_asking: Some(20), ..Rows::default() };
            assert!(searcher(&options, COUNTED, BLOCK_BYTES).search(&Window::whole(&line), &mut sink).is_break());
            assert!(sink.found.len() < 100, "{} hits before it stopped", sink.found.len());
        }
    }
}

#[test]
fn a_search_without_hits_is_asked_once_a_block() {
    let text = b"nothing here\n".repeat(400_000);
    let mut sink = Rows::default();
    assert!(
        searcher(&options(&["absent"]), COUNTED, BLOCK_BYTES).search(&Window::whole(&text), &mut sink).is_continue()
    );
    assert!((4..=6).contains(&sink.asked), "asked {} times", sink.asked);
}
