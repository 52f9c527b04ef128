//! Metadata of either library becomes a status.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use cap_fs_ext::{FileTypeExt, MetadataExt as _};
use cap_std::fs::{FileType, Metadata};

use crate::io::root::{FileKind, FileStatus, TimeSpec, UnixStatus};

pub(super) fn kind_of(kind: FileType) -> FileKind {
    match kind {
        _ if kind.is_file() => FileKind::File,
        _ if kind.is_dir() => FileKind::Dir,
        _ if kind.is_symlink() => FileKind::Symlink,
        _ if kind.is_fifo() => FileKind::Fifo,
        _ if kind.is_socket() => FileKind::Socket,
        _ if kind.is_block_device() => FileKind::BlockDevice,
        _ if kind.is_char_device() => FileKind::CharDevice,
        _ => FileKind::Unknown,
    }
}

/// Of what was open when it was described, or on systems where that makes no difference.
pub(super) fn of_metadata(metadata: &Metadata) -> FileStatus {
    let links = u32::try_from(metadata.nlink()).unwrap_or(u32::MAX);
    with_identity(metadata, metadata.dev(), metadata.ino(), links)
}

fn with_identity(metadata: &Metadata, device: u64, inode: u64, links: u32) -> FileStatus {
    let time = |time: io::Result<cap_std::time::SystemTime>| time.ok().map(|time| time_spec(time.into_std()));
    let modified = time(metadata.modified()).unwrap_or(TimeSpec { seconds: 0, nanos: 0 });
    FileStatus {
        kind: kind_of(metadata.file_type()),
        size: metadata.len(),
        modified,
        accessed: time(metadata.accessed()).unwrap_or(modified),
        created: time(metadata.created()),
        inode,
        device,
        links,
        unix: unix_status(metadata),
    }
}

#[cfg(unix)]
// Elsewhere there is none.
#[allow(clippy::unnecessary_wraps)]
fn unix_status(metadata: &Metadata) -> Option<UnixStatus> {
    use cap_std::fs::MetadataExt;
    Some(UnixStatus {
        changed: TimeSpec { seconds: metadata.ctime(), nanos: u32::try_from(metadata.ctime_nsec()).unwrap_or(0) },
        allocated: metadata.blocks().saturating_mul(512),
        mode: metadata.mode(),
        uid: metadata.uid(),
        gid: metadata.gid(),
    })
}

#[cfg(windows)]
fn unix_status(_metadata: &Metadata) -> Option<UnixStatus> {
    None
}

fn time_spec(time: SystemTime) -> TimeSpec {
    let seconds = |time: std::time::Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => TimeSpec { seconds: seconds(after), nanos: after.subsec_nanos() },
        Err(before) => match (seconds(before.duration()), before.duration().subsec_nanos()) {
            (before, 0) => TimeSpec { seconds: -before, nanos: 0 },
            (before, nanos) => TimeSpec { seconds: -before - 1, nanos: 1_000_000_000 - nanos },
        },
    }
}

/// Describes an open file.
pub(super) fn of_file(file: &File) -> io::Result<FileStatus> {
    Metadata::from_file(file).map(|metadata| of_metadata(&metadata))
}

/// Describes the entry of this path.
#[cfg(unix)]
pub(super) fn describe(path: &Path, follow: bool) -> io::Result<FileStatus> {
    let metadata = if follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
    metadata.map(|metadata| of_metadata(&Metadata::from_just_metadata(metadata)))
}

/// An entry is opened as it is, and a link as a link.
#[cfg(windows)]
pub(super) const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// Describes the entry of this path.
#[cfg(windows)]
pub(super) fn describe(path: &Path, follow: bool) -> io::Result<FileStatus> {
    use std::os::windows::fs::OpenOptionsExt;
    /// Folders can be opened too.
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    let link_flag = if follow { 0 } else { FILE_FLAG_OPEN_REPARSE_POINT };
    // Only an open entry tells its number. Describing needs no right to read it.
    let mut options = std::fs::OpenOptions::new();
    match options.access_mode(0).custom_flags(FILE_FLAG_BACKUP_SEMANTICS | link_flag).open(path) {
        Ok(file) => of_file(&file),
        // Some entries can be described without being opened, such as the file that memory is swapped to.
        Err(error) => {
            let metadata = if follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
            let metadata = metadata.map_err(|_| error)?;
            Ok(with_identity(&Metadata::from_just_metadata(metadata), 0, 0, 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_before_1970_count_their_nanoseconds_upward() {
        for (nanoseconds, seconds, nanos) in [(0, 0, 0), (1, -1, 999_999_999), (1_000_000_000, -1, 0)] {
            let time = UNIX_EPOCH - Duration::from_nanos(nanoseconds);
            // Windows counts in units of a hundred nanoseconds.
            if cfg!(unix) || nanos == 0 {
                assert_eq!(time_spec(time), TimeSpec { seconds, nanos });
            }
        }
        assert_eq!(time_spec(UNIX_EPOCH + Duration::from_millis(1500)), TimeSpec { seconds: 1, nanos: 500_000_000 });
    }
}
