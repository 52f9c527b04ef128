use super::super::snapshot::{Behind, Seen};
use super::*;
use crate::io::root::TimeSpec;

fn stamp(kind: FileKind, inode: u64, size: u64) -> Stamp {
    let time = TimeSpec { seconds: 1, nanos: 0 };
    let seen = Seen { size, modified: time, changed: time, created: Some(time), inode, device: 1, linked: false };
    Stamp { kind, seen: Some(seen), fresh: false, behind: Behind::NoLink }
}

fn file(inode: u64) -> Stamp {
    stamp(FileKind::File, inode, 10)
}

fn node(entries: &[(&str, Stamp)]) -> FolderNode {
    let entries = entries.iter().map(|(name, stamp)| (name.as_bytes().into(), *stamp)).collect();
    FolderNode { place: None, own: None, entries, folders: Vec::new() }
}

/// The changes of one folder as text: event, path, old path.
fn changes(before: &[(&str, Stamp)], after: &[(&str, Stamp)]) -> Vec<String> {
    let mut difference = Difference::default();
    difference.compare(&FolderKey::of_source(0), Some(&node(before)), Some(&node(after)));
    let text = |row: &RowKey| String::from_utf8_lossy(&row.path).into_owned();
    let line = |change: Change| match &change.old {
        Some(old) => format!("{} {} {}", change.event.as_str(), text(&change.row), text(old)),
        None => format!("{} {}", change.event.as_str(), text(&change.row)),
    };
    difference.changes(|_| true).into_iter().map(line).collect()
}

#[test]
fn what_stays_is_no_change() {
    assert!(changes(&[("a", file(1))], &[("a", file(1))]).is_empty());
}

#[test]
fn files_come_go_and_change() {
    let found = changes(
        &[("changes", file(3)), ("gone", file(1)), ("stays", file(2))],
        &[("changes", stamp(FileKind::File, 3, 11)), ("comes", file(4)), ("stays", file(2))],
    );
    assert_eq!(found, ["removed gone", "modified changes", "created comes"]);
}

#[test]
fn a_swap_is_two_renames() {
    let found = changes(&[("a", file(1)), ("b", file(2))], &[("a", file(2)), ("b", file(1))]);
    assert_eq!(found, ["renamed a b", "renamed b a"]);
}

#[test]
fn a_rotation_leaves_a_new_file_where_the_old_one_stood() {
    let found =
        changes(&[("log", file(1)), ("log.1", file(2))], &[("log", file(3)), ("log.1", file(1)), ("log.2", file(2))]);
    assert_eq!(found, ["renamed log.1 log", "renamed log.2 log.1", "created log"]);
}

#[test]
fn saving_over_a_file_modifies_it() {
    assert_eq!(changes(&[("a", file(1))], &[("a", file(2))]), ["modified a"]);
    let found = changes(&[("a", file(1)), ("a.tmp", file(2))], &[("a", file(2))]);
    assert_eq!(found, ["renamed a a.tmp"]);
}

#[test]
fn another_kind_is_another_thing() {
    assert_eq!(changes(&[("a", file(1))], &[("a", stamp(FileKind::Dir, 1, 10))]), ["created a"]);
}

#[test]
fn a_number_given_again_is_no_rename() {
    let mut other = file(1);
    if let Some(seen) = &mut other.seen {
        seen.created = Some(TimeSpec { seconds: 2, nanos: 0 });
    }
    assert_eq!(changes(&[("a", file(1))], &[("b", other)]), ["removed a", "created b"]);
    let changed = stamp(FileKind::File, 1, 11);
    assert_eq!(changes(&[("a", file(1))], &[("b", changed)]), ["removed a", "created b"]);
}

#[test]
fn hard_links_are_joined_one_to_one() {
    let found = changes(&[("a", file(1)), ("b", file(1))], &[("c", file(1)), ("d", file(1)), ("e", file(1))]);
    assert_eq!(found, ["renamed c a", "renamed d b", "created e"]);
}

#[test]
fn a_path_that_cannot_be_told_is_removed() {
    let mut difference = Difference::default();
    let key = FolderKey::of_source(0);
    difference.compare(&key, Some(&node(&[("a", file(1))])), Some(&node(&[("b", file(1))])));
    let events: Vec<_> = difference.changes(|_| false).iter().map(|change| change.event).collect();
    assert_eq!(events, [Event::Removed, Event::Created]);
}

#[test]
fn contents_go_before_their_folder() {
    let mut difference = Difference::default();
    let key = FolderKey::of_source(0).child(b"d");
    let folder = FolderNode { own: Some(stamp(FileKind::Dir, 9, 0)), ..node(&[("x", file(1))]) };
    difference.compare(&key, Some(&folder), None);
    let paths: Vec<_> = difference.changes(|_| true).into_iter().map(|change| change.row.path).collect();
    assert_eq!(paths, [b"d/x".to_vec(), b"d".to_vec()]);
}

#[test]
fn what_looks_the_same_may_have_been_written_to() {
    let key = FolderKey::of_source(0);
    let mut difference = Difference::default();
    difference.touch(&key, b"a", file(1));
    difference.touch(&key, b"b", file(2));
    difference.compare(&key, Some(&node(&[("b", file(2))])), None);
    let events: Vec<_> =
        difference.changes(|_| true).into_iter().map(|change| (change.event, change.row.path)).collect();
    assert_eq!(events, [(Event::Removed, b"b".to_vec()), (Event::Modified, b"a".to_vec())]);
}

#[test]
fn what_comes_from_one_source_to_another_under_one_path_stays() {
    let mut difference = Difference::default();
    let (first, second) = (FolderKey::of_source(0), FolderKey::of_source(2));
    let (stays, changes) = (("stays", file(1)), ("changes", file(2)));
    difference.compare(&first, Some(&node(&[changes, stays])), Some(&node(&[])));
    let now = [("changes", stamp(FileKind::File, 2, 11)), stays];
    difference.compare(&second, Some(&node(&[])), Some(&node(&now)));
    difference.unite(|row| Some(row.path.clone()));
    let found: Vec<_> = difference.changes(|_| true).into_iter().map(|change| (change.event, change.row)).collect();
    assert_eq!(found, [(Event::Modified, second.row(b"changes"))]);
}
