//! Paths: a source is found or refused, and what a table shows is normal.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vespera_file_ops::io::root::Root;
use vespera_file_ops::scan::{DescribeOptions, Operation, ScanOptions, SourceSpec, normalised};
use vespera_file_ops::{ErrorKind, ScanRequest};

/// Paths are asked for from a folder that holds a few names and links, and nothing is read.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
    std::fs::write(folder.path().join("a/f"), b"").unwrap();
    std::os::unix::fs::symlink("../..", folder.path().join("a/b/up")).unwrap();
    std::os::unix::fs::symlink("/etc", folder.path().join("a/etc")).unwrap();
    std::os::unix::fs::symlink("b", folder.path().join("a/in")).unwrap();
    std::env::set_current_dir(folder.path()).unwrap();
    folder
});

fuzz_target!(|data: &[u8]| {
    LazyLock::force(&FOLDER);
    let normal = normalised(data);
    assert_eq!(normalised(&normal), normal);
    assert_eq!(normal.first() == Some(&b'/'), data.first() == Some(&b'/'));
    assert!(!normal.is_empty());
    assert!(normal == b"/" || !normal.ends_with(b"/"));
    assert!(!normal.windows(2).any(|pair| pair == b"//"));
    assert!(normal == b"." || !normal.split(|byte| *byte == b'/').any(|part| part == b"."));

    // In a root, whatever is reached lies below it.
    if !data.is_empty() && !data.contains(&0) {
        let root = Root::confined(b"a").unwrap();
        if let Ok(opened) = root.open_content(data, true) {
            use std::os::fd::AsRawFd;
            let reached = std::fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd())).unwrap();
            assert!(reached.starts_with(FOLDER.path().join("a")), "{}", reached.display());
        }
        // Without its dots a path leads to the same.
        for root in [&root, &Root::free()] {
            if let Ok(reached) = root.status(data, true) {
                let plain = root.without_dots(data).unwrap();
                assert_eq!(root.status(&plain, true).unwrap().inode, reached.inode);
            }
        }
    }

    for may_be_glob in [false, true] {
        let source = SourceSpec { path: data.to_vec(), may_be_glob };
        for sources_are_list in [false, true] {
            let options = ScanOptions { sources: vec![source.clone()], sources_are_list, ..ScanOptions::default() };
            let asked = ScanRequest::new(options, Operation::Describe(DescribeOptions::default()));
            if let Err(error) = asked {
                assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
            }
        }
    }
});
