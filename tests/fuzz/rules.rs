//! Globs and ignore files: whatever they hold, they are used or refused, and what changes nothing in them changes nothing.
#![no_main]

use std::os::fd::AsFd;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vespera_file_ops::search::{Filter, FilterOptions, FolderRules, GlobalExcludes, Present, Verdict};

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir_in("/dev/shm").unwrap());

/// What an ignore file of this content says of a path in its folder.
fn decided(filter: &Filter, content: &[u8], path: &[u8], is_dir: bool) -> (bool, Verdict) {
    std::fs::write(FOLDER.path().join(".ignore"), content).unwrap();
    let folder = std::fs::File::open(FOLDER.path()).unwrap();
    let present = Present { ignore: true, ..Present::default() };
    let (rules, problems) = filter.enter(&FolderRules::default(), folder.as_fd(), b"", b"", present);
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    (problems.is_empty(), filter.decide(&rules, path, name, is_dir))
}

fn kept(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Ignored(_) => "ignored",
        Verdict::Keep => "kept",
        Verdict::Hidden => "hidden",
        Verdict::Unwanted => "unwanted",
    }
}

fn options(globs: Vec<String>) -> FilterOptions {
    FilterOptions {
        exclude: globs,
        require_git: false,
        global_excludes: GlobalExcludes::Nowhere,
        ..FilterOptions::default()
    }
}

fuzz_target!(|data: &[u8]| {
    // A line for a glob, a line for a path, and the rest is the ignore file.
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let (glob, path, content) = (parts.next().unwrap_or(b""), parts.next().unwrap_or(b""), parts.next().unwrap_or(b""));
    if path.is_empty() || path.contains(&0) || path.starts_with(b"/") || path.ends_with(b"/") {
        return;
    }
    let glob = String::from_utf8_lossy(glob).into_owned();
    // What a caller gives is taken or refused, as `include` and as `exclude` alike.
    let taken = Filter::new(&options(vec![glob.clone()])).is_ok();
    let included = FilterOptions { include: vec![glob.clone()], exclude: Vec::new(), ..options(Vec::new()) };
    assert_eq!(taken, Filter::new(&included).is_ok(), "{glob:?}");
    if taken && let Ok(filter) = Filter::new(&options(vec![glob.clone(), glob.clone()])) {
        let once = Filter::new(&options(vec![glob])).unwrap();
        for is_dir in [false, true] {
            // A glob that is given twice says what it says.
            assert_eq!(kept(&decided(&once, b"", path, is_dir).1), kept(&decided(&filter, b"", path, is_dir).1));
        }
    }
    let filter = Filter::new(&options(Vec::new())).unwrap();
    let (usable, verdict) = decided(&filter, content, path, false);
    // A comment and an empty line are no rules.
    let commented = [b"# comment\n\n".as_slice(), content, b"\n# comment\n\n"].concat();
    let (still_usable, same) = decided(&filter, &commented, path, false);
    if content.len() < 1 << 16 && !content.starts_with(b"\xef\xbb\xbf") {
        assert_eq!(usable, still_usable);
        assert_eq!(kept(&verdict), kept(&same));
    }
});
