//! BLAKE3 of a file's content, over any reader.
//!
//! A hash names one content. If the file changed while it was read, the hash would name a content that never existed,
//! so it is read again, and after a few attempts refused.

use std::ops::ControlFlow;

use super::content::{ContentReader, Readable};
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;

/// How often a file that changes under the reader is read before it is given up.
const ATTEMPTS: usize = 3;
/// How much is hashed between two looks at the caller's wish to stop: about a millisecond.
const PIECE_BYTES: usize = 1 << 20;

/// A BLAKE3 hash.
pub type Blake3 = [u8; 32];

/// The BLAKE3 hash of an open file, which `path` names in errors.
///
/// Uses the calling thread only.
///
/// # Errors
/// [`ErrorKind::Changed`] if the file changed during each of three attempts, [`ErrorKind::Cancelled`] soon after
/// `cancel` says so, and what the system reports.
pub fn blake3_of(
    reader: &mut ContentReader,
    mut file: Readable<'_>,
    path: &[u8],
    cancel: &dyn Fn() -> bool,
) -> Result<Blake3> {
    for _ in 0..ATTEMPTS {
        let mut hasher = blake3::Hasher::new();
        let mut cancelled = false;
        let report = reader.read_checked(file, cancel, &mut |chunk| {
            FailPoint::Hashing.pass();
            // At least one look a chunk, so that an endless run of empty files can be stopped too.
            cancelled = cancel();
            for piece in chunk.bytes.chunks(PIECE_BYTES) {
                cancelled = cancelled || cancel();
                if cancelled {
                    return ControlFlow::Break(());
                }
                hasher.update(piece);
            }
            if cancelled { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let report = report.map_err(|error| Error::io("read", path, error))?;
        if cancelled {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled while hashing").with_path(path));
        }
        if !report.changed {
            return Ok(*hasher.finalize().as_bytes());
        }
        file = file.again();
    }
    let message = format!("changed while it was hashed, {ATTEMPTS} times in a row; try again when nobody writes to it");
    Err(Error::new(ErrorKind::Changed, message).with_path(path))
}

/// The BLAKE3 hash of bytes in memory, as 64 hexadecimal digits.
#[must_use]
pub fn hash_bytes_hex(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// A hash as 64 hexadecimal digits, as `b3sum` prints it.
#[must_use]
pub fn hash_hex(hash: &Blake3) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::root::AsHandle;
    use crate::io::strategy::{Strategy, Thresholds};
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    #[test]
    fn every_reader_gives_the_hash_of_the_bytes() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        for len in [0, 1, 4096, (1 << 20) + 1, (9 << 20) + 5] {
            let content: Vec<u8> = (0..len).map(|at: usize| u8::try_from(at % 241).unwrap()).collect();
            std::fs::write(&path, &content).unwrap();
            let file = std::fs::File::open(&path).unwrap();
            for forced in [None, Some(Strategy::Buffered), Some(Strategy::Mmap), Some(Strategy::Stream)] {
                let mut reader = ContentReader::new(Thresholds { forced, ..Thresholds::default() });
                let hash = blake3_of(&mut reader, Readable::new(file.as_handle(), true), b"f", &|| false).unwrap();
                assert_eq!(hash_hex(&hash), hash_bytes_hex(&content), "{len} {forced:?}");
            }
        }
    }

    #[test]
    fn the_empty_hash_is_the_one_in_the_specification() {
        assert_eq!(hash_bytes_hex(b""), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    }

    #[test]
    fn cancellation_stops_in_the_middle_of_a_mapped_file() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(16 << 20).unwrap();
        // A file that has just changed is waited for, and the wait looks too.
        std::thread::sleep(Duration::from_millis(200));
        let looks = Cell::new(0);
        let cancel = || {
            looks.set(looks.get() + 1);
            looks.get() > 4
        };
        let mut reader = ContentReader::new(Thresholds::default());
        let error = blake3_of(&mut reader, Readable::new(file.as_handle(), true), b"f", &cancel).unwrap_err();
        assert_eq!((error.kind(), looks.get()), (ErrorKind::Cancelled, 5));
    }

    /// Hazard 23: contents of all `a` and all `b` alternate; a hash of a mixture must never come out.
    #[test]
    fn a_hash_is_never_torn() {
        for len in [100_000, 3 << 20] {
            let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
            let contents = [vec![b'a'; len], vec![b'b'; len]];
            let valid = contents.each_ref().map(|content| hash_bytes_hex(content));
            std::fs::write(&path, &contents[1]).unwrap();
            let begun = Instant::now();
            let running = || begun.elapsed() < Duration::from_millis(1500);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let file = std::fs::File::options().write(true).open(&path).unwrap();
                    for round in 0_u64.. {
                        crate::io::test_files::write_at(&file, &contents[usize::from(round % 2 == 1)], 0);
                        std::thread::sleep(Duration::from_micros(round * 7919 % 90_000));
                        if !running() {
                            return;
                        }
                    }
                });
                let mut reader = ContentReader::new(Thresholds::default());
                let (mut whole, mut refused) = (0, 0);
                while running() {
                    let file = std::fs::File::open(&path).unwrap();
                    match blake3_of(&mut reader, Readable::new(file.as_handle(), true), b"f", &|| false) {
                        Ok(hash) => {
                            assert!(valid.contains(&hash_hex(&hash)), "a torn hash");
                            whole += 1;
                        }
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Changed);
                            refused += 1;
                        }
                    }
                }
                assert!(whole > 0, "{refused} refused, none whole");
            });
        }
    }
}
