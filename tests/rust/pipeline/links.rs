//! Followed links: every folder once, under the same path at every number of threads.

use vespera_file_ops::scan::ScanOptions;
use vespera_file_ops::table::Table;

use super::run::{self, symlink};

fn followed(sources: &[&std::path::Path], threads: usize) -> ScanOptions {
    ScanOptions { follow_symlinks: true, threads: Some(threads), ..run::among(sources) }
}

#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn a_bomb_of_links_is_walked_once() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for root in [inside.path(), outside.path()] {
        for level in 0..=11 {
            std::fs::create_dir(root.join(format!("d{level:02}"))).unwrap();
            std::fs::write(root.join(format!("d{level:02}/f")), "needle\n").unwrap();
        }
        for level in 0..11 {
            for link in ["l1", "l2", "l3"] {
                symlink(format!("../d{:02}", level + 1), root.join(format!("d{level:02}/{link}")));
            }
        }
    }
    let start = tempfile::tempdir().unwrap();
    symlink(outside.path().join("d00"), start.path().join("in"));
    for (source, files) in [(inside.path(), 12), (start.path(), 12)] {
        let rows = |threads| {
            let options = followed(&[source], threads);
            let files = run::run(&run::describe(&options), &[Table::Files]);
            let coverage = run::run(&run::search(&options, run::needle()), &[Table::Coverage]);
            (
                files.rows(Table::Files, &["relative_path", "kind", "size", "inode", "error"]),
                coverage.rows(Table::Coverage, &["relative_path", "status"]),
            )
        };
        let first = rows(1);
        assert_eq!(first.0.iter().filter(|row| row[1] == "file").count(), files);
        assert_eq!(first.1.len(), files);
        // 11 levels of 3 links each stay rows, two of three (or all) as the links that they are.
        assert!(first.0.iter().filter(|row| row[1] == "symlink").count() >= 22);
        for threads in [2, 4, 8] {
            for _ in 0..5 {
                assert_eq!(rows(threads), first, "{threads} threads");
            }
        }
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn a_link_that_is_not_entered_describes_itself() {
    let dir = run::plain_tree(&[("real/f", "needle\n")]);
    symlink("real", dir.path().join("link"));
    symlink("..", dir.path().join("real/up"));
    symlink("nowhere", dir.path().join("real/broken"));
    let given = run::run(&run::describe(&followed(&[dir.path()], 2)), &[Table::Files]);
    let rows = given.rows(Table::Files, &["relative_path", "kind", "size"]);
    let of = |path: &str| rows.iter().find(|row| row[0] == path).unwrap().clone();
    assert_eq!(of("link")[1..], ["symlink", "4"]);
    assert_eq!(of("real/up")[1..], ["symlink", "2"]);
    let errors = given.rows(Table::Files, &["relative_path", "error"]);
    assert!(errors.iter().any(|row| row[0] == "real/broken" && row[1].contains("follow link")));
    let names: Vec<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, ["link", "real", "real/broken", "real/f", "real/up"]);
}

#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn a_file_behind_a_link_into_another_source_is_one_row() {
    let dir = run::plain_tree(&[("a/x", "needle\n"), ("b/c/y", "needle\n")]);
    symlink("../b/c", dir.path().join("a/link"));
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    for threads in [1, 8] {
        for (sources, expected) in
            [([a.as_path(), b.as_path()], ["link/y", "x"]), ([b.as_path(), a.as_path()], ["c/y", "x"])]
        {
            let options = followed(&sources, threads);
            let given = run::run(&run::search(&options, run::needle()), &[Table::Coverage]);
            assert_eq!(given.column(Table::Coverage, "relative_path"), expected);
        }
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn links_are_rows_and_not_searched_unless_followed() {
    let dir = run::plain_tree(&[("f", "needle\n")]);
    symlink("f", dir.path().join("l"));
    let options = run::at(dir.path());
    let given = run::run(&run::search(&options, run::needle()), &[Table::Coverage]);
    assert_eq!(given.column(Table::Coverage, "relative_path"), ["f"]);
    let followed = ScanOptions { follow_symlinks: true, ..options };
    let given = run::run(&run::search(&followed, run::needle()), &[Table::Hits]);
    assert_eq!(given.column(Table::Hits, "relative_path"), ["f", "l"]);
    // Named, it is followed without being asked to; what a selection asks for does not change what it is.
    let named = run::at(&dir.path().join("l"));
    assert_eq!(run::run(&run::search(&named, run::needle()), &[Table::Hits]).summary.hits, 1);
    let given = run::run(&run::describe(&named), &[Table::Files]);
    assert_eq!(given.rows(Table::Files, &["kind", "size"]), [["file", "7"]]);
    let itself = ScanOptions { describe_only: true, ..named };
    let given = run::run(&run::describe(&itself), &[Table::Files]);
    assert_eq!(given.rows(Table::Files, &["kind", "size"]), [["symlink", "1"]]);
}
