//! One file, whole: its content for a caller who wants all of it, or an error that says why not.
//!
//! What is handed out was one content of the file: a file that changes while it is read is read again, and after a few
//! times given up as changed.

use super::content::{ContentReader, Stopped};
use super::counters;
use super::hash::{blake3_of, hash_hex};
use super::opener::RegularFile;
use super::root::Root;
use super::strategy::Thresholds;
use crate::error::{Error, ErrorKind, Result};

/// How often a file that changes is read before it is given up.
const TRIES: usize = 4;

/// The bytes of a file.
///
/// # Errors
/// As [`RegularFile::open`]; `Changed` if it changes every time it is read, `Cancelled` if `stopped` says so.
pub fn read_file(root: &Root, path: &[u8], thresholds: Thresholds, stopped: Stopped<'_>) -> Result<Vec<u8>> {
    read_opened(&mut ContentReader::new(thresholds), &RegularFile::open(root, path)?, path, stopped)
}

/// The bytes of a file that is open, with a reader whose buffers are used again; `path` names it in errors.
///
/// # Errors
/// As [`read_file`].
pub fn read_opened(
    reader: &mut ContentReader,
    file: &RegularFile,
    path: &[u8],
    stopped: Stopped<'_>,
) -> Result<Vec<u8>> {
    let mut readable = file.readable();
    for _ in 0..TRIES {
        let read = reader.read_all(readable, stopped);
        let (content, report) = read.map_err(|error| Error::io("read", path, error))?;
        if stopped() {
            return Err(Error::new(ErrorKind::Cancelled, "reading was cancelled").with_path(path));
        }
        counters::BYTES_READ.add(report.bytes);
        if !report.changed {
            return Ok(content);
        }
        readable = readable.again();
    }
    let text = format!("the file changed each of the {TRIES} times it was read; try again when its writer is done");
    Err(Error::new(ErrorKind::Changed, text).with_path(path))
}

/// Opens a file that can be read into memory of its size, if it has at least `from` bytes.
///
/// Whatever is wrong with it, [`read_file`] says.
#[must_use]
pub fn open_of_known_size(root: &Root, path: &[u8], from: u64) -> Option<(RegularFile, usize)> {
    let file = RegularFile::open(root, path).ok()?;
    let size = usize::try_from(file.status.size).ok()?;
    (file.status.size >= from && file.short_read_is_end).then_some((file, size))
}

/// The BLAKE3 hash of a file, in hexadecimal.
///
/// # Errors
/// As [`read_file`].
pub fn hash_file(root: &Root, path: &[u8], thresholds: Thresholds, stopped: Stopped<'_>) -> Result<String> {
    let file = RegularFile::open(root, path)?;
    let hash = blake3_of(&mut ContentReader::new(thresholds), file.readable(), path, stopped)?;
    Ok(hash_hex(&hash))
}
