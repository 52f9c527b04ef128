//! Chunks of random trees: the same rows at every number of threads, and text that the caller extracts.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use vespera_file_ops::scan::{CancelToken, ChunkingOptions, Extracted, ScanOptions, Step};
use vespera_file_ops::table::Table;

use super::{oracle, run};

const CHUNK: [&str; 8] =
    ["relative_path", "chunk", "chunk_id", "text", "start_byte", "end_byte", "start_line", "end_line"];
const BOTH: [Table; 2] = [Table::Chunks, Table::Coverage];

proptest! {
    #![proptest_config(ProptestConfig { cases: run::cases(48), ..ProptestConfig::default() })]

    #[test]
    fn chunks_are_the_same_at_every_number_of_threads(files in run::files(), chunk_size in 1_usize..60) {
        let dir = run::tree(&files);
        let found: Vec<_> = oracle::files(dir.path()).into_iter().map(|found| found.relative).collect();
        let alone = ScanOptions { threads: Some(1), ..run::at(dir.path()) };
        let expected = run::run(&run::chunk(&alone, run::chunking(chunk_size)), &BOTH).rows(Table::Chunks, &CHUNK);
        for (threads, ordered) in [(2, true), (8, true), (8, false)] {
            let options = ScanOptions { threads: Some(threads), ordered, ..run::at(dir.path()) };
            let request = run::chunk(&options, run::chunking(chunk_size));
            let given = run::run(&request, &BOTH);
            let mut rows = given.rows(Table::Chunks, &CHUNK);
            let mut told = given.rows(Table::Coverage, &["relative_path", "hits"]);
            if !ordered {
                // The files come as they come; the chunks of one stay together, and in their order.
                let place = |row: &Vec<String>| found.iter().position(|path| *path == row[0]);
                rows.sort_by_key(place);
                told.sort_by_key(place);
            }
            prop_assert_eq!(&rows, &expected);
            prop_assert_eq!(told.len(), found.len());
            prop_assert_eq!(given.summary.hits, expected.len() as u64);
            for (path, row) in found.iter().zip(&told) {
                let chunks = expected.iter().filter(|chunk| chunk[0] == *path).count();
                prop_assert_eq!(row, &vec![path.clone(), chunks.to_string()]);
            }
        }
    }

    #[test]
    fn a_chunk_is_what_its_offsets_say(files in run::files(), chunk_size in 1_usize..60) {
        let dir = run::tree(&files);
        let given = run::run(&run::chunk(&run::at(dir.path()), run::chunking(chunk_size)), &[Table::Chunks]);
        let contents: std::collections::HashMap<_, _> = oracle::files(dir.path())
            .into_iter()
            .map(|found| {
                let path = vespera_file_ops::io::root::path_bytes::to_path(&found.exact).unwrap();
                (found.relative, std::fs::read(dir.path().join(path)).unwrap())
            })
            .collect();
        for row in given.rows(Table::Chunks, &CHUNK) {
            let [start, end] = [4, 5].map(|at: usize| row[at].parse::<usize>().unwrap());
            let content = &contents[&row[0]];
            prop_assert_eq!(String::from_utf8_lossy(&content[start..end]), row[3].as_str());
            prop_assert!(row[3].chars().count() <= chunk_size);
            let line = |at: usize| content[..at].split(|byte| *byte == b'\n').count().to_string();
            prop_assert_eq!(&row[6..], &[line(start), line(end)]);
        }
    }
}

fn extracting(suffix: &str) -> ChunkingOptions {
    ChunkingOptions { extracted: vec![suffix.to_owned()], ..run::chunking(1000) }
}

fn tree_to_extract(files: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for at in 0..files {
        std::fs::write(dir.path().join(format!("a{at:03}.PDF")), format!("number {at}")).unwrap();
        std::fs::write(dir.path().join(format!("b{at:03}.txt")), format!("number {at}")).unwrap();
    }
    std::fs::write(dir.path().join("c.pdf"), b"\xff").unwrap();
    dir
}

#[test]
fn the_longest_end_of_a_name_says_who_extracts() {
    let extracted = [".gz", ".tar.gz", ".pdf"].map(str::to_owned).to_vec();
    let options = ChunkingOptions { extracted, ..run::chunking(10) };
    for (name, found) in
        [("a.TAR.GZ", Some(1)), ("a.gz", Some(0)), ("tar.gz", Some(0)), ("a.pdf", Some(2)), ("pdf", None)]
    {
        assert_eq!(options.suffix_of(name.as_bytes()), found, "{name}");
    }
}

#[test]
fn what_the_caller_extracts_is_chunked_in_its_place() {
    let dir = tree_to_extract(60);
    for threads in [1, 2, 8] {
        let options = ScanOptions { threads: Some(threads), ..run::at(dir.path()) };
        let given = run::run(&run::chunk(&options, extracting(".pdf")), &BOTH);
        let rows = given.rows(Table::Chunks, &["relative_path", "text", "start_byte"]);
        let extracted = (0..60).map(|at| vec![format!("a{at:03}.PDF"), format!("NUMBER {at}"), String::new()]);
        let plain = (0..60).map(|at| vec![format!("b{at:03}.txt"), format!("number {at}"), "0".to_owned()]);
        assert_eq!(rows, extracted.chain(plain).collect::<Vec<_>>());
        let last = given.rows(Table::Coverage, &["relative_path", "status", "error"]).pop().unwrap();
        assert_eq!(last[..2], ["c.pdf", "unreadable"]);
        assert!(last[2].contains("utf-8"), "{last:?}");
    }
}

#[test]
fn a_scan_that_waits_for_a_text_ends_at_once() {
    let dir = tree_to_extract(60);
    for (threads, cancels) in [(1, false), (8, false), (1, true), (8, true)] {
        let cancel = CancelToken::default();
        let options = ScanOptions { threads: Some(threads), cancel: cancel.clone(), ..run::at(dir.path()) };
        let request = run::chunk(&options, extracting(".pdf"));
        let mut scan = request.start(&run::selection(&request, &BOTH)).unwrap();
        let mut asked = None;
        while asked.is_none() {
            if let Step::Extract(request) = scan.next(Duration::from_secs(10)).unwrap() {
                asked = Some(request);
            }
        }
        let began = Instant::now();
        if cancels {
            cancel.cancel();
            scan.answer_extraction(&asked.unwrap(), Extracted::Ok("late".to_owned()));
            let given = run::drain(&mut scan, |_| unreachable!());
            assert_eq!(given.summary.found(), 121);
        }
        drop(scan);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
}
