//! Trees that want to break a walk: deep, wide, unreadable, and vanishing under it.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vespera_file_ops::scan::ScanOptions;
use vespera_file_ops::table::Table;

use super::run;
use super::run::{CHILD, again};

const DEEP: usize = 10_000;

/// A chain of folders, and a way to take it down again without recursion.
struct Chain(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl Chain {
    fn new() -> Self {
        use std::os::fd::OwnedFd;

        use rustix::fs::{Mode, OFlags, mkdirat, openat};
        let dir = tempfile::tempdir().unwrap();
        let open = |at: &OwnedFd, name: &str| openat(at, name, OFlags::DIRECTORY, Mode::empty()).unwrap();
        let mut at = rustix::fs::open(dir.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..DEEP {
            mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = open(&at, "d");
        }
        let file = openat(&at, "f", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR | Mode::WUSR).unwrap();
        rustix::io::write(&file, b"needle\n").unwrap();
        Self(dir)
    }
}

#[cfg(not(target_os = "linux"))]
impl Chain {
    fn new() -> Self {
        unreachable!("the test is ignored here")
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // The standard library's removal recurses.
        let _ = Command::new("rm").arg("-rf").arg(self.0.path()).status();
    }
}

#[test]
#[cfg_attr(
    any(not(target_os = "linux"), feature = "portable"),
    ignore = "the portable side takes paths as long as the system does"
)]
fn ten_thousand_folders_deep_with_few_descriptors() {
    if let Some(source) = std::env::var_os(CHILD) {
        let options = ScanOptions { threads: Some(8), ..run::at(source.as_ref()) };
        let given = run::run(&run::search(&options, run::needle()), &[Table::Hits, Table::Coverage]);
        assert_eq!(given.summary.hits, 1);
        assert_eq!(given.column(Table::Coverage, "status"), ["searched"]);
        let request = run::describe(&options);
        let mut selection = run::selection(&request, &[Table::Files]);
        selection.tables[0] =
            selection.tables[0].narrowed(&["depth".to_owned(), "error".to_owned(), "size".to_owned()]).unwrap();
        let given = run::run_with(&request, &selection, |_| unreachable!());
        let depths: Vec<u64> = (1..=DEEP as u64 + 1).collect();
        assert_eq!(given.numbers(Table::Files, "depth"), depths);
        assert!(given.column(Table::Files, "error").iter().all(String::is_empty));
        assert!(given.column(Table::Files, "size").iter().all(|size| !size.is_empty()));
        return;
    }
    let chain = Chain::new();
    again("pipeline::hostile::ten_thousand_folders_deep_with_few_descriptors", chain.0.path(), None, "ulimit -n 64;");
}

#[test]
#[cfg_attr(windows, ignore = "takes an hour under Wine")]
fn two_hundred_thousand_files_in_one_folder() {
    let dir = tempfile::tempdir().unwrap();
    for at in 0..200_000 {
        std::fs::File::create(dir.path().join(format!("{at:06}"))).unwrap();
    }
    for threads in [1, 4] {
        let options = ScanOptions { threads: Some(threads), ..run::at(dir.path()) };
        let names = run::run(&run::describe(&options), &[Table::Files]).column(Table::Files, "name");
        assert_eq!(names.len(), 200_000);
        assert!(names.is_sorted());
    }
    let options = ScanOptions { threads: Some(4), ..run::at(dir.path()) };
    let request = run::describe(&options);
    let scan = request.start(&run::selection(&request, &[Table::Files])).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(5));
    let began = std::time::Instant::now();
    drop(scan);
    assert!(began.elapsed() < std::time::Duration::from_millis(200), "{:?}", began.elapsed());
}

#[test]
#[cfg_attr(windows, ignore = "needs permission bits")]
fn what_may_not_be_read_is_a_row() {
    if let Some(source) = std::env::var_os(CHILD) {
        for threads in [1, 8] {
            let options = ScanOptions { threads: Some(threads), ..run::at(source.as_ref()) };
            let given = run::run(&run::search(&options, run::needle()), &[Table::Coverage]);
            let rows = given.rows(Table::Coverage, &["relative_path", "kind", "status"]);
            let expected =
                [["a", "file", "searched"], ["shut", "dir", "unreadable"], ["shut-file", "file", "unreadable"]];
            assert_eq!(rows, expected);
            assert!(given.column(Table::Coverage, "error")[1..].iter().all(|error| error.contains("ermission")));
            let given = run::run(&run::describe(&options), &[Table::Files]);
            let rows = given.rows(Table::Files, &["relative_path", "kind"]);
            assert_eq!(rows, [["a", "file"], ["shut", "dir"], ["shut-file", "file"]]);
            let errors = given.column(Table::Files, "error");
            assert!(errors[0].is_empty() && errors[2].is_empty() && errors[1].contains("ermission"), "{errors:?}");
            // Two ways to it do not make two rows of it.
            let source: &std::path::Path = source.as_ref();
            let shut = source.join("shut");
            let given = run::run(&run::describe(&run::among(&[&shut, source])), &[Table::Files]);
            let errors = given.column(Table::Files, "error");
            assert_eq!(errors.iter().filter(|error| !error.is_empty()).count(), 1, "{errors:?}");
        }
        return;
    }
    let dir = run::plain_tree(&[("a", "needle\n"), ("shut/f", "needle\n"), ("shut-file", "needle\n")]);
    let mode = |path: &str, mode: u32| {
        #[cfg(unix)]
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        #[cfg(windows)]
        let permissions = dir.path().join(path).metadata().map(|file| (file.permissions(), mode)).unwrap().0;
        std::fs::set_permissions(dir.path().join(path), permissions).unwrap();
    };
    mode(".", 0o755);
    mode("shut-file", 0o000);
    mode("shut", 0o000);
    #[cfg(unix)]
    let test = "pipeline::hostile::what_may_not_be_read_is_a_row";
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::uid(&dir.path().metadata().unwrap()) == 0 {
        use std::os::unix::process::CommandExt;
        let program = std::env::current_exe().unwrap();
        let reachable = Command::new("test").arg("-x").arg(&program).uid(65534).gid(65534).status().unwrap();
        if !reachable.success() {
            eprintln!("SKIPPED: another user cannot run {}", program.display());
            return;
        }
        again(test, dir.path(), Some(65534), "");
    } else {
        again(test, dir.path(), None, "");
    }
    mode("shut", 0o755);
}

#[test]
fn what_vanishes_is_never_a_silence() {
    for round in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        for at in 0..2000 {
            let folder = dir.path().join(format!("d{:02}", at % 20));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("f{at:04}")), "needle\n").unwrap();
        }
        let root = dir.path().to_owned();
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let deleter = std::thread::spawn(move || {
            for at in (0..2000).rev().filter(|at| at % 3 == 0) {
                let _ = std::fs::remove_file(root.join(format!("d{:02}/f{at:04}", at % 20)));
            }
            let _ = std::fs::remove_dir_all(root.join("d07"));
            told.store(true, Ordering::Relaxed);
        });
        let options = ScanOptions { threads: Some(1 + round), ..run::at(dir.path()) };
        let given = run::run(&run::search(&options, run::needle()), &[Table::Hits, Table::Coverage]);
        deleter.join().unwrap();
        assert!(over.load(Ordering::Relaxed));
        let rows = given.rows(Table::Coverage, &["relative_path", "kind", "status", "hits"]);
        let unique: HashSet<_> = rows.iter().map(|row| row[0].clone()).collect();
        assert_eq!(unique.len(), rows.len());
        for row in &rows {
            assert!(row[2] == "searched" || row[2] == "vanished", "{row:?}");
            assert_eq!(row[3] == "1", row[2] == "searched", "{row:?}");
        }
        // Whatever was not deleted is there.
        for at in (0..2000).filter(|at| at % 3 != 0 && at % 20 != 7) {
            assert!(unique.contains(&format!("d{:02}/f{at:04}", at % 20)), "{at}");
        }
        assert_eq!(given.numbers(Table::Coverage, "hits").iter().sum::<u64>(), given.summary.hits);
    }
}
