//! A folder's handle, and what can be opened or described relative to one.
//!
//! Every path that this library touches is resolved from a handle, never from a string that was checked earlier, so a
//! folder that is renamed while it is walked stays the folder that was entered. This file owns the system calls that
//! open and describe; it knows nothing of ignore rules, of order, or of what a content means.
//!
//! A path may be longer than the system takes in one call (4,095 bytes): it is then resolved in pieces, so a tree that
//! is 10,000 folders deep is an ordinary input.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::io::Errno;

use super::beneath::open_by_component;
use super::status::of_statx;
use crate::io::root::{FileStatus, FolderUse};

/// The longest path that one system call takes, without the NUL that ends it.
pub(super) const MAX_PATH_BYTES: usize = 4095;

/// Opens the folder `path`, relative to `at`; the empty path is `at` itself.
///
/// `follow` says whether a symlink in the last place is followed; those before it always are.
///
/// # Errors
/// Whatever the system reports: `ENOTDIR` for anything that is no folder, `ELOOP` or `ENOTDIR` for an unfollowed link.
pub fn open_folder(at: BorrowedFd<'_>, path: &[u8], purpose: FolderUse, follow: bool) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { b"." } else { path };
    open(at, path, folder_flags(purpose) | link_flag(follow))
}

pub(super) fn folder_flags(purpose: FolderUse) -> OFlags {
    let use_ = match purpose {
        FolderUse::Listing => OFlags::RDONLY,
        FolderUse::Passing => OFlags::PATH,
    };
    use_ | OFlags::DIRECTORY | OFlags::CLOEXEC
}

/// Opens the folder `path` below `at`, where it was found by a walk that followed no link: if there is one on the way
/// now, somebody has put it there, and it is an error.
///
/// # Errors
/// Whatever the system reports: `ELOOP` for a link, anywhere on the way.
pub fn open_folder_below(at: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    let no_links = ResolveFlags::NO_SYMLINKS;
    let opened = descend(at, path, no_links).and_then(|descent| {
        open_resolved(descent.folder(at), descent.rest, folder_flags(FolderUse::Listing), no_links)
    });
    match opened.as_ref().err().and_then(io::Error::raw_os_error).map(Errno::from_raw_os_error) {
        // Before Linux 5.6, and in sandboxes that were made before it, each component is watched by itself.
        Some(Errno::NOSYS | Errno::PERM) => {
            open_by_component(at, path, folder_flags(FolderUse::Listing)).map_err(|error| match error.raw_os_error() {
                None => Errno::LOOP.into(),
                Some(_) => error,
            })
        }
        _ => opened,
    }
}

fn open_resolved(at: BorrowedFd<'_>, path: &[u8], flags: OFlags, resolve: ResolveFlags) -> io::Result<OwnedFd> {
    Ok(rustix::io::retry_on_intr(|| {
        if resolve.is_empty() {
            rustix::fs::openat(at, path, flags, Mode::empty())
        } else {
            rustix::fs::openat2(at, path, flags, Mode::empty(), resolve)
        }
    })?)
}

/// Opens the content of the file `name` for reading, relative to `at`.
///
/// Never waits: a pipe without a writer opens at once, a terminal does not become the controlling one. Opening a device
/// can have effects of its own, so a caller that does not know an entry's kind describes it first.
///
/// # Errors
/// Whatever the system reports.
pub fn open_content(at: BorrowedFd<'_>, name: &[u8], follow: bool) -> io::Result<OwnedFd> {
    open(at, name, CONTENT | link_flag(follow))
}

/// How a content is opened.
pub(super) const CONTENT: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Describes the entry `name`, relative to `at`; the empty name is `at` itself.
///
/// # Errors
/// Whatever the system reports.
pub fn status_at(at: BorrowedFd<'_>, name: &[u8], follow: bool) -> io::Result<FileStatus> {
    if name.is_empty() {
        return status_of(at);
    }
    let flags = if follow { AtFlags::NO_AUTOMOUNT } else { AtFlags::NO_AUTOMOUNT | AtFlags::SYMLINK_NOFOLLOW };
    let descent = descend(at, name, ResolveFlags::empty())?;
    let statx = rustix::io::retry_on_intr(|| {
        rustix::fs::statx(descent.folder(at), descent.rest, flags, StatxFlags::BASIC_STATS | StatxFlags::BTIME)
    })?;
    Ok(of_statx(&statx))
}

/// Describes what an open handle refers to.
///
/// # Errors
/// Whatever the system reports.
pub fn status_of(file: BorrowedFd<'_>) -> io::Result<FileStatus> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let statx = rustix::io::retry_on_intr(|| rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, wanted))?;
    Ok(of_statx(&statx))
}

/// Whether `file` lies on a local disk file system, where a read that returns less than asked has met the file's end.
///
/// It is no more than that on network file systems, on FUSE and in `/proc`. Ask once a device, not once a file.
#[must_use]
pub fn is_known_disk(file: BorrowedFd<'_>) -> bool {
    // linux/magic.h, and each file system's own header for those that are missing there.
    const KNOWN: [u32; 19] = [
        0x0000_EF53, // ext2, ext3, ext4
        0x5846_5342, // xfs
        0x9123_683E, // btrfs
        0x0102_1994, // tmpfs
        0x8584_58F6, // ramfs
        0x794C_7630, // overlayfs
        0x2FC1_2FC1, // zfs
        0xF2F5_2010, // f2fs
        0xCA45_1A4E, // bcachefs
        0x7371_7368, // squashfs
        0xE0F5_E1E2, // erofs
        0x0000_4D44, // vfat
        0x2011_BAB0, // exfat
        0x7366_746E, // ntfs3
        0x0000_9660, // iso9660
        0x1501_3346, // udf
        0x3153_464A, // jfs
        0x5265_4973, // reiserfs
        0x0000_3434, // nilfs2
    ];
    // The field is a signed long on some systems and unsigned on others; the magic is its low 32 bits on all.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    rustix::fs::fstatfs(file).is_ok_and(|about| KNOWN.contains(&(about.f_type as u32)))
}

pub(super) fn link_flag(follow: bool) -> OFlags {
    if follow { OFlags::empty() } else { OFlags::NOFOLLOW }
}

pub(super) fn open(at: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let descent = descend(at, path, ResolveFlags::empty())?;
    open_resolved(descent.folder(at), descent.rest, flags, ResolveFlags::empty())
}

/// The part of a path that still has to be resolved, and the folder to resolve it from.
pub(super) struct Descent<'a> {
    reached: Option<OwnedFd>,
    pub(super) rest: &'a [u8],
}

impl Descent<'_> {
    pub(super) fn folder<'a>(&'a self, start: BorrowedFd<'a>) -> BorrowedFd<'a> {
        self.reached.as_ref().map_or(start, AsFd::as_fd)
    }
}

/// Walks down a path that is too long for one call until what is left fits into one.
fn descend<'a>(at: BorrowedFd<'_>, path: &'a [u8], resolve: ResolveFlags) -> io::Result<Descent<'a>> {
    descend_with(at, path, &|folder, piece, flags| open_resolved(folder, piece, flags, resolve))
}

/// Opens a piece of a path, relative to a folder.
type OpenPiece<'a> = &'a dyn Fn(BorrowedFd<'_>, &[u8], OFlags) -> io::Result<OwnedFd>;

/// The same, each piece opened by `open_piece`.
pub(super) fn descend_with<'a>(
    at: BorrowedFd<'_>,
    path: &'a [u8],
    open_piece: OpenPiece<'_>,
) -> io::Result<Descent<'a>> {
    let mut descent = Descent { reached: None, rest: path };
    while descent.rest.len() > MAX_PATH_BYTES {
        let cut = match memchr::memrchr(b'/', &descent.rest[..=MAX_PATH_BYTES]) {
            Some(cut) if cut > 0 => cut,
            _ => return Err(Errno::NAMETOOLONG.into()),
        };
        let (piece, rest) = descent.rest.split_at(cut);
        // O_PATH needs no more than the right to pass through, as the system's own resolution does.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = descent.folder(at);
        let next = open_piece(folder, piece, flags)?;
        let start = rest.iter().position(|&byte| byte != b'/');
        descent = Descent { reached: Some(next), rest: start.map_or(b".", |start| &rest[start..]) };
    }
    Ok(descent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::root::FileKind;
    use rustix::fs::{CWD, mkdirat};
    use std::os::unix::ffi::OsStrExt;

    fn folder(dir: &tempfile::TempDir) -> OwnedFd {
        open_folder(CWD, dir.path().as_os_str().as_bytes(), FolderUse::Listing, true).unwrap()
    }

    #[test]
    fn a_link_anywhere_on_the_way_below_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let root = folder(&dir);
        std::fs::create_dir_all(dir.path().join("real/inner/last")).unwrap();
        std::os::unix::fs::symlink("inner", dir.path().join("real/link")).unwrap();
        for path in ["real", "real/inner", "real/inner/last"] {
            open_folder_below(root.as_fd(), path.as_bytes()).unwrap();
        }
        // A long one is opened in pieces, each of which may hold the link.
        let long = format!("real/link{}/last", "/.".repeat(MAX_PATH_BYTES));
        for path in ["real/link", "real/link/last", &long] {
            let error = open_folder_below(root.as_fd(), path.as_bytes()).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::LOOP.raw_os_error()), "{path}");
        }
        open_folder_below(root.as_fd(), long.replace("link", "inner").as_bytes()).unwrap();
    }

    #[test]
    fn a_path_longer_than_the_system_takes_is_opened_in_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let root = folder(&dir);
        let name = [b'n'; 200];
        let mut at = root.try_clone().unwrap();
        let mut path = Vec::new();
        for _ in 0..60 {
            mkdirat(&at, &name[..], Mode::RWXU).unwrap();
            at = open_folder(at.as_fd(), &name, FolderUse::Listing, false).unwrap();
            path.extend_from_slice(&name);
            path.push(b'/');
        }
        let expected = status_of(at.as_fd()).unwrap();
        assert!(path.len() > 2 * MAX_PATH_BYTES);
        for spelled in [path.clone(), path[..path.len() - 1].to_vec(), [&path[..], &[b'/'; 5000]].concat()] {
            assert_eq!(status_at(root.as_fd(), &spelled, false).unwrap().inode, expected.inode);
            let opened = open_folder(root.as_fd(), &spelled, FolderUse::Listing, false).unwrap();
            assert_eq!(status_of(opened.as_fd()).unwrap().inode, expected.inode);
        }
        std::fs::write(dir.path().join("plain"), b"x").unwrap();
        rustix::fs::renameat(&root, "plain", &at, "file").unwrap();
        let file = [&path[..], b"file"].concat();
        assert_eq!(status_of(open_content(root.as_fd(), &file, false).unwrap().as_fd()).unwrap().size, 1);
        let absolute = [dir.path().as_os_str().as_bytes(), b"/", &file[..]].concat();
        assert_eq!(status_at(CWD, &absolute, false).unwrap().size, 1);
    }

    #[test]
    fn one_component_that_is_too_long_is_an_error_and_no_endless_loop() {
        let error = status_at(CWD, &[b'x'; 9000], true).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::NAMETOOLONG.raw_os_error()));
    }

    #[test]
    fn kinds_are_told_apart_and_a_pipe_opens_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let root = folder(&dir);
        std::fs::write(dir.path().join("f"), vec![1; 5000]).unwrap();
        rustix::fs::symlinkat("f", &root, "l").unwrap();
        rustix::fs::mkfifoat(&root, "p", Mode::RUSR | Mode::WUSR).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("s")).unwrap();
        let kind = |name: &[u8], follow| status_at(root.as_fd(), name, follow).unwrap().kind.as_str();
        assert_eq!(
            [
                kind(b"f", false),
                kind(b"l", false),
                kind(b"l", true),
                kind(b"p", false),
                kind(b"s", false),
                kind(b"", false)
            ],
            ["file", "symlink", "file", "fifo", "socket", "dir"]
        );
        assert_eq!(status_at(CWD, b"/dev/null", true).unwrap().kind, FileKind::CharDevice);
        assert_eq!(status_at(root.as_fd(), b"f", false).unwrap().size, 5000);
        open_content(root.as_fd(), b"p", false).unwrap();
        assert!(open_content(root.as_fd(), b"l", false).is_err());
        assert!(open_folder(root.as_fd(), b"f", FolderUse::Listing, true).is_err());
    }

    #[test]
    fn status_agrees_with_the_standard_library() {
        use std::os::unix::fs::MetadataExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [7; 12345]).unwrap();
        let (ours, theirs) = (status_of(file.as_file().as_fd()).unwrap(), file.as_file().metadata().unwrap());
        assert_eq!((ours.size, ours.inode, ours.device), (theirs.size(), theirs.ino(), theirs.dev()));
        let unix = ours.unix.unwrap();
        assert_eq!(
            (unix.mode, unix.uid, unix.gid, u64::from(ours.links)),
            (theirs.mode(), theirs.uid(), theirs.gid(), theirs.nlink())
        );
        assert_eq!(unix.allocated, theirs.blocks() * 512);
        assert_eq!((ours.modified.seconds, i64::from(ours.modified.nanos)), (theirs.mtime(), theirs.mtime_nsec()));
        assert_eq!((unix.changed.seconds, i64::from(unix.changed.nanos)), (theirs.ctime(), theirs.ctime_nsec()));
    }

    #[test]
    fn a_short_read_is_believed_on_disks_and_not_in_proc() {
        assert!(is_known_disk(tempfile::tempfile().unwrap().as_fd()));
        assert!(!is_known_disk(std::fs::File::open("/proc/self/stat").unwrap().as_fd()));
    }
}
