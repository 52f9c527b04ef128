//! What a root that denies names lets nobody reach.

use super::*;
use crate::error::DeniedName;

fn denying(dir: &tempfile::TempDir) -> Root {
    let globs = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
    Root::denying(&of_path(&dir.path().join("root")), &globs(&[".env*", "*.pem", ".git"]), &globs(&[".env.example"]))
        .unwrap()
}

/// A root with names that are denied, and links to them.
fn denied_tree() -> (tempfile::TempDir, Root) {
    let (dir, _) = tree();
    let root = dir.path().join("root");
    std::fs::create_dir(root.join(".git")).unwrap();
    for name in [".env", ".env.example", "a/key.pem", ".git/config"] {
        std::fs::write(root.join(name), name).unwrap();
    }
    let root = denying(&dir);
    (dir, root)
}

fn assert_denied(root: &Root, path: &str) {
    let path = path.as_bytes();
    let errors = [
        root.open_content(path, true).err(),
        root.status(path, true).err(),
        root.open_folder(path, FolderUse::Listing, true).err(),
        root.open_folder(path, FolderUse::Passing, true).err(),
    ];
    for error in errors {
        let error = error.unwrap_or_else(|| panic!("{} was reached", String::from_utf8_lossy(path)));
        assert!(DeniedName::is_in(&error), "{}: {error}", String::from_utf8_lossy(path));
    }
}

#[test]
fn no_spelling_reaches_a_denied_name() {
    let (_dir, root) = denied_tree();
    for path in [".env", "./.ENV", "a/key.pem", "a/Key.PEM", "a/../.env", ".git", ".git/", ".git/config", ".git/absent"]
    {
        assert_denied(&root, path);
    }
    for path in ["file", ".env.example", "a/b/file", "a/../file", "./a//b/../b/file", ".", "a/"] {
        root.status(path.as_bytes(), true).unwrap();
    }
    for path in ["..", "../.env", "a/../../secret", "../root/.env"] {
        assert_outside(&root, path);
    }
    assert_eq!(root.status(b"absent", true).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(root.denies(b".env.local") && !root.denies(b".env.example") && !Root::free().denies(b".env"));
}

#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn no_link_reaches_a_denied_name() {
    let (dir, root) = denied_tree();
    let top = dir.path().join("root");
    for (target, link) in [
        (".env", "to_env"),
        ("to_env", "chain"),
        ("../.git", "a/to_git"),
        (".env.absent", "to_absent"),
        ("b/../b/file", "a/to_file"),
        ("a", "to_a"),
        ("../secret", "out"),
        ("loop", "loop"),
    ] {
        symlink(target, &top.join(link));
    }
    for path in ["to_env", "chain", "a/to_git", "a/to_git/config", "a/to_git/absent", "to_absent", "to_a/to_git/x"] {
        assert_denied(&root, path);
    }
    for path in ["out", "to_a/../../secret"] {
        assert_outside(&root, path);
    }
    assert_eq!(content(&root.open_content(b"to_a/to_file", true).unwrap()), b"root/a/b/file");
    assert_eq!(root.status(b"to_env", false).unwrap().kind, FileKind::Symlink);
    assert_eq!(root.status(b"to_a/", false).unwrap().kind, FileKind::Dir);
    assert!(is_link(&root.open_content(b"a/to_file", false).unwrap_err()));
    let error = root.open_content(b"loop", true).unwrap_err();
    assert_eq!(error.raw_os_error(), changes::too_many_links().raw_os_error());
}

#[test]
fn long_paths_are_resolved_past_denied_names_too() {
    let (_dir, root) = denied_tree();
    let long = |path: &str| format!("{}{path}", "./".repeat(4096));
    root.status(long("a/b/file").as_bytes(), true).unwrap();
    assert_denied(&root, &long("a/key.pem"));
    assert_outside(&root, &long("../secret"));
}
