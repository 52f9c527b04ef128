use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::io::test_files;

fn file(content: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// A look that wants lines with an `x`.
fn want_x() -> MakeLook {
    Box::new(|| {
        Box::new(|bytes, lines_from, _| {
            let lines = &bytes[lines_from..];
            Preview { newlines: newlines(lines), wanted: lines.contains(&b'x') }
        })
    })
}

/// Reads a file with helpers, checks every stretch, and gives what was taken and where the owner was left alone.
fn read(content: &[u8], stretch_bytes: usize, helpers: usize) -> (Vec<u8>, Option<u64>) {
    let file = file(content);
    let shared = SharedRead::new(file.as_handle(), content.len() as u64, stretch_bytes, want_x()).unwrap();
    let mut owner = Owner::new(Arc::clone(&shared));
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|| {
                while !shared.is_over() {
                    shared.help();
                }
            });
        }
        let mut seen = Vec::new();
        let mut last = false;
        let rest = loop {
            match owner.take().unwrap() {
                Taken::Lines(stretch) => {
                    assert!(!last, "something follows the last lines");
                    last = stretch.last;
                    let (bytes, from) = (stretch.bytes(), stretch.before);
                    assert_eq!(stretch.offset + from as u64, seen.len() as u64);
                    assert_eq!(&bytes[..from], &seen[seen.len() - from..], "what stands before the lines");
                    assert!(from == 1 || seen.is_empty());
                    let lines = &bytes[from..];
                    assert!(last || lines.ends_with(b"\n"));
                    let preview = Preview { newlines: newlines(lines), wanted: lines.contains(&b'x') };
                    assert_eq!(stretch.preview, preview);
                    seen.extend_from_slice(lines);
                    owner.give_back(stretch);
                }
                Taken::Rest(offset) => break Some(offset),
                Taken::End => break None,
            }
        };
        assert_eq!(last, rest.is_none() && !content.is_empty());
        drop(owner);
        (seen, rest)
    })
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![4 => 0_usize..20, 1 => 20_usize..200].prop_flat_map(|length| {
        (prop::collection::vec(prop_oneof![8 => Just(b'a'), 1 => Just(b'x')], length), prop::bool::weighted(0.95))
    });
    prop::collection::vec(line, 0..60).prop_map(|lines| {
        lines.into_iter().fold(Vec::new(), |mut content, (line, ends)| {
            content.extend(line);
            content.extend(ends.then_some(b'\n'));
            content
        })
    })
}

proptest! {
    #[test]
    fn stretches_tile_the_file_in_whole_lines(content in content(), stretch_bytes in 1_usize..300, helpers in 0_usize..3) {
        let (seen, rest) = read(&content, stretch_bytes, helpers);
        prop_assert_eq!(&seen[..], &content[..seen.len()]);
        match rest {
            None => prop_assert_eq!(seen.len(), content.len()),
            Some(offset) => {
                prop_assert_eq!(offset, seen.len() as u64);
                let next = content[seen.len()..].split_inclusive(|&byte| byte == b'\n').scan(0, |begins, line| {
                    *begins += line.len();
                    (*begins - line.len() < stretch_bytes).then_some(line.len())
                });
                prop_assert!(next.max() > Some(stretch_bytes));
            }
        }
    }
}

#[test]
fn an_empty_file_has_no_stretches() {
    assert_eq!(read(b"", 8, 1), (Vec::new(), None));
}

#[test]
fn a_file_that_has_become_shorter_ends() {
    let file = file(&b"a line\n".repeat(10));
    let shared = SharedRead::new(file.as_handle(), 700, 16, want_x()).unwrap();
    let mut owner = Owner::new(shared);
    let mut taken = 0;
    while let Taken::Lines(stretch) = owner.take().unwrap() {
        assert!(!stretch.last);
        taken += stretch.bytes().len() - stretch.before;
    }
    assert!(taken < 70);
}

#[test]
#[cfg_attr(windows, ignore = "a pipe can be read at any place there")]
fn a_read_error_is_the_owners() {
    let (reader, _writer) = test_files::pipe();
    let shared = SharedRead::new(reader.as_handle(), 100, 16, want_x()).unwrap();
    assert!(Owner::new(shared).take().is_err());
}

#[test]
fn the_owner_does_not_wait_for_a_helper_that_panicked() {
    let file = file(&b"a line\n".repeat(10));
    let panics: MakeLook = Box::new(|| Box::new(|_, _, _| panic!("a defect")));
    let shared = SharedRead::new(file.as_handle(), 70, 16, panics).unwrap();
    let mut owner = Owner::new(Arc::clone(&shared));
    let helper = std::thread::spawn(move || shared.help());
    assert!(helper.join().is_err());
    assert_eq!(owner.take().unwrap_err().to_string(), "a helper panicked");
}

#[test]
fn helpers_run_ahead_within_bounds_and_leave_with_the_owner() {
    let content = b"a line\n".repeat(10_000);
    let file = file(&content);
    let shared = SharedRead::new(file.as_handle(), content.len() as u64, 16, want_x()).unwrap();
    let owner = Owner::new(Arc::clone(&shared));
    assert!(shared.help() >= PATIENCE, "it waited for room");
    assert_eq!(shared.progress().claimed, AHEAD);
    assert!(!shared.is_over());
    drop(owner);
    assert!(shared.is_over());
    assert!(shared.progress().read.is_empty());
    assert!(shared.help().is_zero());
}
