//! What one watch for a whole tree says, as on macOS and Windows; on Linux such a watch is made up by `notify`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use notify::event::{CreateKind, DataChange, Flag, ModifyKind, RenameMode};
use notify::{Event, EventKind};

use super::*;
use crate::io::root::path_bytes::of_path;
use crate::io::root::{AsHandle, FolderUse, open_folder, working_folder};

struct Tree {
    // Given up first: on Windows a folder that is watched is still there after it was removed.
    watches: Watches,
    bell: Arc<ThreadBell>,
    dir: tempfile::TempDir,
}

impl Tree {
    fn of(folders: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in folders {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let bell = Arc::new(ThreadBell::new().unwrap());
        Self { watches: Watches::of(&bell, RecursiveMode::Recursive).unwrap(), bell, dir }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(path)
    }

    fn real(&self, path: &str) -> Vec<u8> {
        of_path(&self.path(path).components().collect::<PathBuf>())
    }

    fn place(&mut self, path: &str) -> bool {
        let real = self.real(path);
        let handle = open_folder(working_folder(), &real, FolderUse::Listing, true).unwrap();
        self.watches.place(&key(path), handle.as_handle(), Watched::Entered, || Ok(real))
    }

    /// What is said until all of this is.
    fn hear(&mut self, all: &[&str]) -> BTreeSet<String> {
        let mut heard = BTreeSet::new();
        let began = Instant::now();
        while !all.iter().all(|one| heard.contains(*one)) {
            assert!(began.elapsed() < Duration::from_secs(30), "{all:?} of {heard:?}");
            self.watches.wait(&self.bell, Duration::from_millis(50)).unwrap();
            self.watches.read(|hint| _ = heard.insert(said(&hint))).unwrap();
        }
        heard
    }
}

fn key(path: &str) -> FolderKey {
    path.split('/')
        .filter(|name| !name.is_empty())
        .fold(FolderKey::of_source(0), |key, name| key.child(name.as_bytes()))
}

fn said(hint: &Hint<'_>) -> String {
    let of = |what: &str, key: &FolderKey, name: &[u8]| {
        format!("{what} {}{}", String::from_utf8_lossy(&key.relative), String::from_utf8_lossy(name))
    };
    match hint {
        Hint::Entry(key, name) => of("entry", key, name),
        Hint::Arrival(key, name) => of("arrival", key, name),
        Hint::Content(key, name) => of("content", key, name),
        Hint::Folder(key, name) => of("folder", key, name),
        Hint::Itself(key) => of("itself", key, b""),
        Hint::Moved(key) => of("moved", key, b""),
        Hint::Lost => "lost".to_owned(),
    }
}

#[test]
fn one_watch_reaches_what_is_listed_and_what_is_not_is_dropped() {
    let mut tree = Tree::of(&["kept/deep", "ignored/deep"]);
    for path in ["", "kept", "kept/deep"] {
        assert!(!tree.place(path));
        assert!(tree.place(path), "{path} is the folder that it was");
    }
    assert_eq!(tree.watches.tops.len(), 1);
    fs::write(tree.path("ignored/deep/x"), "x").unwrap();
    fs::write(tree.path("ignored/x"), "x").unwrap();
    fs::write(tree.path("kept/deep/x"), "x").unwrap();
    fs::write(tree.path("kept/x"), "x").unwrap();
    let heard = tree.hear(&["entry kept/deep/x", "entry kept/x"]);
    assert!(!heard.iter().any(|hint| hint.contains("ignored/")), "{heard:?}");
}

#[test]
fn a_folder_that_was_moved_is_not_the_one_that_it_was() {
    let mut tree = Tree::of(&["a/b"]);
    for path in ["", "a", "a/b"] {
        tree.place(path);
    }
    fs::rename(tree.path("a"), tree.path("t")).unwrap();
    fs::rename(tree.path("t"), tree.path("a")).unwrap();
    tree.hear(&["moved a/", "arrival a"]);
    assert!(!tree.place("a"));
    assert!(tree.place("a") && tree.place(""));
    fs::remove_dir_all(tree.path("a")).unwrap();
    fs::create_dir_all(tree.path("a/b")).unwrap();
    tree.hear(&["moved a/", "arrival a"]);
    assert!(!tree.place("a"));
}

#[test]
fn a_watch_ends_with_the_last_folder_that_it_reaches() {
    let mut tree = Tree::of(&["a/b", "other"]);
    for path in ["a", "a/b", "other"] {
        tree.place(path);
    }
    assert_eq!(tree.watches.tops.len(), 2);
    tree.watches.forget(&key("a"));
    tree.watches.forget(&key("other"));
    tree.watches.sweep();
    let reached = tree.real("a");
    assert_eq!(tree.watches.tops.keys().map(AsRef::as_ref).collect::<Vec<_>>(), [reached.as_slice()]);
    fs::write(tree.path("a/b/x"), "x").unwrap();
    tree.hear(&["entry a/b/x"]);
    tree.watches.forget(&key("a/b"));
    tree.watches.sweep();
    assert!(tree.watches.tops.is_empty() && !tree.watches.has(&key("a/b")));
}

#[test]
fn a_folder_that_cannot_be_watched_is_looked_at_without() {
    let mut tree = Tree::of(&["a"]);
    let handle = open_folder(working_folder(), &tree.real("a"), FolderUse::Listing, true).unwrap();
    let place = |tree: &mut Tree, real: Vec<u8>| {
        assert!(!tree.watches.place(&key("a"), handle.as_handle(), Watched::Entered, || Ok(real)));
        assert!(tree.watches.unwatched().contains(&key("a")) && !tree.watches.has(&key("a")));
        tree.watches.take_trouble()
    };
    // One that has gone meanwhile is no trouble.
    let (gone, refused) = (tree.dir.path().join("gone"), tree.dir.path().join("a\0"));
    assert!(!place(&mut tree, of_path(&gone)));
    tree.watches.forget(&key("a"));
    assert!(place(&mut tree, of_path(&refused)));
    assert!(!place(&mut tree, of_path(&refused)));
    tree.place("a");
    assert!(tree.watches.unwatched().is_empty() && tree.watches.has(&key("a")));
}

/// What the system says, without the system.
fn noted(notes: &Notes, kind: EventKind, path: &str) -> bool {
    notes.note(Ok(Event::new(kind).add_path(Path::new(path).to_owned())))
}

const MODIFIED: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
const CREATED: EventKind = EventKind::Create(CreateKind::Any);

#[test]
fn what_nobody_reads_is_bounded() {
    let notes = Notes::default();
    notes.listen(&Arc::from(&b"/s"[..]), &key(""));
    assert!(noted(&notes, CREATED, "/s/first") && !noted(&notes, CREATED, "/s/first"));
    for number in 0..100 {
        noted(&notes, MODIFIED, "/s/one");
        assert!(!noted(&notes, CREATED, &format!("/s/ignored/{number}")));
    }
    assert_eq!(notes.take().notes.len(), 2);
    for number in 0..70_000 {
        noted(&notes, CREATED, &format!("/s/{number}"));
    }
    let heard = notes.take();
    assert!(heard.lost && !heard.broken && heard.notes.is_empty());
    assert!(noted(&notes, CREATED, "/s/next"));
}

#[test]
fn what_the_system_could_not_tell_is_lost() {
    let mut tree = Tree::of(&["a"]);
    tree.place("");
    tree.place("a");
    assert!(tree.watches.notes.note(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan))));
    tree.hear(&["lost"]);
    assert!(tree.place("a"));
    // A watch that failed is placed again, and what lies below it is listed.
    assert!(tree.watches.notes.note(Err(notify::Error::generic("it failed"))));
    tree.hear(&["lost"]);
    assert!(tree.watches.tops.values().all(|top| top.stale));
    tree.place("");
    assert!(!tree.watches.tops.values().any(|top| top.stale));
}

#[test]
fn a_rename_concerns_the_folder_and_the_one_that_it_stands_in() {
    let notes = Notes::default();
    for folder in ["", "a", "a/b"] {
        notes.listen(
            &Arc::from(format!("/s{}{folder}", if folder.is_empty() { "" } else { "/" }).into_bytes()),
            &key(folder),
        );
    }
    noted(&notes, EventKind::Modify(ModifyKind::Name(RenameMode::From)), "/s/a/b");
    noted(&notes, MODIFIED, "/s/a/x");
    noted(&notes, MODIFIED, "/s/a");
    noted(&notes, CREATED, "/elsewhere/x");
    let note = |folder: &str, what, name: &str| Note {
        folder: Arc::from(folder.as_bytes()),
        what,
        name: name.as_bytes().into(),
    };
    let expected = [
        note("/s/a", What::Entry, "b"),
        note("/s/a/b", What::Moved, ""),
        note("/s/a", What::Content, "x"),
        note("/s/a", What::Itself, ""),
    ];
    assert_eq!(notes.take().notes, expected.into());
}
