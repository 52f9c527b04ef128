//! A large file that is searched by several threads gives what one thread finds in all of it at once.

use std::time::Duration;

use proptest::prelude::*;
use vespera_file_ops::io::strategy::{Strategy as Reader, Thresholds};
use vespera_file_ops::scan::{ScanOptions, SearchOptions};
use vespera_file_ops::table::Table;

use super::run;

/// Lines of a file of some megabytes: how long each is, and what it holds.
fn lines() -> impl Strategy<Value = Vec<(usize, Option<u8>)>> {
    let length = prop_oneof![200 => 0_usize..200, 20 => 1_000_usize..60_000, 1 => 200_000_usize..300_000];
    let holds = prop_oneof![6 => Just(None), 3 => Just(Some(b'n')), 1 => Just(Some(b'\r'))];
    prop::collection::vec((length, holds), 1_500..2_500)
}

/// What is asked where lines begin and end, and where the file does.
const PATTERNS: [&str; 8] = ["needle", "^", "$", r"\A-", "^-", "^.{0,3}$", r"\bneedle\b", r"-\r?$"];

/// A byte order mark is no part of the first line.
const BOM: &[u8] = b"\xEF\xBB\xBF";

fn content(lines: &[(usize, Option<u8>)], nul: Option<prop::sample::Index>, open_end: bool) -> Vec<u8> {
    let mut content = Vec::new();
    for &(length, holds) in lines {
        content.resize(content.len() + length, b'-');
        match holds {
            Some(b'n') => content.extend_from_slice("é needle needle".as_bytes()),
            other => content.extend(other),
        }
        content.push(b'\n');
    }
    if let Some(nul) = nul {
        *nul.get_mut(&mut content[..]) = 0;
    }
    if open_end {
        content.extend_from_slice(b"needle");
    }
    content
}

proptest! {
    #![proptest_config(ProptestConfig { cases: run::cases(24), ..ProptestConfig::default() })]

    #[test]
    fn sharing_changes_nothing(
        lines in lines(),
        nul in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        (open_end, bom) in any::<(bool, bool)>(),
        pattern in prop::sample::select(&PATTERNS[..]),
        invert_match in prop::bool::weighted(0.2),
        max_hits_per_file in prop::option::weighted(0.2, 1_u64..300),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut content = content(&lines, nul, open_end);
        content.splice(0..0, BOM.iter().filter(|_| bom).copied());
        std::fs::write(dir.path().join("large"), content).unwrap();
        // A file that has just been written is waited for.
        std::thread::sleep(Duration::from_millis(60));
        let mut search = SearchOptions { invert_match, max_hits_per_file, ..run::needle() };
        search.patterns.patterns = vec![pattern.to_owned()];
        search.patterns.fixed_strings = false;
        let given = |reader, threads| {
            let thresholds = Thresholds { forced: Some(reader), ..Thresholds::default() };
            let options = ScanOptions { thresholds, threads: Some(threads), ..run::at(dir.path()) };
            let given = run::run(&run::search(&options, search.clone()), &[Table::Hits, Table::Coverage]);
            let hits = ["line_number", "column_number", "start_byte", "end_byte", "matched", "line", "line_truncated"];
            let mut coverage = vec!["status", "hits", "matched_lines", "error"];
            if max_hits_per_file.is_none() {
                // How far a reader has seen when the limit is reached is its own affair.
                coverage.extend(["bytes_searched", "binary_offset"]);
            }
            (given.rows(Table::Hits, &hits), given.rows(Table::Coverage, &coverage), given.summary)
        };
        let (hits, coverage, summary) = given(Reader::Buffered, 1);
        for threads in [1, 2, 4] {
            let shared = given(Reader::Stream, threads);
            prop_assert!(shared.0 == hits, "{} hits instead of {}", shared.0.len(), hits.len());
            prop_assert_eq!(&shared.1, &coverage);
            prop_assert_eq!(shared.2.matched_lines, summary.matched_lines);
        }
    }
}

/// Each large file that is shared has a descriptor of its own, for as long as it is read and no longer.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "descriptors are counted in /proc")]
fn a_shared_file_is_closed_when_it_has_been_searched() {
    const TEST: &str = "pipeline::large::a_shared_file_is_closed_when_it_has_been_searched";
    if let Some(source) = std::env::var_os(run::CHILD) {
        let thresholds = Thresholds { forced: Some(Reader::Stream), ..Thresholds::default() };
        let options = ScanOptions { thresholds, threads: Some(1), ..run::at(source.as_ref()) };
        let request = run::search(&options, run::needle());
        let mut scan = request.start(&run::selection(&request, &[Table::Coverage])).unwrap();
        let given = run::drain(&mut scan, |_| unreachable!("no mask was asked for"));
        assert_eq!(given.column(Table::Coverage, "status"), ["searched"; 40]);
        let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
        assert!(open < 30, "{open} descriptors while the scan is still held");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for number in 0..40 {
        std::fs::write(dir.path().join(number.to_string()), b"a line\n".repeat(320_000)).unwrap();
    }
    run::again(TEST, dir.path(), None, "");
}

/// `\A` matches where the text begins, and that is behind the byte order mark.
#[test]
fn the_text_of_a_shared_file_begins_behind_its_mark() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("large"), [BOM, b"first\n", &b"a line\n".repeat(320_000)].concat()).unwrap();
    std::thread::sleep(Duration::from_millis(60));
    for (pattern, invert_match) in [(r"\Afirst", false), ("^first$", false), ("^(first|a line)", true)] {
        let mut search = SearchOptions { invert_match, ..run::needle() };
        search.patterns.patterns = vec![pattern.to_owned()];
        search.patterns.fixed_strings = false;
        let thresholds = Thresholds { forced: Some(Reader::Stream), ..Thresholds::default() };
        let options = ScanOptions { thresholds, ..run::at(dir.path()) };
        let given = run::run(&run::search(&options, search), &[Table::Hits]);
        let expected: &[[&str; 2]] = if invert_match { &[] } else { &[["1", "3"]] };
        assert_eq!(given.rows(Table::Hits, &["line_number", "start_byte"]), expected, "{pattern}");
    }
}
