//! Opening and describing relative to a folder's handle, and never outside of that folder.
//!
//! On Linux the kernel resolves the path under `RESOLVE_BENEATH`: at no moment, whoever renames what meanwhile, does it
//! step outside. Where the kernel does not know that (before 5.6, and in sandboxes made before it), the path is resolved
//! here, one component at a time and without following any link, which refuses more and lets out no more.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::io::Errno;

use super::folder::{MAX_PATH_BYTES, descend_with, link_flag, status_of};
use super::status::of_statx;
use crate::error::OutsideRoot;
use crate::io::root::{FileKind, FileStatus};

/// How often a resolution is tried again that somebody's rename has disturbed. One in twenty is, under constant renames.
const ATTEMPTS: usize = 128;

/// No step leads outside.
pub(super) const INSIDE: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
/// And none goes through a link.
pub(super) const INSIDE_WITHOUT_LINKS: ResolveFlags = INSIDE.union(ResolveFlags::NO_SYMLINKS);

/// Opens `path` below `root`.
pub(super) fn open_beneath(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    resolve: ResolveFlags,
) -> io::Result<OwnedFd> {
    let resolved_beneath = |at: BorrowedFd<'_>, path: &[u8], flags| resolved_beneath(at, path, flags, resolve);
    let opened = if path.len() > MAX_PATH_BYTES {
        descend_with(root, path, &resolved_beneath)
            .and_then(|descent| resolved_beneath(descent.folder(root), descent.rest, flags))
    } else {
        resolved_beneath(root, path, flags)
    };
    match opened.as_ref().err().and_then(io::Error::raw_os_error).map(Errno::from_raw_os_error) {
        Some(Errno::NOSYS | Errno::PERM) => open_by_component(root, path, flags),
        _ => opened,
    }
}

/// Describes `path` below `root`.
pub(super) fn status_beneath(
    root: BorrowedFd<'_>,
    path: &[u8],
    follow: bool,
    resolve: ResolveFlags,
) -> io::Result<FileStatus> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | link_flag(follow);
    status_of(open_beneath(root, path, flags, resolve)?.as_fd())
}

fn resolved_beneath(at: BorrowedFd<'_>, path: &[u8], flags: OFlags, resolve: ResolveFlags) -> io::Result<OwnedFd> {
    let mut attempts = 0;
    loop {
        match rustix::fs::openat2(at, path, flags, Mode::empty(), resolve) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if attempts < ATTEMPTS => attempts += 1,
            Err(Errno::XDEV) => return Err(OutsideRoot.into()),
            Err(Errno::LOOP) if resolve == INSIDE && meets_magic_link(at, path, flags) => {
                return Err(OutsideRoot.into());
            }
            opened => return Ok(opened?),
        }
    }
}

/// Whether a path goes through a link of `/proc` to something that a process has open, which is resolved by no path and
/// so never inside. The system refuses it by the number of a loop of links, and without `NO_MAGICLINKS` as what leads out.
fn meets_magic_link(at: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> bool {
    // Nothing is opened, and other flags are refused with this one.
    let flags = flags & (OFlags::DIRECTORY | OFlags::NOFOLLOW) | OFlags::PATH | OFlags::CLOEXEC;
    let resolved =
        rustix::io::retry_on_intr(|| rustix::fs::openat2(at, path, flags, Mode::empty(), ResolveFlags::BENEATH));
    resolved.is_err_and(|error| error == Errno::XDEV)
}

/// The same without the kernel's help: no link is followed, wherever it leads.
pub(super) fn open_by_component(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    let needs_folder = path.ends_with(b"/") || matches!(parts.last(), Some(&b"." | &b".."));
    let last = if needs_folder { b".".as_slice() } else { parts.pop().unwrap_or(b".") };
    let mut entered: Vec<OwnedFd> = Vec::new();
    for part in parts {
        match part {
            b"." => {}
            b".." => _ = entered.pop().ok_or(OutsideRoot)?,
            name => {
                let here = entered.last().map_or(root, AsFd::as_fd);
                let next = open_entry(here, name, OFlags::PATH | OFlags::CLOEXEC)?;
                entered.push(next);
            }
        }
    }
    open_entry(entered.last().map_or(root, AsFd::as_fd), last, flags)
}

/// Opens an entry of a folder that is no link, unless it was asked for the link itself.
fn open_entry(folder: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let wants_link = flags.contains(OFlags::PATH | OFlags::NOFOLLOW);
    if !wants_link && kind_of(folder, name)? == FileKind::Symlink {
        return Err(OutsideRoot.into());
    }
    match rustix::io::retry_on_intr(|| rustix::fs::openat(folder, name, flags | OFlags::NOFOLLOW, Mode::empty())) {
        // It was swapped for a link meanwhile.
        Err(Errno::LOOP) => Err(OutsideRoot.into()),
        opened => {
            let opened = opened?;
            let is_link =
                !wants_link && flags.contains(OFlags::PATH) && status_of(opened.as_fd())?.kind == FileKind::Symlink;
            if is_link { Err(OutsideRoot.into()) } else { Ok(opened) }
        }
    }
}

fn kind_of(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<FileKind> {
    let flags = AtFlags::NO_AUTOMOUNT | AtFlags::SYMLINK_NOFOLLOW;
    let statx = rustix::io::retry_on_intr(|| rustix::fs::statx(folder, name, flags, StatxFlags::TYPE))?;
    Ok(of_statx(&statx).kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::root::{FolderUse, Root};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    /// A root with links of every sort, and a secret beside it.
    fn tree() -> (tempfile::TempDir, OwnedFd) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::create_dir(dir.path().join("rootless")).unwrap();
        for name in ["secret", "rootless/secret", "root/file", "root/a/b/file"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        for (target, link) in [
            ("../secret", "up"),
            ("../missing", "up_missing"),
            ("../../../secret", "a/b/up"),
            ("/etc/passwd", "absolute"),
            ("a/b", "inside"),
            ("../../file", "a/b/inside"),
            ("up", "chain"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        symlink(dir.path(), root.join("whole")).unwrap();
        let handle =
            crate::io::root::open_folder(rustix::fs::CWD, root.as_os_str().as_bytes(), FolderUse::Listing, true)
                .unwrap();
        (dir, handle)
    }

    fn inside(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
        open_beneath(root, path, flags, INSIDE)
    }

    const ESCAPES: [&str; 14] = [
        "..",
        "../",
        "../secret",
        "../missing",
        "../rootless/secret",
        "a/../../secret",
        "a/b/../../../root/file",
        "up",
        "up_missing",
        "a/b/up",
        "absolute",
        "chain",
        "whole/secret",
        "inside/up",
    ];

    #[test]
    fn no_spelling_and_no_link_leads_out() {
        let (_dir, root) = tree();
        let content = crate::io::root::linux::folder::CONTENT;
        for path in ESCAPES {
            for open in [inside, open_by_component] {
                let error = open(root.as_fd(), path.as_bytes(), content).unwrap_err();
                assert!(OutsideRoot::is_in(&error), "{path}: {error}");
            }
            assert!(
                OutsideRoot::is_in(&status_beneath(root.as_fd(), path.as_bytes(), true, INSIDE).unwrap_err()),
                "{path}"
            );
        }
        for path in ["file", "./a//b/file", "a/../file", "a/b/../b/./file"] {
            for open in [inside, open_by_component] {
                open(root.as_fd(), path.as_bytes(), content).unwrap();
            }
        }
        // Links that stay inside are followed where the kernel watches them, and the link itself can be described.
        assert_eq!(status_beneath(root.as_fd(), b"a/b/inside", true, INSIDE).unwrap().kind, FileKind::File);
        assert_eq!(status_beneath(root.as_fd(), b"absolute", false, INSIDE).unwrap().kind, FileKind::Symlink);
        let link = OFlags::PATH | OFlags::NOFOLLOW;
        open_by_component(root.as_fd(), b"absolute", link).unwrap();
        assert!(OutsideRoot::is_in(&open_by_component(root.as_fd(), b"inside/file", content).unwrap_err()));
    }

    #[test]
    fn long_paths_stay_inside_too() {
        let (_dir, root) = tree();
        let long = |path: &str| format!("{}{path}", "./".repeat(MAX_PATH_BYTES));
        inside(root.as_fd(), long("a/b/file").as_bytes(), crate::io::root::linux::folder::CONTENT).unwrap();
        for path in ESCAPES {
            let error = inside(root.as_fd(), long(path).as_bytes(), OFlags::PATH).unwrap_err();
            assert!(OutsideRoot::is_in(&error), "{path}: {error}");
        }
    }

    #[test]
    fn an_absolute_path_is_taken_from_the_root_if_it_begins_with_it() {
        let (dir, _) = tree();
        let path = dir.path().join("root");
        let root = Root::confined(path.as_os_str().as_bytes()).unwrap();
        root.open_content(path.join("file").as_os_str().as_bytes(), true).unwrap();
        root.open_folder(path.as_os_str().as_bytes(), FolderUse::Listing, true).unwrap();
        for outside in ["/etc/passwd", "/missing", dir.path().join("rootless/secret").to_str().unwrap()] {
            assert!(OutsideRoot::is_in(&root.status(outside.as_bytes(), true).unwrap_err()), "{outside}");
        }
    }
}
