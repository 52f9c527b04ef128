//! `statx` becomes a status.

use rustix::fs::{FileType, Statx, StatxFlags, StatxTimestamp};

use crate::io::root::{FileKind, FileStatus, TimeSpec, UnixStatus};

impl From<FileType> for FileKind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Dir,
            FileType::Symlink => Self::Symlink,
            FileType::Fifo => Self::Fifo,
            FileType::Socket => Self::Socket,
            FileType::BlockDevice => Self::BlockDevice,
            FileType::CharacterDevice => Self::CharDevice,
            FileType::Unknown => Self::Unknown,
        }
    }
}

impl From<StatxTimestamp> for TimeSpec {
    fn from(time: StatxTimestamp) -> Self {
        Self { seconds: time.tv_sec, nanos: time.tv_nsec }
    }
}

pub(super) fn of_statx(statx: &Statx) -> FileStatus {
    let has_birth = StatxFlags::from_bits_retain(statx.stx_mask).contains(StatxFlags::BTIME);
    FileStatus {
        kind: FileType::from_raw_mode(u32::from(statx.stx_mode)).into(),
        size: statx.stx_size,
        modified: statx.stx_mtime.into(),
        accessed: statx.stx_atime.into(),
        created: has_birth.then(|| statx.stx_btime.into()),
        inode: statx.stx_ino,
        device: rustix::fs::makedev(statx.stx_dev_major, statx.stx_dev_minor),
        links: statx.stx_nlink,
        unix: Some(UnixStatus {
            changed: statx.stx_ctime.into(),
            allocated: statx.stx_blocks.saturating_mul(512),
            mode: u32::from(statx.stx_mode),
            uid: statx.stx_uid,
            gid: statx.stx_gid,
        }),
    }
}
