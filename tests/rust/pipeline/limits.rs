//! Limits on hits: the first rows in the table's order, and a ledger that says which files were cut.

use proptest::prelude::*;
use vespera_file_ops::scan::{ScanOptions, SearchOptions, Selection};
use vespera_file_ops::table::Table;

use super::{oracle, run};

const HIT: [&str; 3] = ["relative_path", "line_number", "start_byte"];

/// What the ledger must say when only `most` hits are taken: path, status, hits.
fn ledger(dir: &std::path::Path, counts: &[(String, u64)], most: u64) -> Vec<Vec<String>> {
    let mut left = most;
    let binary: Vec<_> = oracle::files(dir)
        .iter()
        .map(|found| {
            let path = dir.join(vespera_file_ops::io::root::path_bytes::to_path(&found.exact).unwrap());
            std::fs::read(path).unwrap().contains(&0)
        })
        .collect();
    let of_one = |((path, hits), binary): (&(String, u64), bool)| {
        let taken = (*hits).min(left);
        let status = match (left, binary) {
            (0, _) => "limit",
            _ if *hits > left => "limit",
            (_, true) => "binary",
            _ => "searched",
        };
        left -= taken;
        vec![path.clone(), status.to_owned(), taken.to_string()]
    };
    counts.iter().zip(binary).map(of_one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: run::cases(48), ..ProptestConfig::default() })]

    #[test]
    fn max_hits_gives_the_first_rows_and_an_exact_ledger(files in run::files(), n in 0_u64..40) {
        let dir = run::tree(&files);
        let (hits, counts) = oracle::hits(dir.path());
        let first = &hits[..usize::try_from(n).unwrap().min(hits.len())];
        for (threads, ordered) in [(1, true), (2, true), (8, true), (8, false)] {
            let options = ScanOptions { threads: Some(threads), ordered, ..run::at(dir.path()) };
            let request = run::search(&options, SearchOptions { max_hits: Some(n), ..run::needle() });
            let both = run::run(&request, &[Table::Hits, Table::Coverage]);
            prop_assert_eq!(both.rows(Table::Hits, &HIT), first);
            let expected = ledger(dir.path(), &counts, n);
            prop_assert_eq!(&both.rows(Table::Coverage, &["relative_path", "status", "hits"]), &expected);
            prop_assert_eq!(both.summary.hits, first.len() as u64);
            prop_assert_eq!(both.summary.found(), counts.len() as u64);
            let ledger_alone = run::run(&request, &[Table::Coverage]);
            prop_assert_eq!(&ledger_alone.rows(Table::Coverage, &["relative_path", "status", "hits"]), &expected);
            // Everything of a row is the same at every number of threads, also what was not searched.
            prop_assert!(both.column(Table::Coverage, "size").iter().all(|size| !size.is_empty()));
            if ordered {
                prop_assert_eq!(run::run(&request, &[Table::Hits]).rows(Table::Hits, &HIT), first);
            }
        }
    }

    #[test]
    fn max_hits_under_a_mask_counts_only_what_passes(files in run::files(), n in 1_u64..10) {
        let dir = run::tree(&files);
        let (hits, _) = oracle::hits(dir.path());
        let passes = |path: &str| path.rsplit('/').next().unwrap().len() == 1;
        let expected: Vec<_> =
            hits.iter().filter(|row| passes(&row[0])).take(usize::try_from(n).unwrap()).cloned().collect();
        let request = run::search(&run::at(dir.path()), SearchOptions { max_hits: Some(n), ..run::needle() });
        let selection = Selection {
            mask_columns: Some(vec!["name".to_owned()]),
            ..run::selection(&request, &[Table::Hits, Table::Coverage])
        };
        let given = run::run_with(&request, &selection, |rows| {
            let of = |row| run::text(rows.column(0), row);
            (0..rows.num_rows()).map(|row| passes(&of(row))).collect()
        });
        prop_assert_eq!(given.rows(Table::Hits, &HIT), expected);
        prop_assert!(given.column(Table::Coverage, "relative_path").iter().all(|path| passes(path)));
    }

    #[test]
    fn max_hits_per_file_cuts_each_file(files in run::files(), n in 0_u64..4) {
        let dir = run::tree(&files);
        let (_, counts) = oracle::hits(dir.path());
        let request = run::search(&run::at(dir.path()), SearchOptions { max_hits_per_file: Some(n), ..run::needle() });
        let given = run::run(&request, &[Table::Hits, Table::Coverage]);
        let expected: Vec<_> = counts.iter().map(|(path, hits)| vec![path.clone(), (*hits).min(n).to_string()]).collect();
        prop_assert_eq!(given.rows(Table::Coverage, &["relative_path", "hits"]), expected);
        for (row, (_, hits)) in given.column(Table::Coverage, "status").iter().zip(&counts) {
            prop_assert_eq!(row == "limit", *hits > n);
        }
        let rows: u64 = counts.iter().map(|(_, hits)| (*hits).min(n)).sum();
        prop_assert_eq!(given.rows(Table::Hits, &HIT).len() as u64, rows);
    }
}

/// Results of a folder's later files fill all room that waiting results have, while an earlier folder is still to be
/// listed: the only worker must not wait for itself.
#[test]
fn many_hits_before_an_unlisted_folder_do_not_stop_the_flow() {
    // So many that the schedule sees no need to walk further ahead.
    const FILES: usize = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let line = format!("needle {}\n", "x".repeat(2000));
    for at in 0..FILES {
        std::fs::write(dir.path().join(format!("z{at:05}")), if at < 300 { line.repeat(150) } else { String::new() })
            .unwrap();
    }
    for at in 0..10 {
        std::fs::create_dir(dir.path().join(format!("a{at}"))).unwrap();
    }
    std::fs::write(dir.path().join("a0/f"), "needle\n").unwrap();
    for threads in [1, 2] {
        let options = ScanOptions { threads: Some(threads), ..run::at(dir.path()) };
        for ordered in [true, false] {
            let options = ScanOptions { ordered, ..options.clone() };
            let given = run::run(&run::search(&options, run::needle()), &[Table::Hits, Table::Coverage]);
            assert_eq!(given.summary.hits, 300 * 150 + 1);
        }
    }
}

/// One span holds more than may wait, and a limit far away makes the ledger exact.
#[test]
fn a_limit_among_more_hits_than_may_wait_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    let line = format!("needle {}\n", "x".repeat(1000));
    for at in 0..40 {
        std::fs::write(dir.path().join(format!("f{at:02}")), line.repeat(5000)).unwrap();
    }
    for (threads, most) in [(1, 1_000_000), (2, 150_001), (8, 199_999), (2, 200_000), (1, 5000)] {
        let options = ScanOptions { threads: Some(threads), ..run::at(dir.path()) };
        let request = run::search(&options, SearchOptions { max_hits: Some(most), ..run::needle() });
        let given = run::run(&request, &[Table::Hits, Table::Coverage]);
        let rows: usize = given.batches.iter().filter(|(of, _)| *of == Table::Hits).map(|(_, b)| b.num_rows()).sum();
        assert_eq!(rows as u64, most.min(200_000));
        assert_eq!(given.numbers(Table::Coverage, "hits").iter().sum::<u64>(), most.min(200_000));
        assert_eq!(given.column(Table::Coverage, "relative_path").len(), 40);
        assert_eq!(given.summary.hit_limit_reached, most <= 200_000);
    }
}
