//! Up from a link is up from where it leads.

use super::*;
use proptest::prelude::*;

/// Up is where the system goes up: behind a link, from where the link leads.
#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn dots_are_taken_out_as_the_system_goes_up() {
    let (dir, root) = tree();
    let place = dir.path().canonicalize().unwrap();
    let top = of_path(&place);
    let top = std::str::from_utf8(&top).unwrap();
    for (target, link) in [
        ("a/b", "to_b"),
        ("to_b", "chain"),
        ("../..", "a/b/up"),
        ("../rootless", "out"),
        (&format!("{top}/rootless"), "absolute"),
    ] {
        symlink(target, &place.join("root").join(link));
    }
    for (path, plain) in [
        ("file", "file"),
        ("a/b/file", "a/b/file"),
        ("./a//b/./file", "a/b/file"),
        ("a/../file", "file"),
        ("a/b/../..", "."),
        ("to_b/file", "to_b/file"),
        ("to_b/../x", "a/x"),
        ("chain/../../a/../y", "y"),
        ("a/b/up/a/../file", "a/b/up/file"),
        ("a/b/up/to_b/..", "a"),
        (&format!("{top}//root/to_b/../b"), "a/b"),
    ] {
        let found = root.without_dots(path.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(&found), plain, "{path}");
    }
    for path in ["..", "a/../../root/file", "out/../secret", "absolute/../x", "to_b/../../../x", "/..", "a/b/up/.."] {
        let error = root.without_dots(path.as_bytes()).unwrap_err();
        assert!(OutsideRoot::is_in(&error), "{path}: {error}");
    }
    assert_eq!(root.without_dots(b"missing/../x").unwrap_err().kind(), io::ErrorKind::NotFound);
    let root = Root::free();
    for (path, plain) in [
        ("root/to_b/../x", "root/a/x"),
        ("root/out/../x", "x"),
        ("root/a/../file", "root/file"),
        ("root/to_b", "root/to_b"),
        ("../../../../../../../../../..", ""),
    ] {
        let found = root.without_dots(format!("{top}/{path}").as_bytes()).unwrap();
        let expected = if plain.is_empty() { "/".to_owned() } else { format!("{top}/{plain}") };
        assert_eq!(String::from_utf8_lossy(&found), expected, "{path}");
    }
    for (path, plain) in [("../../x", "../../x"), ("src/../../x", "../x"), ("src/..", "."), ("./src/./", "src")] {
        assert_eq!(root.without_dots(path.as_bytes()).unwrap(), plain.as_bytes(), "{path}");
    }
}

/// Whatever a path is made of, without its dots it leads to the same.
#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn without_its_dots_a_path_leads_to_the_same() {
    let (dir, confined) = tree();
    let place = dir.path().canonicalize().unwrap();
    for (target, link) in
        [("a/b", "in"), ("../..", "a/b/top"), ("../in/..", "a/in"), ("../rootless", "out"), ("..", "up")]
    {
        symlink(target, &place.join("root").join(link));
    }
    let top = String::from_utf8(of_path(&place)).unwrap();
    let part = prop::sample::select(vec!["a", "b", "..", "..", ".", "", "in", "top", "file", "out", "up", "root", "x"]);
    let config = ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(parts in prop::collection::vec(part, 1..9))| {
        let path = parts.join("/");
        for (root, front) in [(&confined, String::new()), (&confined, format!("{top}//root/")), (&Root::free(), format!("{top}/root/"))] {
            let path = [front.as_bytes(), path.as_bytes()].concat();
            if path.is_empty() {
                continue;
            }
            let Ok(reached) = root.status(&path, true) else { continue };
            let plain = root.without_dots(&path).unwrap();
            prop_assert!(!plain.split(|byte| *byte == b'/').any(|part| part == b".."));
            prop_assert_eq!(root.status(&plain, true).unwrap().inode, reached.inode);
        }
    });
}
