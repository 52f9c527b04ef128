//! What is true of handles and roots on every side.

mod denied;
mod dots;

use super::path_bytes::of_path;
use super::*;
use crate::io::test_files::{fifo, symlink};
use std::path::Path;

/// A root with folders and files, and a secret beside it.
fn tree() -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    std::fs::create_dir(dir.path().join("rootless")).unwrap();
    for name in ["secret", "rootless/secret", "root/file", "root/a/b/file"] {
        std::fs::write(dir.path().join(name), name).unwrap();
    }
    let confined = Root::confined(&of_path(&root)).unwrap();
    (dir, confined)
}

fn assert_outside(root: &Root, path: &str) {
    let path = path.as_bytes();
    let errors = [
        root.open_content(path, true).err(),
        root.status(path, true).err(),
        root.open_folder(path, FolderUse::Listing, true).err(),
        root.open_folder(path, FolderUse::Passing, true).err(),
    ];
    for error in errors {
        let error = error.unwrap_or_else(|| panic!("{} was reached", String::from_utf8_lossy(path)));
        assert!(OutsideRoot::is_in(&error), "{}: {error}", String::from_utf8_lossy(path));
    }
}

fn content(file: &Handle) -> Vec<u8> {
    let mut bytes = [0; 64];
    let read = read_at(file.as_handle(), &mut bytes, 0).unwrap();
    bytes[..read].to_vec()
}

#[test]
fn no_spelling_leads_out_of_a_root() {
    let (dir, root) = tree();
    let secret = of_path(&dir.path().join("rootless/secret"));
    for path in ["..", "../", "../secret", "../missing", "../rootless/secret", "a/../../secret", "a/b/../../../secret"]
    {
        assert_outside(&root, path);
        assert_outside(&root, &format!("./{path}"));
    }
    assert_outside(&root, std::str::from_utf8(&secret).unwrap());
    for path in
        if cfg!(windows) { ["/Windows", "C:secret", "D:/", r"\\server\share\x"] } else { ["/etc", "/", "/x", "//x"] }
    {
        assert_outside(&root, path);
    }
    if cfg!(windows) {
        assert_outside(&root, r"..\secret");
        assert_outside(&root, r"a\..\..\secret");
    }
}

#[test]
fn what_lies_in_a_root_is_reached_by_any_spelling() {
    let (dir, root) = tree();
    let absolute = of_path(&dir.path().join("root/file"));
    let absolute = std::str::from_utf8(&absolute).unwrap();
    for path in ["file", "./file", "a/../file", "a/b/../.././/file", absolute] {
        assert_eq!(content(&root.open_content(path.as_bytes(), true).unwrap()), b"root/file", "{path}");
        assert_eq!(root.status(path.as_bytes(), false).unwrap().size, 9, "{path}");
    }
    if cfg!(windows) {
        let long = format!(r"\\?\{}", absolute.replace('/', r"\"));
        for path in [r"a\..\file", &absolute.to_uppercase(), &absolute.replace('/', r"\"), &long] {
            assert_eq!(content(&root.open_content(path.as_bytes(), true).unwrap()), b"root/file", "{path}");
        }
    }
    let inner = root.open_folder(b"a/b", FolderUse::Listing, true).unwrap();
    assert_eq!(content(&open_content(inner.as_handle(), b"file", false).unwrap()), b"root/a/b/file");
    let real = root.canonical_of(Some(inner.as_handle()), b"a/b").unwrap();
    assert_eq!(root.path_below(&real).unwrap(), b"a/b");
    assert_eq!(root.open_content(b"missing", true).unwrap_err().kind(), io::ErrorKind::NotFound);
}

/// Slashes and dots that say nothing are not looked at, wherever in an absolute path they stand.
#[test]
fn an_absolute_path_is_inside_whatever_its_slashes_and_dots() {
    let (dir, _) = tree();
    let top = of_path(&dir.path().canonicalize().unwrap());
    let top = std::str::from_utf8(&top).unwrap();
    let (drive, below) = top.split_at(spelling::root_bytes(top.as_bytes()));
    let spelled = |path: &str| format!("{drive}{below}/{path}");
    for given in ["root", "root/", "./root", "root/.", "root//", "rootless/../root"].map(spelled) {
        let root = Root::confined(given.as_bytes()).unwrap();
        let mut paths: Vec<_> = ["root/file", "root//file", "root/./file", "./root/.//./file", ".//root/a/../file"]
            .iter()
            .map(|path| spelled(path))
            .collect();
        paths.push(format!("{drive}./{below}/root/file"));
        if !cfg!(windows) {
            // Two slashes before everything are a share on Windows.
            paths.extend([format!("/{}", spelled("root/file")), format!("//{}", spelled("./root/file"))]);
        }
        for path in paths {
            assert_eq!(root.relative(path.as_bytes()).unwrap().rsplit(|byte| *byte == b'/').next(), Some(&b"file"[..]));
            assert_eq!(content(&root.open_content(path.as_bytes(), true).unwrap()), b"root/file", "{given} {path}");
        }
        for path in ["root", "root/", "root//", "root/.", "root/./", ".//root"] {
            assert_eq!(&*root.relative(spelled(path).as_bytes()).unwrap(), b".", "{given} {path}");
        }
        for path in ["rootless", "rootless/secret", "roo", "", "./rootless//secret", "secret", "Root/../secret"] {
            assert_outside(&root, &spelled(path));
        }
    }
    let root = Root::confined(spelled("root").as_bytes()).unwrap();
    if !cfg!(windows) {
        // What says that it wants a folder still does.
        assert_eq!(&*root.relative(spelled("root//a/b/").as_bytes()).unwrap(), b"a/b/");
        assert!(root.open_content(spelled("root//file/").as_bytes(), true).is_err());
    }
}

/// A root is called what the caller called it, and what the system calls it, without what says nothing.
#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn a_root_behind_a_link_is_known_by_both_names() {
    let (dir, _) = tree();
    let top = of_path(&dir.path().canonicalize().unwrap());
    let top = std::str::from_utf8(&top).unwrap();
    symlink("root", &dir.path().join("link"));
    for given in ["link", "link/", "link//.", "./link"] {
        let root = Root::confined(format!("{top}/{given}").as_bytes()).unwrap();
        for path in ["link", "link/", "root", "root/./"] {
            assert_eq!(&*root.relative(format!("{top}/{path}").as_bytes()).unwrap(), b".", "{given} {path}");
            let path = format!("{top}//{path}/a/b/file");
            assert_eq!(content(&root.open_content(path.as_bytes(), true).unwrap()), b"root/a/b/file", "{given} {path}");
        }
    }
}

/// The system marks the path of what was removed, and a name may end like that mark.
#[test]
#[cfg_attr(windows, ignore = "there, what is open is not removed")]
fn a_name_that_ends_like_a_removed_one_is_a_name() {
    let (dir, _) = tree();
    let place = dir.path().canonicalize().unwrap().join("root (deleted)");
    std::fs::create_dir_all(place.join("inner (deleted)")).unwrap();
    let root = Root::confined(&of_path(&place)).unwrap();
    std::fs::rename(&place, place.with_file_name("other (deleted)")).unwrap();
    let inner = root.open_folder(b"inner (deleted)", FolderUse::Passing, true).unwrap();
    let real = root.canonical_of(Some(inner.as_handle()), b"inner (deleted)").unwrap();
    if !IS_PORTABLE {
        assert_eq!(real, of_path(&place.with_file_name("other (deleted)").join("inner (deleted)")));
    }
    assert_eq!(root.path_below(&real).unwrap(), b"inner (deleted)");
}

/// Links in `/proc` lead to what a process has open, not to a path, so that nothing keeps them inside.
#[test]
#[cfg(all(target_os = "linux", not(feature = "portable")))]
fn a_magic_link_leads_out() {
    let root = Root::confined(b"/proc/self").unwrap();
    let open = tempfile::tempfile().unwrap();
    let descriptor = format!("fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
    for path in ["cwd", "root", "exe", "root/etc/passwd", "cwd/missing", "root/missing", &descriptor] {
        assert_outside(&root, path);
    }
    assert_eq!(root.status(b"exe", false).unwrap().kind, FileKind::Symlink);
    assert_eq!(root.open_content(b"fd/99999", true).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(root.open_content(b"stat", true).is_ok());
}

#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn a_loop_of_links_does_not_lead_out() {
    let (dir, root) = tree();
    for (target, link) in [("two", "one"), ("one", "two"), ("self", "self"), ("a/deep", "a/deep")] {
        symlink(target, &dir.path().join("root").join(link));
    }
    for path in ["one", "self", "one/file", "a/../two"] {
        for error in [root.open_content(path.as_bytes(), true).err(), root.status(path.as_bytes(), true).err()] {
            let error = error.unwrap_or_else(|| panic!("{path} was reached"));
            assert!(!OutsideRoot::is_in(&error), "{path}: {error}");
        }
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn no_link_leads_out_of_a_root() {
    let (dir, root) = tree();
    let place = dir.path().join("root");
    for (target, link) in [
        ("../secret", "up"),
        ("../missing", "up_missing"),
        ("../../../secret", "a/b/up"),
        ("/etc/passwd", "absolute"),
        ("a/b", "inside"),
        ("../../file", "a/b/inside"),
        ("up", "chain"),
        ("..", "above"),
    ] {
        symlink(target, &place.join(link));
    }
    for path in
        ["up", "up_missing", "a/b/up", "absolute", "chain", "above", "above/secret", "inside/up", "above/root/file"]
    {
        assert_outside(&root, path);
    }
    assert_eq!(root.status(b"absolute", false).unwrap().kind, FileKind::Symlink);
    // Relative to a folder of the root, no link is followed at all.
    let here = root.open_folder(b".", FolderUse::Listing, true).unwrap();
    for name in ["up", "absolute", "chain"] {
        assert!(is_link(&open_content(here.as_handle(), name.as_bytes(), false).unwrap_err()), "{name}");
    }
    assert!(open_folder(here.as_handle(), b"above", FolderUse::Listing, false).is_err());
    assert!(open_folder_below(here.as_handle(), b"inside").is_err());
    open_folder_below(here.as_handle(), b"a/b").unwrap();
}

/// Hazard 4: a folder on the way is flipped to a link out of the root while it is opened through.
#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn nothing_leaks_while_a_folder_is_swapped_for_a_link() {
    let (dir, root) = tree();
    let place = dir.path().join("root");
    std::fs::create_dir(place.join("folder")).unwrap();
    std::fs::write(place.join("folder/secret"), "inside").unwrap();
    symlink("../rootless", &place.join("link"));
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let rename = |from: &str, to: &str| std::fs::rename(place.join(from), place.join(to)).unwrap();
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                rename("folder", "kept");
                rename("link", "folder");
                rename("folder", "link");
                rename("kept", "folder");
            }
        });
        let mut inside = 0;
        for _ in 0..20_000 {
            if let Ok(file) = root.open_content(b"folder/secret", true) {
                assert_eq!(content(&file), b"inside");
                inside += 1;
            }
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(inside > 0);
    });
}

#[test]
#[cfg_attr(windows, ignore = "needs symbolic links, which Wine does not make")]
fn a_link_that_is_not_to_be_followed_is_told_as_one() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("real/inner")).unwrap();
    std::fs::write(dir.path().join("f"), "x").unwrap();
    symlink("f", &dir.path().join("l"));
    symlink("real", &dir.path().join("folder"));
    let at = open_folder(working_folder(), &of_path(dir.path()), FolderUse::Listing, true).unwrap();
    let at = at.as_handle();
    assert!(is_link(&open_content(at, b"l", false).unwrap_err()));
    open_content(at, b"l", true).unwrap();
    assert!(open_folder(at, b"folder", FolderUse::Listing, false).is_err());
    open_folder(at, b"folder", FolderUse::Listing, true).unwrap();
    open_folder_below(at, b"real/inner").unwrap();
    assert!(is_link(&open_folder_below(at, b"folder/inner").unwrap_err()));
    assert_eq!(status_at(at, b"l", false).unwrap().kind, FileKind::Symlink);
    assert_eq!(status_at(at, b"l", true).unwrap().kind, FileKind::File);
}

#[test]
#[cfg_attr(windows, ignore = "there are no named pipes in folders")]
fn a_pipe_without_a_writer_opens_at_once() {
    let (dir, confined) = tree();
    let path = dir.path().join("root/pipe");
    fifo(&path);
    for (root, path) in [(&Root::free(), of_path(&path)), (&confined, b"pipe".to_vec())] {
        assert_eq!(root.status(&path, true).unwrap().kind, FileKind::Fifo);
        let opened = root.open_content(&path, true).unwrap();
        assert_eq!(status_of(opened.as_handle()).unwrap().kind, FileKind::Fifo);
    }
}

#[test]
fn a_folder_is_listed_by_name_and_kind() {
    let (dir, confined) = tree();
    let free = open_folder(working_folder(), &of_path(&dir.path().join("root")), FolderUse::Listing, true).unwrap();
    let inside = confined.open_folder(b".", FolderUse::Listing, true).unwrap();
    for folder in [free, inside] {
        let mut found = Vec::new();
        let listed = each_entry(folder.as_handle(), &mut EntryBuffer::default(), |name, kind| {
            found.push((name.to_vec(), kind));
            std::ops::ControlFlow::Continue(())
        });
        assert!(listed.unwrap().is_continue());
        found.sort_by(|one, two| one.0.cmp(&two.0));
        assert_eq!(found, [(b"a".to_vec(), FileKind::Dir), (b"file".to_vec(), FileKind::File)]);
        let status = status_at(folder.as_handle(), b"file", false).unwrap();
        assert_eq!((status.kind, status.size, status.unix.is_some()), (FileKind::File, 9, cfg!(unix)));
        let opened = open_content(folder.as_handle(), b"file", false).unwrap();
        let same = status_of(opened.as_handle()).unwrap();
        assert_eq!((same.inode, same.device, same.modified), (status.inode, status.device, status.modified));
        let other = status_at(folder.as_handle(), b"a/b/file", false).unwrap();
        assert_ne!(other.inode, status.inode, "two files have two numbers");
        assert!(open_folder(folder.as_handle(), b"file", FolderUse::Listing, true).is_err());
        assert_eq!(status_at(folder.as_handle(), b"", false).unwrap().kind, FileKind::Dir);
    }
}

#[test]
#[cfg_attr(not(windows), ignore = "names are what they are outside of Windows")]
fn devices_and_streams_are_never_opened_on_windows() {
    let (dir, confined) = tree();
    let front = of_path(&dir.path().join("root"));
    for name in
        ["NUL", "nul.txt", "CON", "a/AUX", "COM1.log", "file:stream", "file::$DATA", "file.", "file ", "a./b/file"]
    {
        for (root, path) in
            [(&Root::free(), [&front, b"/".as_slice(), name.as_bytes()].concat()), (&confined, name.into())]
        {
            for error in [root.open_content(&path, true).err(), root.status(&path, true).err()] {
                let error = error.unwrap_or_else(|| panic!("{name} was opened"));
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}: {error}");
            }
        }
    }
    for device in [r"\\.\PhysicalDrive0", "//./pipe/x", r"\\?\GLOBALROOT\x", "NUL", "C:/NUL"] {
        assert!(Root::free().open_content(device.as_bytes(), true).is_err(), "{device}");
    }
}

/// Paths of more than 260 characters need a prefix there that nobody has to write.
#[test]
fn a_path_of_a_thousand_characters_is_opened() {
    let (dir, confined) = tree();
    let part = "n".repeat(100);
    let long = format!("{}/file", [part.as_str(); 10].join("/"));
    let place = dir.path().join("root").join(Path::new(&long));
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, "long").unwrap();
    assert_eq!(content(&Root::free().open_content(&of_path(&place), true).unwrap()), b"long");
    assert_eq!(content(&confined.open_content(long.as_bytes(), true).unwrap()), b"long");
    assert_eq!(confined.status(long.as_bytes(), false).unwrap().size, 4);
}
