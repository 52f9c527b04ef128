//! A watcher's events, applied to a first look, are the tree, whatever the system says of it and how.

mod replica;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use vespera_file_ops::WatchStep;
use vespera_file_ops::io::root::Root;
use vespera_file_ops::io::root::path_bytes::of_path;
use vespera_file_ops::scan::{ScanOptions, SourceSpec};

use crate::pipeline::run::{self, plain_tree};
use replica::{Replica, change};

fn tree() -> tempfile::TempDir {
    plain_tree(&[("a/one.txt", "1"), ("a/b/two.txt", "22"), ("c.txt", "333")])
}

/// The folder of a test under the one name that the system has for it.
fn real(dir: &tempfile::TempDir) -> std::path::PathBuf {
    // Windows puts something before it that no scan shows.
    run::path(Path::new(""), &[of_path(&dir.path().canonicalize().unwrap())])
}

#[test]
fn a_file_comes_changes_and_goes() {
    let dir = tree();
    let mut replica = Replica::at(dir.path());
    assert_eq!(replica.changes(), []);
    fs::write(dir.path().join("a/b/new.txt"), "x").unwrap();
    assert_eq!(replica.changes(), [change("created", "a/b/new.txt")]);
    fs::write(dir.path().join("a/b/new.txt"), "xy").unwrap();
    assert_eq!(replica.changes(), [change("modified", "a/b/new.txt")]);
    fs::remove_file(dir.path().join("a/b/new.txt")).unwrap();
    assert_eq!(replica.changes(), [change("removed", "a/b/new.txt")]);
}

#[test]
fn files_and_folders_are_renamed() {
    let dir = tree();
    let mut replica = Replica::at(dir.path());
    fs::rename(dir.path().join("c.txt"), dir.path().join("a/d.txt")).unwrap();
    assert_eq!(replica.changes(), [change("renamed", "a/d.txt")]);
    fs::rename(dir.path().join("a"), dir.path().join("z")).unwrap();
    let told = replica.converge();
    for (path, old) in [("z", "a"), ("z/b", "a/b"), ("z/b/two.txt", "a/b/two.txt"), ("z/d.txt", "a/d.txt")] {
        assert!(told.contains(&("renamed".to_owned(), path.to_owned(), old.to_owned())), "{path}: {told:?}");
    }
}

#[test]
#[cfg_attr(windows, ignore = "Wine tells what happens below a renamed folder under the name that it had")]
fn a_renamed_folder_is_watched_where_it_stands_now() {
    let dir = tree();
    let mut replica = Replica::at(dir.path());
    fs::rename(dir.path().join("a"), dir.path().join("z")).unwrap();
    replica.converge();
    fs::write(dir.path().join("z/b/two.txt"), "changed").unwrap();
    assert_eq!(replica.changes(), [change("modified", "z/b/two.txt")]);
}

#[test]
#[cfg_attr(windows, ignore = "Wine tells what happens below a renamed folder under the name that it had")]
fn what_changes_while_a_folder_has_another_name_is_found() {
    let dir = tree();
    let mut replica = Replica::at(dir.path());
    for number in 0..10 {
        fs::rename(dir.path().join("a"), dir.path().join("t")).unwrap();
        fs::write(dir.path().join("t/b/two.txt"), "changed".repeat(number + 1)).unwrap();
        fs::write(dir.path().join(format!("t/b/{number}")), "new").unwrap();
        fs::rename(dir.path().join("t"), dir.path().join("a")).unwrap();
        // A busy machine may have it looked at in between: then the folder is told to have moved there and back.
        replica.converge();
        // And the watches below it have come back with it.
        fs::write(dir.path().join(format!("a/b/{number}")), "newer").unwrap();
        assert_eq!(replica.changes(), [change("modified", &format!("a/b/{number}"))]);
    }
}

#[test]
fn folders_that_are_made_and_filled_at_once_lose_nothing() {
    let dir = tree();
    let mut replica = Replica::at(dir.path());
    for number in 0..50 {
        let folder = dir.path().join(format!("m{number}/1/2"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("file"), number.to_string()).unwrap();
        fs::write(dir.path().join(format!("m{number}/early")), number.to_string()).unwrap();
    }
    let told = replica.changes();
    assert_eq!(told.iter().filter(|(event, _)| event == "created").count(), 250, "{told:?}");
    for number in 0..50 {
        fs::write(dir.path().join(format!("m{number}/1/2/file")), "again").unwrap();
    }
    assert_eq!(replica.changes().len(), 50);
}

#[test]
fn what_is_ignored_changes_as_it_likes() {
    let dir = plain_tree(&[(".ignore", "out/\n"), ("out/deep/x", "x"), ("kept/x", "x"), (".git/index", "i")]);
    let mut replica = Replica::at(dir.path());
    for number in 0..20 {
        fs::write(dir.path().join("out/deep/x"), number.to_string()).unwrap();
        fs::write(dir.path().join(format!("out/{number}")), "x").unwrap();
        fs::write(dir.path().join(".git/index"), number.to_string()).unwrap();
        fs::write(dir.path().join(format!(".git/{number}")), "x").unwrap();
    }
    assert_eq!(replica.converge(), []);
    fs::write(dir.path().join(".ignore"), "kept/\n").unwrap();
    let told = replica.changes();
    assert!(told.contains(&change("removed", "kept/x")) && told.contains(&change("created", "out/deep/x")), "{told:?}");
    fs::write(dir.path().join("out/deep/x"), "told now").unwrap();
    fs::write(dir.path().join("kept/x"), "not told any more").unwrap();
    assert_eq!(replica.changes(), [change("modified", "out/deep/x")]);
}

#[test]
fn a_rescan_is_told() {
    let dir = tree();
    let mut replica = Replica::at(dir.path());
    fs::write(dir.path().join("new.txt"), "x").unwrap();
    replica.watch.rescan();
    let told = replica.converge();
    assert!(told.iter().any(|(event, ..)| event == "rescan"), "{told:?}");
    assert!(told.iter().any(|(event, path, _)| (event.as_str(), path.as_str()) == ("created", "new.txt")), "{told:?}");
}

#[test]
fn close_ends_whoever_waits() {
    let dir = tree();
    let replica = Replica::at(dir.path());
    let watch = &replica.watch;
    assert!(!watch.wait_ready(Duration::from_millis(10)).unwrap());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| (watch.next(Duration::from_mins(10)).unwrap(), Instant::now()));
        std::thread::sleep(Duration::from_millis(200));
        let closed = Instant::now();
        watch.close();
        let (step, ended) = waits.join().unwrap();
        assert!(matches!(step, WatchStep::End), "{step:?}");
        assert!(ended < closed + Duration::from_secs(2));
    });
    watch.close();
    assert!(matches!(watch.next(Duration::ZERO).unwrap(), WatchStep::End) && watch.wait_ready(Duration::ZERO).unwrap());
}

#[test]
fn a_source_goes_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (source, aside) = (dir.path().join("s"), dir.path().join("aside"));
    fs::create_dir(&source).unwrap();
    fs::write(source.join("x"), "x").unwrap();
    let mut replica = Replica::of(run::at(&source), dir.path());
    for number in 0..2 {
        fs::rename(&source, &aside).unwrap();
        assert!(
            replica.converge().iter().any(|(event, path, _)| (event.as_str(), path.as_str()) == ("removed", "s/x"))
        );
        fs::write(aside.join("x"), format!("changed {number}")).unwrap();
        fs::rename(&aside, &source).unwrap();
        assert!(replica.changes().contains(&change("created", "s/x")));
        fs::write(source.join("x"), "changed again").unwrap();
        assert_eq!(replica.changes(), [change("modified", "s/x")]);
    }
}

#[test]
fn a_named_file_and_a_list() {
    let dir = plain_tree(&[("c.txt", "c"), ("d/x", "x"), ("e/x", "x")]);
    let path = |name: &str| dir.path().join(name);
    let (c, d, later) = (path("c.txt"), path("d"), path("later"));
    let mut replica = Replica::of(run::among(&[&c, &d, &later]), dir.path());
    fs::write(path("other.txt"), "not asked for").unwrap();
    fs::write(path("e/x"), "not asked for").unwrap();
    fs::write(&c, "changed").unwrap();
    fs::write(path("d/y"), "new").unwrap();
    let mut told = replica.changes();
    told.sort();
    assert_eq!(told, [change("created", "d/y"), change("modified", "c.txt")]);
    fs::remove_file(&c).unwrap();
    fs::create_dir(&later).unwrap();
    fs::write(later.join("x"), "x").unwrap();
    let told = replica.changes();
    assert!(told.contains(&change("removed", "c.txt")) && told.contains(&change("created", "later/x")), "{told:?}");
}

#[test]
fn a_root_is_watched() {
    let dir = tree();
    let folder = real(&dir);
    let options = ScanOptions {
        sources: vec![SourceSpec { path: b".".to_vec(), may_be_glob: false }],
        within: Root::confined(&of_path(&folder)).unwrap(),
        ..run::at(&folder)
    };
    let mut replica = Replica::of(options, &folder);
    fs::create_dir(folder.join("a/new")).unwrap();
    fs::write(folder.join("a/new/x"), "x").unwrap();
    assert_eq!(replica.changes(), [change("created", "a/new"), change("created", "a/new/x")]);
    fs::write(folder.join("a/new/x"), "xy").unwrap();
    assert_eq!(replica.changes(), [change("modified", "a/new/x")]);
}

#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn folders_behind_links_are_watched_where_they_lie() {
    let dir = plain_tree(&[("s/real/x", "x"), ("outside/deep/y", "y")]);
    run::symlink("../outside", dir.path().join("s/link"));
    let options = ScanOptions { follow_symlinks: true, ..run::at(&dir.path().join("s")) };
    let mut replica = Replica::of(options, dir.path());
    fs::write(dir.path().join("outside/deep/y"), "changed").unwrap();
    assert_eq!(replica.changes(), [change("modified", "s/link/deep/y")]);
    fs::write(dir.path().join("outside/new"), "new").unwrap();
    assert_eq!(replica.changes(), [change("created", "s/link/new")]);
}

#[test]
fn a_folder_that_is_not_entered_is_a_row() {
    let dir = tree();
    let mut replica = Replica::of(ScanOptions { max_depth: Some(1), ..run::at(dir.path()) }, dir.path());
    fs::write(dir.path().join("a/new"), "x").unwrap();
    let told = replica.converge();
    assert!(told.iter().all(|(event, path, _)| (event.as_str(), path.as_str()) == ("modified", "a")), "{told:?}");
}

/// A generator of numbers that look random, the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

#[test]
#[cfg_attr(
    windows,
    ignore = "Wine tells what happens in a new folder under the name of a deleted one of the same number"
)]
fn hundreds_of_changes_add_up_to_the_tree() {
    const NAMES: [&str; 5] = ["a", "b", "c", "d.txt", "e.skip"];
    for seed in 0..3 {
        let dir = tree();
        fs::write(dir.path().join(".ignore"), "*.skip\n").unwrap();
        let mut replica = Replica::at(dir.path());
        let mut draw = Draw(seed);
        for step in 0..200_usize {
            let path = |draw: &mut Draw| {
                (0..=draw.below(3)).fold(dir.path().to_owned(), |path, _| path.join(NAMES[draw.below(NAMES.len())]))
            };
            let (first, second) = (path(&mut draw), path(&mut draw));
            // Where a name is taken, or a folder would be moved into itself, nothing happens.
            let _ = match draw.below(8) {
                0 => fs::create_dir_all(&first),
                1 | 2 => fs::write(&first, "x".repeat(step)),
                3 => fs::remove_file(&first),
                4 => fs::remove_dir_all(if first.is_dir() { &first } else { &second }),
                5 | 6 => fs::rename(&first, &second),
                _ => fs::create_dir_all(&first).and_then(|()| fs::write(first.join("f"), "at once")),
            };
            if draw.below(20) == 0 {
                replica.take(Duration::from_millis(30));
            }
            if draw.below(60) == 0 {
                replica.converge();
            }
        }
        replica.converge();
    }
}
