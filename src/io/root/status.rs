//! What the system says of an entry: its kind, its times, its numbers.

use std::time::SystemTime;

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file: the only kind that has content.
    File,
    /// A folder.
    Dir,
    /// A symbolic link that was not followed.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharDevice,
    /// A kind that the system did not tell, or that this library does not know.
    Unknown,
}

impl FileKind {
    /// The word in a table's `kind` column; null where there is nothing to name.
    #[must_use]
    pub fn label(self) -> Option<&'static str> {
        (self != Self::Unknown).then(|| self.as_str())
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Dir => "dir",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::BlockDevice => "block_device",
            Self::CharDevice => "char_device",
            Self::Unknown => "unknown",
        }
    }
}

/// A moment as the file system stores it: seconds since 1970 in UTC (negative before), and the nanoseconds after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeSpec {
    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds that follow them, below one billion.
    pub nanos: u32,
}

impl TimeSpec {
    /// The time by the clock of the system.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanos: since.subsec_nanos() }
    }

    /// Nanoseconds since 1970, or `None` where that does not fit (before 1677 or after 2262).
    #[must_use]
    pub fn as_nanoseconds(self) -> Option<i64> {
        let nanos = i64::from(self.nanos);
        match self.seconds.checked_mul(1_000_000_000).and_then(|seconds| seconds.checked_add(nanos)) {
            // In the last second that fits, the seconds alone do not.
            None => i64::try_from(i128::from(self.seconds) * 1_000_000_000 + i128::from(nanos)).ok(),
            fits => fits,
        }
    }
}

/// What the system says of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStatus {
    /// What the entry is.
    pub kind: FileKind,
    /// Length of its content in bytes.
    pub size: u64,
    /// When its content last changed, as far as programs let the system tell (they can set it).
    pub modified: TimeSpec,
    /// When it was last read, if the system records that.
    pub accessed: TimeSpec,
    /// When it was made, where the file system keeps it.
    pub created: Option<TimeSpec>,
    /// Its number within its device.
    pub inode: u64,
    /// The device that it lies on.
    pub device: u64,
    /// How many names it has.
    pub links: u32,
    /// What Windows does not tell.
    pub unix: Option<UnixStatus>,
}

/// What only systems of the Unix family say of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixStatus {
    /// When its inode last changed; programs cannot set it.
    pub changed: TimeSpec,
    /// Bytes that it takes on disk.
    pub allocated: u64,
    /// Type and permission bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

impl FileStatus {
    /// Whether no write to the content can be seen between the two observations of one file.
    #[must_use]
    pub fn same_content_as(&self, other: &Self) -> bool {
        self.size == other.size && self.modified == other.modified && self.last_change() == other.last_change()
    }

    /// When anything of it last changed, by the clock that programs cannot set where the system has one.
    #[must_use]
    pub fn last_change(&self) -> TimeSpec {
        self.unix.map_or(self.modified, |unix| unix.changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_outside_of_64_bit_nanoseconds_do_not_fit() {
        assert_eq!(TimeSpec { seconds: -1, nanos: 5 }.as_nanoseconds(), Some(-999_999_995));
        assert_eq!(TimeSpec { seconds: 15_032_385_535, nanos: 0 }.as_nanoseconds(), None);
        assert_eq!(TimeSpec { seconds: -9_223_372_037, nanos: 145_224_192 }.as_nanoseconds(), Some(i64::MIN));
        assert_eq!(TimeSpec { seconds: -9_223_372_037, nanos: 145_224_191 }.as_nanoseconds(), None);
    }
}
