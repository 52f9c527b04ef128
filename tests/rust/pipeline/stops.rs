//! Time limits, cancellation and dropping: what is finished stands, the rest is accounted for, and threads end.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use vespera_file_ops::scan::{CancelToken, ScanOptions, SearchOptions, Selection};
use vespera_file_ops::table::Table;

use super::{oracle, run};

fn wide_tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for folder in 0..60 {
        let folder = dir.path().join(format!("d{folder:02}/sub"));
        std::fs::create_dir_all(&folder).unwrap();
        for file in 0..40 {
            std::fs::write(folder.join(format!("f{file:02}")), "needle in a line\n".repeat(200)).unwrap();
            std::fs::write(folder.parent().unwrap().join(format!("g{file:02}")), "needle\n").unwrap();
        }
    }
    dir
}

/// Each file stands in the ledger exactly once, by itself or by the folder that was not reached.
fn assert_accounted(dir: &std::path::Path, given: &run::Given) {
    let rows = given.rows(Table::Coverage, &["relative_path", "kind", "status", "hits"]);
    let mut folders = HashSet::new();
    let mut files = HashSet::new();
    for row in &rows {
        if row[1] == "dir" {
            assert_eq!(row[2], "not_reached");
            assert!(folders.insert(row[0].clone()), "{row:?} twice");
        } else {
            assert!(files.insert(row[0].clone()), "{row:?} twice");
        }
    }
    let root = dir.file_name().unwrap().to_string_lossy().into_owned();
    for found in oracle::files(dir) {
        let above = found.relative.match_indices('/').map(|(at, _)| &found.relative[..at]);
        let by_folder = above.filter(|folder| folders.contains(*folder)).count() + usize::from(folders.contains(&root));
        assert_eq!(by_folder + usize::from(files.contains(&found.relative)), 1, "{found:?}");
    }
    let rows_of = |table| given.column(table, "relative_path").len() as u64;
    let hits = rows_of(Table::Hits) + rows_of(Table::Chunks);
    assert_eq!(given.numbers(Table::Coverage, "hits").iter().sum::<u64>(), hits);
    assert_eq!(given.summary.hits, hits);
    assert_eq!(given.summary.found(), rows.len() as u64);
}

#[test]
fn a_time_limit_leaves_a_whole_ledger() {
    let dir = wide_tree();
    for threads in [1, 2, 8] {
        for micros in [0, 1, 200, 1000, 3000, 8000] {
            let time_limit = Some(Duration::from_micros(micros));
            let options = ScanOptions { threads: Some(threads), time_limit, ..run::at(dir.path()) };
            for max_hits in [None, Some(3000)] {
                let request = run::search(&options, SearchOptions { max_hits, ..run::needle() });
                let given = run::run(&request, &[Table::Hits, Table::Coverage]);
                assert_accounted(dir.path(), &given);
                let masked = Selection {
                    mask_columns: Some(vec!["size".to_owned()]),
                    ..run::selection(&request, &[Table::Hits, Table::Coverage])
                };
                let given = run::run_with(&request, &masked, |rows| vec![true; rows.num_rows()]);
                assert_accounted(dir.path(), &given);
                let given = run::run_with(&request, &masked, |rows| vec![false; rows.num_rows()]);
                assert_eq!(given.column(Table::Coverage, "path").len(), 0);
            }
            let request = run::chunk(&options, run::chunking(100));
            let given = run::run(&request, &[Table::Chunks, Table::Coverage]);
            assert_accounted(dir.path(), &given);
        }
    }
}

#[test]
fn cancelling_in_the_middle_leaves_a_whole_ledger() {
    let dir = wide_tree();
    for round in 0..20 {
        let cancel = CancelToken::default();
        let options = ScanOptions { threads: Some(1 + round % 8), cancel: cancel.clone(), ..run::at(dir.path()) };
        let (request, table) = if round % 2 == 0 {
            (run::search(&options, run::needle()), Table::Hits)
        } else {
            (run::chunk(&options, run::chunking(100)), Table::Chunks)
        };
        let mut scan = request.start(&run::selection(&request, &[table, Table::Coverage])).unwrap();
        let canceller = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(500 * round as u64));
            cancel.cancel();
        });
        let given = run::drain(&mut scan, |_| unreachable!());
        canceller.join().unwrap();
        assert_accounted(dir.path(), &given);
    }
}

#[test]
fn a_scan_that_nobody_reads_holds_bounded_memory_and_ends_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let content = "needle ".repeat(200_000);
    for at in 0..200 {
        std::fs::write(dir.path().join(format!("f{at:03}")), &content).unwrap();
    }
    let at = |ordered| ScanOptions { ordered, threads: Some(4), ..run::at(dir.path()) };
    let search = |ordered, max_hits| run::search(&at(ordered), SearchOptions { max_hits, ..run::needle() });
    let chunk = |ordered| run::chunk(&at(ordered), run::chunking(10));
    for (request, table) in [
        (search(true, None), Table::Hits),
        (search(false, None), Table::Hits),
        (search(true, Some(1 << 40)), Table::Hits),
        (chunk(true), Table::Chunks),
        (chunk(false), Table::Chunks),
    ] {
        let mut scan = request.start(&run::selection(&request, &[table, Table::Coverage])).unwrap();
        let mut before = scan.progress();
        let began = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(300));
            let now = scan.progress();
            if now == before {
                break;
            }
            before = now;
            assert!(began.elapsed() < Duration::from_secs(20), "nobody reads, and it goes on: {now:?}");
        }
        assert!(before.files < 200, "all {} files were searched for nobody", before.files);
        // Reading goes on where it stood.
        let _ = scan.next(Duration::from_secs(1)).unwrap();
        let began = Instant::now();
        drop(scan);
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }
}

#[test]
fn dropping_a_scan_at_any_time_ends_its_threads() {
    let dir = wide_tree();
    for round in 0..40 {
        let options = ScanOptions { threads: Some(4), ..run::at(dir.path()) };
        let request = run::search(&options, run::needle());
        let mut selection = run::selection(&request, &[Table::Hits]);
        if round % 2 == 0 {
            selection.mask_columns = Some(vec!["path".to_owned()]);
        }
        let mut scan = request.start(&selection).unwrap();
        std::thread::sleep(Duration::from_micros(100 * round));
        let _ = scan.next(Duration::from_millis(1)).unwrap();
        let began = Instant::now();
        drop(scan);
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }
}
