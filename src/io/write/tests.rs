use super::*;
use crate::io::hash::{hash_bytes_hex, hash_hex};
use crate::io::root::Root;
use crate::io::root::path_bytes::of_path;
use crate::io::test_files::symlink;
use std::ffi::OsString;
use std::path::Path;

fn write(path: &Path, content: &[u8], options: &WriteOptions) -> Result<Written> {
    write_file(&Root::free(), &of_path(path), content, options, &|| false)
}

fn expecting(content: &[u8]) -> WriteOptions {
    WriteOptions { expected: Some(Expected::Content(*blake3::hash(content).as_bytes())), ..WriteOptions::default() }
}

fn names(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn a_new_file_and_a_replaced_one_hold_what_was_written_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n".repeat(250));
    for content in [&b""[..], b"one", &vec![7; 3 * PIECE_BYTES + 1]] {
        for durable in [true, false] {
            let written = write(&path, content, &WriteOptions { durable, ..WriteOptions::default() }).unwrap();
            assert_eq!((written.bytes, hash_hex(&written.blake3)), (content.len() as u64, hash_bytes_hex(content)));
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
    }
    assert_eq!(names(dir.path()).len(), 1);
}

#[test]
#[cfg_attr(windows, ignore = "there are no permission bits")]
fn the_mode_is_kept_or_given() {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, b"old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o4640)).unwrap();
        write(&path, b"new", &WriteOptions::default()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o4640);
        for path in [path, dir.path().join("other")] {
            write(&path, b"new", &WriteOptions { mode: Some(0o604), ..WriteOptions::default() }).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o604);
        }
    }
}

#[test]
fn only_the_expected_content_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let absent = WriteOptions { expected: Some(Expected::Absent), ..WriteOptions::default() };
    let conflict = |result: Result<Written>| assert_eq!(result.unwrap_err().kind(), ErrorKind::Conflict);
    conflict(write(&path, b"one", &expecting(b"one")));
    write(&path, b"one", &absent).unwrap();
    conflict(write(&path, b"two", &absent));
    conflict(write(&path, b"two", &expecting(b"other")));
    write(&path, b"two", &expecting(b"one")).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"two");
    assert_eq!(names(dir.path()).len(), 1);
}

/// Hazard 10: whoever changes the file between the check and the rename is not overwritten.
#[test]
fn a_change_after_the_check_is_a_conflict() {
    struct Meddling<'a>(&'a Path, &'a [u8]);
    impl Content for Meddling<'_> {
        fn pieces(&self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
            std::fs::write(self.0, self.1).unwrap();
            take(b"new")
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    for (meddled, is_conflict) in [(b"OLD", true), (b"old", false)] {
        std::fs::write(&path, b"old").unwrap();
        let bytes = &of_path(&path);
        let result = write_file(&Root::free(), bytes, &Meddling(&path, meddled), &expecting(b"old"), &|| false);
        assert_eq!(result.map_err(|error| error.kind()).err(), is_conflict.then_some(ErrorKind::Conflict));
        assert_eq!(std::fs::read(&path).unwrap(), if is_conflict { meddled } else { b"new" });
        assert_eq!(names(dir.path()).len(), 1);
    }
    let absent = WriteOptions { expected: Some(Expected::Absent), ..WriteOptions::default() };
    std::fs::remove_file(&path).unwrap();
    let result = write_file(&Root::free(), &of_path(&path), &Meddling(&path, b"mine"), &absent, &|| false);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!((std::fs::read(&path).unwrap(), names(dir.path()).len()), (b"mine".to_vec(), 1));
}

#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn a_link_is_written_through_or_replaced() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("real")).unwrap();
    let link = dir.path().join("link");
    symlink("real/file", &link);
    write(&link, b"through", &WriteOptions::default()).unwrap();
    assert_eq!(std::fs::read(dir.path().join("real/file")).unwrap(), b"through");
    assert!(link.is_symlink());
    write(&link, b"instead", &WriteOptions { follow_symlinks: false, ..WriteOptions::default() }).unwrap();
    assert!(!link.is_symlink());
    assert_eq!(std::fs::read(dir.path().join("real/file")).unwrap(), b"through");
    assert_eq!(names(dir.path()), ["link", "real"]);
}

#[test]
fn hard_links_are_broken_only_if_told() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    std::fs::write(&one, b"old").unwrap();
    std::fs::hard_link(&one, &two).unwrap();
    let error = write(&one, b"new", &WriteOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Argument);
    assert!(error.to_string().contains("break_hard_links=True"), "{error}");
    write(&one, b"new", &WriteOptions { break_hard_links: true, ..WriteOptions::default() }).unwrap();
    assert_eq!((std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap()), (b"new".to_vec(), b"old".to_vec()));
}

#[test]
fn a_stopped_write_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, b"old").unwrap();
    let looks = std::cell::Cell::new(0);
    let stopped = || {
        looks.set(looks.get() + 1);
        looks.get() > 2
    };
    let content = vec![1; 4 * PIECE_BYTES];
    let options = WriteOptions { durable: false, ..WriteOptions::default() };
    let error = write_file(&Root::free(), &of_path(&path), &content[..], &options, &stopped).unwrap_err();
    assert_eq!((error.kind(), looks.get()), (ErrorKind::Cancelled, 3));
    assert_eq!((std::fs::read(&path).unwrap(), names(dir.path()).len()), (b"old".to_vec(), 1));
}

/// Hazard 12: a sweeper that takes a file for abandoned before its writer has locked it.
#[test]
#[cfg_attr(windows, ignore = "Wine removes a file that is open when it is closed")]
fn a_temporary_file_that_was_removed_is_made_again() {
    struct Swept<'a>(&'a Path, std::cell::Cell<u32>);
    impl Content for Swept<'_> {
        fn pieces(&self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
            self.1.set(self.1.get() + 1);
            if self.1.get() < 3 {
                for name in names(self.0) {
                    std::fs::remove_file(self.0.join(name)).unwrap();
                }
            }
            take(b"new")
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let content = Swept(dir.path(), std::cell::Cell::new(0));
    write_file(&Root::free(), &of_path(&path), &content, &WriteOptions::default(), &|| false).unwrap();
    assert_eq!((std::fs::read(&path).unwrap(), content.1.get()), (b"new".to_vec(), 3));
}
