use super::*;
use Style::{Posix, Windows};

#[test]
fn one_folder_has_one_spelling() {
    for (style, given, shown) in [
        (Posix, "src", "src"),
        (Posix, "./src", "src"),
        (Posix, "src//a/", "src/a"),
        (Posix, "src/./a", "src/a"),
        (Posix, ".", "."),
        (Posix, "./", "."),
        (Posix, "/", "/"),
        (Posix, "//usr//lib/", "/usr/lib"),
        (Posix, "../x", "../x"),
        (Posix, r"a\b", r"a\b"),
        (Posix, "C:/x", "C:/x"),
        (Windows, r".\src\\a\", "src/a"),
        (Windows, r"c:\", "C:/"),
        (Windows, r"C:\Users\.\me\", "C:/Users/me"),
        (Windows, "C:", "C:"),
        (Windows, r"c:x\y", "C:x/y"),
        (Windows, r"\x", "/x"),
        (Windows, r"\\server\share", "//server/share/"),
        (Windows, r"\\server\share\a\\b", "//server/share/a/b"),
        (Windows, r"\\?\C:\a", "C:/a"),
        (Windows, r"\\?\c:", "C:/"),
        (Windows, r"\\?\UNC\server\share\a", "//server/share/a"),
        (Windows, r"\\?\Volume{1}\a", "//?/Volume{1}/a"),
        (Windows, r"..\x", "../x"),
        (Windows, "/", "/"),
    ] {
        let normalised = style.normalised(given.as_bytes());
        assert_eq!(String::from_utf8_lossy(&normalised), shown, "{given}");
        assert_eq!(style.normalised(&normalised), normalised, "{given} twice");
    }
}

#[test]
fn a_path_starts_at_a_drive_a_share_or_where_the_process_stands() {
    for (style, path, root, absolute) in [
        (Posix, "a/b", 0, false),
        (Posix, "/a", 1, true),
        (Posix, "C:/a", 0, false),
        (Windows, "C:/a", 3, true),
        (Windows, "C:a", 2, false),
        (Windows, "/a", 1, false),
        (Windows, "//server/share/a", 15, true),
        (Windows, "//server/share", 14, true),
        (Windows, "1:/a", 0, false),
        (Windows, "a:b", 2, false),
        (Windows, "ab:c", 0, false),
    ] {
        assert_eq!((style.root_bytes(path.as_bytes()), style.is_absolute(path.as_bytes())), (root, absolute), "{path}");
    }
}

#[test]
fn devices_streams_and_names_that_windows_changes_are_refused() {
    for path in [
        "CON",
        "nul",
        "a/NUL.txt",
        "aux.tar.gz",
        "COM1",
        "com9.log",
        "LPT0",
        "COM\u{b2}",
        "CON .txt",
        "conin$",
        "prn/x",
        "x.txt:stream",
        "C:/a/b:c",
        r"C:\a\b::$DATA",
        "ab:c",
        "name.",
        "name ",
        "folder. /x",
        "...",
        r"\\.\pipe\x",
        r"\\.\PhysicalDrive0",
        r"\\?\GLOBALROOT\Device\x",
        r"\\?\pipe\x",
    ] {
        assert!(Windows.refusal(path.as_bytes()).is_some(), "{path}");
        assert_eq!(Posix.refusal(path.as_bytes()), None, "{path}");
    }
    for path in [
        ".",
        "..",
        "../x",
        "CONFIG",
        "nul_",
        "COM",
        "COM10",
        "COMA",
        "console.txt",
        "C:/a",
        "C:a",
        r"C:\",
        ".hidden",
        "a b.txt",
        " a",
        r"\\server\share\x",
        r"\\?\C:\a",
        r"\\?\UNC\server\share\a",
        r"\\?\Volume{1}\a",
        "ECON.txt",
    ] {
        assert_eq!(Windows.refusal(path.as_bytes()), None, "{path}");
    }
    let why = Windows.refusal(b"a/NUL.txt").unwrap_or_default();
    assert!(why.starts_with("'NUL.txt' is a device"), "{why}");
}

#[test]
fn an_absolute_path_is_inside_by_whole_components_alone() {
    for (style, root, path, rest) in [
        (Posix, "/srv/data", "/srv/data", Some("")),
        (Posix, "/srv/data", "/srv/data//", Some("")),
        (Posix, "/srv/data", "/srv/data/a/b", Some("a/b")),
        (Posix, "/srv/data", "/srv/data//a", Some("a")),
        (Posix, "/srv/data", "/srv/database", None),
        (Posix, "/srv/data", "/srv/Data", None),
        (Posix, "/srv/data", "/srv", None),
        (Posix, "/srv/data", "//srv/./data/./a/./b/", Some("a/./b/")),
        (Posix, "/srv/data", "/./srv//data/.", Some("")),
        (Posix, "/srv/data", "/srv/data/.a", Some(".a")),
        (Posix, "/srv/data", "/srv/data/../x", Some("../x")),
        (Posix, "/srv/data", "/srv/data./a", None),
        (Posix, "/srv/data", "/srv/.data/a", None),
        (Posix, "/srv/data", "/srv/../srv/data/a", None),
        (Posix, "/srv/data/", "/srv/data", Some("")),
        (Posix, "/srv/data", "srv/data/a", None),
        (Posix, "/", "//etc", Some("etc")),
        (Posix, "/", "/etc", Some("etc")),
        (Posix, "/", "/", Some("")),
        (Windows, "C:/Data", "c:/data/A", Some("A")),
        (Windows, "C:/", "C:/a", Some("a")),
        (Windows, "C:/Data", "D:/Data/a", None),
        (Windows, "//server/share/", "//server/share/a", Some("a")),
        (Windows, "//server/share/", "//Server/Share", Some("")),
        (Windows, "//server/share/", "//server/shared/a", None),
        (Windows, "C:/", "C:a", None),
    ] {
        assert_eq!(style.below(root.as_bytes(), path.as_bytes()), rest.map(str::as_bytes), "{root} {path}");
    }
}

#[test]
fn a_path_is_its_folder_and_its_name() {
    let of = |path: &str| {
        let (folder, name) = split_last(path.as_bytes());
        (String::from_utf8_lossy(folder).into_owned(), String::from_utf8_lossy(name).into_owned())
    };
    for (path, folder, name) in [("a", ".", "a"), ("a/b", "a", "b"), ("/a", "/", "a"), ("/a/b", "/a", "b")] {
        assert_eq!(of(path), (folder.to_owned(), name.to_owned()));
    }
    if cfg!(windows) {
        assert_eq!(of("C:/a"), ("C:/".to_owned(), "a".to_owned()));
        assert_eq!(of("//server/share/a"), ("//server/share/".to_owned(), "a".to_owned()));
    }
    for (folder, prefix) in [(".", ""), ("/", "/"), ("a", "a/"), ("/a/b", "/a/b/")] {
        assert_eq!(as_prefix(folder.as_bytes()), prefix.as_bytes());
        assert_eq!(of_prefix(prefix.as_bytes()), if folder == "." { b"" } else { folder.as_bytes() });
    }
}
