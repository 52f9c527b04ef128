//! The buffered reader: a whole file in one reused buffer.
//!
//! Also owns the two things that the other readers share with it: the buffer itself, which is allocated lazily and once
//! a worker (zeroing megabytes for each file would cost more than reading it), and [`fill`], the only loop around the
//! read call. Reads are positioned, so a file can be read again without a seek, and a pipe shows itself before a byte
//! of it is consumed.

use std::io;

use super::root::{self, FileKind, HandleRef};

/// A short read that stops here may hide an I/O error: the system reports a bad sector only to the read after it.
const PAGE_BYTES: u64 = 4096;

/// A buffer that grows at all grows to at least so much,
const LEAST_BYTES: usize = 32 << 10;
/// and below this to twice what it was, so that files of rising sizes do not each cost a new one.
const DOUBLED_BELOW: usize = 512 << 10;

/// A reused buffer that only grows while one file needs it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ReadBuffer {
    bytes: Vec<u8>,
}

impl ReadBuffer {
    /// The first `len` bytes, of which those before `keep` still hold what was read into them.
    pub(super) fn with_len(&mut self, len: usize, keep: usize) -> io::Result<&mut [u8]> {
        if self.bytes.len() < len {
            // Fresh zeroed memory comes untouched from the system: pages that are never read into are never paid for.
            let room = len.max((2 * self.bytes.len()).clamp(LEAST_BYTES, DOUBLED_BELOW));
            let mut grown = zeroed(room as u64)?;
            grown[..keep].copy_from_slice(&self.bytes[..keep]);
            self.bytes = grown;
        }
        Ok(&mut self.bytes[..len])
    }

    pub(super) fn get(&self, len: usize) -> &[u8] {
        &self.bytes[..len]
    }

    /// Gives memory back that only an unusual file needed.
    pub(super) fn shrink_above(&mut self, limit: usize) {
        if self.bytes.len() > limit {
            self.bytes = Vec::new();
        }
    }
}

/// Room for so many bytes. Memory that is refused is an error of this file, not the end of the process.
pub(super) fn with_room(bytes: u64) -> io::Result<Vec<u8>> {
    let refused = || io::Error::from(io::ErrorKind::OutOfMemory);
    let mut room = Vec::new();
    room.try_reserve_exact(usize::try_from(bytes).map_err(|_| refused())?).map_err(|_| refused())?;
    Ok(room)
}

/// So many bytes that nobody has touched: only those that are written are paid for.
pub(super) fn zeroed(bytes: u64) -> io::Result<Vec<u8>> {
    let room = with_room(bytes)?.capacity();
    // Asked anew, because only fresh memory is known to be zero.
    Ok(vec![0; room.min(usize::try_from(bytes).unwrap_or(room))])
}

/// How far a buffer was filled, and whether the file ended there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) len: usize,
    pub(super) ended: bool,
}

/// Reads from `offset` on into `buffer[start..]` until it is full or the file ends.
///
/// `short_read_is_end` spares the read that would return nothing, except where the short read stopped at a page: that
/// is where an unreadable page would stop it too, and one file in 4,096 can afford to be sure.
pub(super) fn fill(
    file: HandleRef<'_>,
    buffer: &mut [u8],
    start: usize,
    offset: u64,
    short_read_is_end: bool,
) -> io::Result<Filled> {
    let mut len = start;
    while len < buffer.len() {
        let position = offset + (len - start) as u64;
        let count = read_at(file, &mut buffer[len..], position)?;
        len += count;
        let at_page = (position + count as u64).is_multiple_of(PAGE_BYTES);
        if count == 0 || (len < buffer.len() && short_read_is_end && !at_page) {
            return Ok(Filled { len, ended: true });
        }
    }
    Ok(Filled { len, ended: false })
}

/// Reads a whole file: from `keep` on, where the bytes before it have been read already, to its end.
///
/// A file that keeps growing under the reader is cut `slack` bytes behind `size`; its times tell on it.
pub(super) fn read_whole(
    file: HandleRef<'_>,
    buffer: &mut ReadBuffer,
    keep: usize,
    size: u64,
    slack: u64,
    short_read_is_end: bool,
) -> io::Result<usize> {
    let limit = size.max(keep as u64).saturating_add(slack);
    let mut filled = Filled { len: keep, ended: false };
    // One byte more than the size, so that the end shows itself without growing the buffer.
    let mut capacity = size.max(keep as u64).saturating_add(1);
    while !filled.ended && filled.len as u64 <= limit {
        let len = usize::try_from(capacity).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let bytes = buffer.with_len(len, filled.len)?;
        filled = fill(file, bytes, filled.len, filled.len as u64, short_read_is_end)?;
        capacity = capacity.saturating_mul(2);
    }
    Ok(filled.len)
}

/// Refuses everything that has no content of a file: reading a device has effects and may never end.
pub(super) fn not_a_regular_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

fn read_at(file: HandleRef<'_>, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    match root::read_at(file, buffer, offset) {
        // Some files of the system's own trees can only be read onward; pipes and terminals must not be read at all.
        Err(error) if error.kind() == io::ErrorKind::NotSeekable => match root::status_of(file)?.kind {
            FileKind::File => root::read_onward(file, buffer),
            _ => Err(not_a_regular_file()),
        },
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::root::AsHandle;
    use std::io::Write;

    fn file(len: usize) -> (std::fs::File, Vec<u8>) {
        let content: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        (file, content)
    }

    #[test]
    fn fill_finds_the_end_at_every_size_around_a_page() {
        for len in [0, 1, 4095, 4096, 4097, 8191, 8192, 8193] {
            let (file, content) = file(len);
            for room in [1, 4096, 8192, 8193, 10000] {
                for trusted in [true, false] {
                    let mut buffer = vec![0; room];
                    let filled = fill(file.as_handle(), &mut buffer, 0, 0, trusted).unwrap();
                    assert_eq!(filled, Filled { len: len.min(room), ended: len < room }, "{len} {room}");
                    assert_eq!(buffer[..filled.len], content[..filled.len]);
                }
            }
        }
    }

    #[test]
    fn a_whole_file_is_read_whatever_its_size_was_said_to_be() {
        let (file, content) = file(100_000);
        for (keep, size) in [(0, 100_000), (0, 0), (0, 200_000), (5000, 100_000), (5000, 10)] {
            let mut buffer = ReadBuffer::default();
            buffer.with_len(keep, 0).unwrap().copy_from_slice(&content[..keep]);
            let len = read_whole(file.as_handle(), &mut buffer, keep, size, 1 << 20, true).unwrap();
            assert_eq!(buffer.get(len), content, "{keep} {size}");
        }
    }

    #[test]
    fn a_file_that_outgrows_its_size_without_end_is_cut() {
        let (file, _) = file(100_000);
        let len = read_whole(file.as_handle(), &mut ReadBuffer::default(), 0, 10, 1000, true).unwrap();
        assert!((1010..5000).contains(&len), "{len}");
    }

    #[test]
    #[cfg_attr(windows, ignore = "a pipe can be read at any place there, and has no name in a folder")]
    fn a_pipe_is_refused_before_a_byte_is_taken() {
        let (mut reader, mut writer) = crate::io::test_files::pipe();
        writer.write_all(b"precious").unwrap();
        let error = fill(reader.as_handle(), &mut [0; 64], 0, 0, true).unwrap_err();
        assert_eq!(error.to_string(), "not a regular file");
        let mut left = [0; 8];
        std::io::Read::read_exact(&mut reader, &mut left).unwrap();
        assert_eq!(&left, b"precious");
    }

    #[test]
    fn memory_that_cannot_be_had_is_an_error() {
        let error = ReadBuffer::default().with_len(usize::MAX / 2, 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    }
}
