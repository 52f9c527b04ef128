//! Random trees: the same rows as the oracle's, in the same order, at every number of threads.

use proptest::prelude::*;
use vespera_file_ops::table::Table;

use super::{oracle, run};

const HIT: [&str; 3] = ["relative_path", "line_number", "start_byte"];

fn with_threads(options: &vespera_file_ops::scan::ScanOptions, threads: usize) -> vespera_file_ops::scan::ScanOptions {
    vespera_file_ops::scan::ScanOptions { threads: Some(threads), ..options.clone() }
}

fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort();
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: run::cases(64), ..ProptestConfig::default() })]

    #[test]
    fn files_are_those_of_the_oracle(files in run::files()) {
        let dir = run::tree(&files);
        let expected: Vec<_> = oracle::walk(dir.path())
            .into_iter()
            .map(|found| vec![found.relative, found.kind.to_owned(), found.depth.to_string()])
            .collect();
        for threads in [1, 2, 8] {
            let options = with_threads(&run::at(dir.path()), threads);
            let given = run::run(&run::describe(&options), &[Table::Files]);
            prop_assert_eq!(&given.rows(Table::Files, &["relative_path", "kind", "depth"]), &expected);
            let unordered = vespera_file_ops::scan::ScanOptions { ordered: false, ..options };
            let given = run::run(&run::describe(&unordered), &[Table::Files]);
            let rows = given.rows(Table::Files, &["relative_path", "kind", "depth"]);
            prop_assert_eq!(sorted(rows), sorted(expected.clone()));
        }
    }

    #[test]
    fn hits_and_ledger_are_those_of_the_oracle(files in run::files()) {
        let dir = run::tree(&files);
        let (hits, counts) = oracle::hits(dir.path());
        let expected: Vec<_> = counts.iter().map(|(path, hits)| vec![path.clone(), hits.to_string()]).collect();
        for threads in [1, 2, 8] {
            let options = with_threads(&run::at(dir.path()), threads);
            let request = run::search(&options, run::needle());
            let given = run::run(&request, &[Table::Hits, Table::Coverage]);
            prop_assert_eq!(&given.rows(Table::Hits, &HIT), &hits);
            prop_assert_eq!(&given.rows(Table::Coverage, &["relative_path", "hits"]), &expected);
            prop_assert_eq!(given.summary.hits, hits.len() as u64);
            prop_assert_eq!(given.summary.found(), counts.len() as u64);
            prop_assert_eq!(&run::run(&request, &[Table::Hits]).rows(Table::Hits, &HIT), &hits);
            let alone = run::run(&request, &[Table::Coverage]);
            prop_assert_eq!(&alone.rows(Table::Coverage, &["relative_path", "hits"]), &expected);
            let unordered = vespera_file_ops::scan::ScanOptions { ordered: false, ..options };
            let given = run::run(&run::search(&unordered, run::needle()), &[Table::Hits, Table::Coverage]);
            prop_assert_eq!(sorted(given.rows(Table::Hits, &HIT)), sorted(hits.clone()));
            prop_assert_eq!(
                sorted(given.rows(Table::Coverage, &["relative_path", "hits"])),
                sorted(expected.clone())
            );
        }
    }

    #[test]
    fn the_first_rows_are_the_first_rows(files in run::files(), n in 0_u64..30) {
        let dir = run::tree(&files);
        let n_rows = usize::try_from(n).unwrap();
        let options = run::at(dir.path());
        for (request, table, columns) in [
            (run::describe(&options), Table::Files, vec!["relative_path"]),
            (run::search(&options, run::needle()), Table::Hits, HIT.to_vec()),
            (run::search(&options, run::needle()), Table::Coverage, vec!["relative_path", "status", "hits"]),
            (run::chunk(&options, run::chunking(20)), Table::Chunks, vec!["relative_path", "chunk", "text"]),
            (run::chunk(&options, run::chunking(20)), Table::Coverage, vec!["relative_path", "status", "hits"]),
        ] {
            let all = run::run(&request, &[table]).rows(table, &columns);
            let mut selection = run::selection(&request, &[table]);
            selection.n_rows = Some(n);
            let first = run::run_with(&request, &selection, |_| unreachable!());
            prop_assert_eq!(first.rows(table, &columns), &all[..n_rows.min(all.len())]);
        }
    }

    #[test]
    fn a_mask_leaves_what_passes(files in run::files(), keep in 0_usize..4) {
        let dir = run::tree(&files);
        let passes = |name: &str| keep > 0 && name.len().is_multiple_of(keep);
        let (hits, counts) = oracle::hits(dir.path());
        let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        for threads in [1, 8] {
            let request = run::search(&with_threads(&run::at(dir.path()), threads), run::needle());
            let mut selection = run::selection(&request, &[Table::Hits, Table::Coverage]);
            selection.mask_columns = Some(vec!["name".to_owned(), "size".to_owned()]);
            let given = run::run_with(&request, &selection, |rows| {
                let names = rows.column_by_name("name").unwrap();
                let of = |row| run::text(names, row);
                (0..rows.num_rows()).map(|row| passes(&of(row))).collect()
            });
            let expected: Vec<_> = hits.iter().filter(|row| passes(&name(&row[0]))).cloned().collect();
            prop_assert_eq!(given.rows(Table::Hits, &HIT), expected);
            let expected: Vec<_> =
                counts.iter().filter(|(path, _)| passes(&name(path))).map(|(path, _)| path.clone()).collect();
            prop_assert_eq!(given.column(Table::Coverage, "relative_path"), expected);
        }
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "names are text there, as far as Wine and macOS let them be made")]
fn names_that_are_no_utf8_keep_their_bytes() {
    let dir = run::tree(&[(vec![b"\xff".to_vec(), b"\xfe.txt".to_vec()], b"needle\n".to_vec())]);
    let given = run::run(&run::describe(&run::at(dir.path())), &[Table::Files]);
    let rows = given.rows(Table::Files, &["relative_path", "name", "extension", "path_bytes"]);
    assert_eq!(rows[1][..3], ["\u{fffd}/\u{fffd}.txt", "\u{fffd}.txt", "txt"]);
    assert!(rows[1][3].ends_with("ff, 2f, fe, 2e, 74, 78, 74]"), "{}", rows[1][3]);
    let given = run::run(&run::search(&run::at(dir.path()), run::needle()), &[Table::Hits]);
    assert_eq!(given.column(Table::Hits, "relative_path"), ["\u{fffd}/\u{fffd}.txt"]);
}
