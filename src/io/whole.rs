//! One file, whole: its content for a caller who wants all of it, or an error that says why not.
//!
//! What is handed out was one content of the file: a file that changes while it is read is read again, and after a few
//! times given up as changed.

use super::content::{ContentReader, Stopped};
use super::counters;
use super::hash::{blake3_of, hash_hex};
use super::root::{AsHandle, FileKind, Handle, Root, is_a_folder, is_known_disk, status_of};
use super::strategy::Thresholds;
use crate::error::{Error, ErrorKind, Result};

/// How often a file that changes is read before it is given up.
const TRIES: usize = 4;

/// Refuses what the system would take for something else.
///
/// # Errors
/// [`ErrorKind::Argument`] for an empty path, and for one that holds a NUL byte.
pub fn ensure_path(path: &[u8]) -> Result<()> {
    if path.is_empty() || path.contains(&0) {
        return Err(Error::argument("path", "expected a path, got an empty one or one that holds a NUL byte"));
    }
    Ok(())
}

/// Opens a regular file by a path from `root`; links are followed as far as that lets them.
///
/// # Errors
/// The system's, and an argument error for what has no content (a folder) or must not be opened (a pipe, a device).
pub fn open_regular(root: &Root, path: &[u8]) -> Result<Handle> {
    ensure_path(path)?;
    // Described before it is opened, because opening a device can do something.
    let before = root.status(path, true).map_err(|error| Error::io("open", path, error))?;
    refuse_unless_file(before.kind, path)?;
    let file = root.open_content(path, true).map_err(|error| Error::io("open", path, error))?;
    let opened = status_of(file.as_handle()).map_err(|error| Error::io("describe", path, error))?;
    refuse_unless_file(opened.kind, path)?;
    counters::FILES_OPENED.add(1);
    Ok(file)
}

fn refuse_unless_file(kind: FileKind, path: &[u8]) -> Result<()> {
    match kind {
        FileKind::File => Ok(()),
        FileKind::Dir => Err(Error::io("read", path, is_a_folder())),
        other => {
            let text = format!("cannot read a {}: only regular files are opened for their content", other.as_str());
            Err(Error::new(ErrorKind::Argument, text).with_path(path))
        }
    }
}

/// The bytes of a file.
///
/// # Errors
/// As [`open_regular`]; `Changed` if it changes every time it is read, `Cancelled` if `stopped` says so.
pub fn read_file(root: &Root, path: &[u8], thresholds: Thresholds, stopped: Stopped<'_>) -> Result<Vec<u8>> {
    read_file_with(&mut ContentReader::new(thresholds), root, path, stopped)
}

/// The same, with a reader whose buffers are used again.
///
/// # Errors
/// As [`read_file`].
pub fn read_file_with(reader: &mut ContentReader, root: &Root, path: &[u8], stopped: Stopped<'_>) -> Result<Vec<u8>> {
    let file = open_regular(root, path)?;
    let short_read_is_end = is_known_disk(file.as_handle());
    for _ in 0..TRIES {
        let read = reader.read_all(file.as_handle(), short_read_is_end, stopped);
        let (content, report) = read.map_err(|error| Error::io("read", path, error))?;
        if stopped() {
            return Err(Error::new(ErrorKind::Cancelled, "reading was cancelled").with_path(path));
        }
        counters::BYTES_READ.add(report.bytes);
        if !report.changed {
            return Ok(content);
        }
    }
    let text = format!("the file changed each of the {TRIES} times it was read; try again when its writer is done");
    Err(Error::new(ErrorKind::Changed, text).with_path(path))
}

/// Opens a file that can be read into memory of its size, if it has at least `from` bytes.
///
/// Whatever is wrong with it, [`read_file`] says.
#[must_use]
pub fn open_of_known_size(root: &Root, path: &[u8], from: u64) -> Option<(Handle, usize)> {
    let file = open_regular(root, path).ok()?;
    let size = status_of(file.as_handle()).ok()?.size;
    (size >= from && is_known_disk(file.as_handle())).then_some((file, usize::try_from(size).ok()?))
}

/// The BLAKE3 hash of a file, in hexadecimal.
///
/// # Errors
/// As [`read_file`].
pub fn hash_file(root: &Root, path: &[u8], thresholds: Thresholds, stopped: Stopped<'_>) -> Result<String> {
    let mut reader = ContentReader::new(thresholds);
    let file = open_regular(root, path)?;
    let short_read_is_end = is_known_disk(file.as_handle());
    blake3_of(&mut reader, file.as_handle(), short_read_is_end, path, stopped).map(|hash| hash_hex(&hash))
}
