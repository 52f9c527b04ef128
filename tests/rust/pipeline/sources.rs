//! Sources as callers spell them: overlapping, missing, globs, dots, lists of thousands; and what excludes files.

use std::path::Path;

use vespera_file_ops::io::root::path_bytes::of_path;
use vespera_file_ops::scan::{DescribeOptions, Operation, ScanOptions, ScanRequest, SourceSpec};
use vespera_file_ops::search::FilterOptions;
use vespera_file_ops::table::Table;

use super::run;

fn coverage(options: &ScanOptions, columns: &[&str]) -> Vec<Vec<String>> {
    run::run(&run::search(options, run::needle()), &[Table::Coverage]).rows(Table::Coverage, columns)
}

fn files(options: &ScanOptions, columns: &[&str]) -> Vec<Vec<String>> {
    run::run(&run::describe(options), &[Table::Files]).rows(Table::Files, columns)
}

fn paths(rows: Vec<Vec<String>>) -> Vec<String> {
    rows.into_iter().flatten().collect()
}

#[test]
fn overlapping_sources_give_each_file_once_under_the_first() {
    let dir = run::plain_tree(&[("a/b/x", ""), ("a/y", ""), ("c/z", "")]);
    let (a, b) = (dir.path().join("a"), dir.path().join("a/b"));
    let (file, c) = (dir.path().join("a/y"), dir.path().join("c"));
    for threads in [1, 8] {
        let of = |sources: &[&Path]| {
            paths(coverage(&ScanOptions { threads: Some(threads), ..run::among(sources) }, &["relative_path"]))
        };
        assert_eq!(of(&[&a, &b]), ["b/x", "y"]);
        assert_eq!(of(&[&b, &a]), ["x", "y"]);
        assert_eq!(of(&[&file, &c, &a]), ["y", "z", "b/x"]);
        assert_eq!(of(&[&a, &a, &file]), ["b/x", "y"]);
        let of = |sources: &[&Path]| {
            paths(files(&ScanOptions { threads: Some(threads), ..run::among(sources) }, &["relative_path"]))
        };
        assert_eq!(of(&[&b, &a]), ["x", "b", "y"]);
        assert_eq!(of(&[&a, &a]), ["b", "b/x", "y"]);
        let shallow = ScanOptions { max_depth: Some(1), ..run::among(&[&a, &a]) };
        assert_eq!(paths(files(&shallow, &["relative_path"])), ["b", "y"]);
    }
}

#[test]
fn what_is_wrong_is_one_row_however_often_it_is_reached() {
    let dir = run::plain_tree(&[("repo/a/x", ""), ("repo/b/x", "")]);
    std::fs::write(dir.path().join("repo/.rgignore"), vec![b'x'; 64 << 20]).unwrap();
    let (repo, a, b) = (dir.path().join("repo"), dir.path().join("repo/a"), dir.path().join("repo/b"));
    let bad = run::shown(&std::fs::canonicalize(&repo).unwrap().join(".rgignore"));
    for threads in [1, 8] {
        let of = |sources: &[&Path]| {
            let rows =
                files(&ScanOptions { threads: Some(threads), ..run::among(sources) }, &["path", "error", "size"]);
            let about: Vec<_> = rows.into_iter().filter(|row| row[0].ends_with(".rgignore")).collect();
            assert_eq!(about.len(), 1, "{about:?}");
            assert!(!about[0][1].is_empty());
            assert_eq!(about[0][2], (64 << 20).to_string(), "the size is that of the ignore file");
            about[0][0].clone()
        };
        assert_eq!(of(&[&a, &b]), bad);
        assert_eq!(of(&[&repo, &a]), run::shown(&repo.join(".rgignore")));
        assert_eq!(of(&[&a, &repo]), bad);
        // Rows with an error are never filtered away.
        let narrowed = ScanOptions {
            filter: FilterOptions { include: vec!["*.none".into()], ..FilterOptions::default() },
            ..run::among(&[&a, &b])
        };
        assert_eq!(paths(files(&narrowed, &["path"])), std::slice::from_ref(&bad));
    }
}

#[test]
fn missing_sources_are_rows_in_a_list_and_errors_alone() {
    let dir = run::plain_tree(&[("f", "")]);
    let (file, gone) = (dir.path().join("f"), dir.path().join("no/where"));
    let rows = files(&run::among(&[&gone, &file, &gone]), &["path", "error"]);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0][0], run::shown(&gone));
    assert!(!rows[0][1].is_empty() && rows[1][1].is_empty());
    assert!(ScanRequest::new(run::at(&gone), Operation::Describe(DescribeOptions::default())).is_err());
    let glob = |path: &Path, list| ScanOptions {
        sources: vec![SourceSpec { path: of_path(path), may_be_glob: true }],
        sources_are_list: list,
        ..run::at(path)
    };
    assert!(ScanRequest::new(glob(&gone.join("*.x"), false), Operation::Describe(DescribeOptions::default())).is_err());
    assert_eq!(files(&glob(&gone.join("*.x"), true), &["error"]).len(), 1);
}

#[test]
fn globs_name_files() {
    let dir = run::plain_tree(&[("a/x.rs", ""), ("a/b/y.rs", ""), ("a/b/z.py", ""), ("w.rs", ""), ("a/.h.rs", "")]);
    let of = |glob: &str| {
        let path = of_path(&dir.path().join(glob));
        let sources = vec![SourceSpec { path, may_be_glob: true }];
        paths(files(&ScanOptions { sources, ..run::at(dir.path()) }, &["relative_path"]))
    };
    assert_eq!(of("**/*.rs"), ["a/b/y.rs", "a/x.rs", "w.rs"]);
    assert_eq!(of("*.rs"), ["w.rs"]);
    assert_eq!(of("a/*/*"), ["y.rs", "z.py"].map(|name| format!("b/{name}")));
    assert_eq!(of("a/[xy].rs"), ["x.rs"]);
    assert_eq!(of("*.none"), [""; 0]);
}

#[test]
fn paths_are_as_spelled_or_absolute() {
    let dir = run::plain_tree(&[("a/x", "")]);
    let here = std::env::current_dir().unwrap();
    let one = |path: &str, absolute_paths| {
        let options = ScanOptions { describe_only: true, absolute_paths, ..run::at(Path::new(path)) };
        files(&options, &["path", "name"]).remove(0)
    };
    let here_name = here.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(one(".", false), [".", "."]);
    assert_eq!(one(".", true), [run::shown(&here), here_name]);
    assert_eq!(one("/", false)[0], "/");
    assert_eq!(one("/", true)[0], run::shown(&std::path::absolute("/").unwrap()));
    assert_eq!(one("src/..", false), ["src/..", ".."]);
    assert_eq!(one("./src//scan.rs", false), ["src/scan.rs", "scan.rs"]);
    assert_eq!(one("src/scan.rs", true)[0], run::shown(&here.join("src/scan.rs")));
    // On Windows no name ends in a dot.
    if cfg!(unix) {
        std::fs::write(dir.path().join("a/odd.."), "").unwrap();
        assert_eq!(one(&run::shown(&dir.path().join("a/odd..")), false)[1], "odd..");
    }
    for (source, prefix) in [(".", ""), ("src", "src/"), ("src/../src", "src/../src/")] {
        let options = ScanOptions { max_depth: Some(1), ..run::at(Path::new(source)) };
        for row in files(&options, &["path", "relative_path"]) {
            assert_eq!(row[0], format!("{prefix}{}", row[1]));
        }
    }
    let top = ScanOptions { max_depth: Some(1), ..run::at(Path::new("/")) };
    assert!(files(&top, &["path", "relative_path"]).iter().all(|row| row[0] == format!("/{}", row[1])));
}

#[test]
fn a_working_folder_of_the_callers_own_is_where_relative_sources_start() {
    let dir = run::plain_tree(&[("a/x.rs", "needle"), ("a/b/y.rs", "needle"), ("z", "needle")]);
    let of = |folder: &str, source: &str, absolute_paths| {
        let options = ScanOptions {
            working_folder: Some(of_path(&dir.path().join(folder))),
            sources: vec![SourceSpec { path: source.as_bytes().to_vec(), may_be_glob: true }],
            absolute_paths,
            ..ScanOptions::default()
        };
        let paths = paths(coverage(&options, &["path"]));
        let rows = run::run(&run::search(&options, run::needle()), &[Table::Hits]).rows(Table::Hits, &["path"]);
        assert_eq!(rows.concat(), paths, "each was opened");
        paths
    };
    assert_eq!(of("a", ".", false), ["b/y.rs", "x.rs"]);
    assert_eq!(of("a", "..", false), ["../a/b/y.rs", "../a/x.rs", "../z"]);
    assert_eq!(of("a/b", "../x.rs", false), ["../x.rs"]);
    assert_eq!(of("a", "b/*.rs", false), ["b/y.rs"]);
    assert_eq!(of("a", "b", true), [run::shown(&dir.path().join("a/b/y.rs"))]);
    assert_eq!(of("a", &run::shown(&dir.path().join("z")), false), [run::shown(&dir.path().join("z"))]);
    let missing = ScanOptions {
        working_folder: Some(of_path(dir.path())),
        sources: vec![SourceSpec { path: b"src".to_vec(), may_be_glob: true }],
        ..ScanOptions::default()
    };
    let error = ScanRequest::new(missing, Operation::Describe(DescribeOptions::default())).unwrap_err();
    assert!(error.to_string().ends_with("(src)"), "{error}");
}

#[test]
#[cfg_attr(windows, ignore = "needs a shell that can lower the limit on descriptors")]
fn a_list_may_be_longer_than_the_budget_of_descriptors() {
    let (dir, root);
    if let Some(source) = std::env::var_os(run::CHILD) {
        root = std::path::PathBuf::from(source);
    } else {
        dir = tempfile::tempdir().unwrap();
        let test = "pipeline::sources::a_list_may_be_longer_than_the_budget_of_descriptors";
        return run::again(test, dir.path(), None, "ulimit -n 256;");
    }
    let mut named = Vec::new();
    for at in 0..1000 {
        let folder = root.join(format!("d{at:04}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("f"), "needle\n").unwrap();
        named.push(folder.join("f"));
    }
    let sources: Vec<_> = named.iter().map(std::path::PathBuf::as_path).collect();
    let given = run::run(&run::search(&run::among(&sources), run::needle()), &[Table::Hits]);
    assert_eq!(given.summary.hits, 1000);
    assert_eq!(given.column(Table::Hits, "path"), sources.iter().map(|path| run::shown(path)).collect::<Vec<_>>());
}

#[test]
fn what_is_left_out_is_in_the_ledger_when_asked_for() {
    let dir = run::plain_tree(&[
        (".ignore", "*.log\nbuild/\n"),
        ("a.log", "needle\n"),
        ("build/deep/x", "needle\n"),
        (".secret/x", "needle\n"),
        ("src/x", "needle\n"),
        ("src/big", &"needle ".repeat(1000)),
    ]);
    let filter = FilterOptions::default();
    let options = ScanOptions { include_ignored: true, max_file_size: Some(1000), filter, ..run::at(dir.path()) };
    let rows = coverage(&options, &["relative_path", "kind", "status"]);
    let expected = [
        [".ignore", "file", "hidden"],
        [".secret", "dir", "hidden"],
        ["a.log", "file", "ignored"],
        ["build", "dir", "ignored"],
        ["src/big", "file", "too_large"],
        ["src/x", "file", "searched"],
    ];
    assert_eq!(rows, expected);
    let rule = coverage(&options, &["excluded_by"]);
    assert!(rule[2][0].ends_with(".ignore:1:*.log"), "{rule:?}");
    // What is named is searched, and its row is the only one.
    let named = dir.path().join("a.log");
    for sources in [[dir.path(), named.as_path()], [named.as_path(), dir.path()]] {
        let options = ScanOptions { sources: run::among(&sources).sources, sources_are_list: true, ..options.clone() };
        let rows = coverage(&options, &["path", "status"]);
        let about: Vec<_> = rows.into_iter().filter(|row| row[0].ends_with("a.log")).collect();
        assert_eq!(about.len(), 1);
        assert_eq!(about[0][1], "searched");
    }
    let shallow = ScanOptions { max_depth: Some(1), ..run::at(dir.path()) };
    assert_eq!(paths(files(&shallow, &["relative_path"])), ["src"]);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs a mount point that is always there, as /proc is")]
fn one_file_system_stops_at_mounts() {
    let options = ScanOptions { one_file_system: true, max_depth: Some(2), ..run::at(Path::new("/")) };
    let rows = files(&options, &["path"]);
    assert!(rows.iter().any(|row| row[0] == "/proc"), "a mount point is a row");
    assert!(!rows.iter().any(|row| row[0].starts_with("/proc/")), "and is not entered");
}
