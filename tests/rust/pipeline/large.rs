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
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn sharing_changes_nothing(
        lines in lines(),
        nul in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        open_end in any::<bool>(),
        invert_match in prop::bool::weighted(0.2),
        max_hits_per_file in prop::option::weighted(0.2, 1_u64..300),
    ) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("large"), content(&lines, nul, open_end)).unwrap();
        // A file that has just been written is waited for.
        std::thread::sleep(Duration::from_millis(60));
        let search = SearchOptions { invert_match, max_hits_per_file, ..run::needle() };
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
