//! The streaming reader: a file of any length in chunks of bounded size.
//!
//! Where the size is believed, reading stops there and the last chunk is known as such; what was appended meanwhile is
//! seen in the file's times. Where it is not (files of `/proc` say 0), reading goes on until nothing more comes.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;

use super::buffered::{ReadBuffer, fill};

/// Takes a chunk's bytes, its offset and whether it is the last.
pub(super) type Emit<'a> = &'a mut dyn FnMut(&[u8], u64, bool) -> ControlFlow<()>;

/// Reads `file` in chunks and hands each to `emit(bytes, offset, last)`; returns how many bytes it handed out.
///
/// The first `keep` bytes of `buffer` have been read already. `end` is where to stop, if that is known. There is always
/// exactly one last chunk, which may be empty, unless `emit` stops before it.
pub(super) fn read_chunks(
    file: BorrowedFd<'_>,
    buffer: &mut ReadBuffer,
    keep: usize,
    chunk_bytes: usize,
    end: Option<u64>,
    emit: Emit<'_>,
) -> io::Result<u64> {
    // Twice the read-ahead; a file system that has no use for the advice may refuse it.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
    let chunk_bytes = chunk_bytes.max(keep).max(1);
    let mut keep = keep;
    let mut offset = 0;
    loop {
        let left = end.map_or(u64::MAX, |end| end - offset);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(chunk_bytes).max(keep);
        let bytes = buffer.with_len(wanted, keep)?;
        let filled = fill(file, bytes, keep, offset + keep as u64, false)?;
        keep = 0;
        let last = filled.ended || end.is_some_and(|end| offset + filled.len as u64 >= end);
        let stop = emit(&bytes[..filled.len], offset, last);
        offset += filled.len as u64;
        if last || stop.is_break() {
            return Ok(offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;

    #[test]
    fn chunks_tile_the_file_and_exactly_one_is_the_last() {
        let content: Vec<u8> = (0..1000_u32).map(|at| u8::try_from(at % 256).unwrap()).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        for chunk_bytes in [1, 7, 250, 500, 999, 1000, 1001, 5000] {
            for end in [None, Some(1000), Some(1200)] {
                for keep in [0, 3, 700] {
                    let mut buffer = ReadBuffer::default();
                    buffer.with_len(keep, 0).unwrap().copy_from_slice(&content[..keep]);
                    let (mut seen, mut lasts) = (Vec::new(), Vec::new());
                    let handed =
                        read_chunks(file.as_fd(), &mut buffer, keep, chunk_bytes, end, &mut |bytes, at, last| {
                            assert_eq!(at, seen.len() as u64);
                            assert!(bytes.len() <= chunk_bytes.max(keep));
                            seen.extend_from_slice(bytes);
                            lasts.push(last);
                            ControlFlow::Continue(())
                        });
                    assert_eq!((handed.unwrap(), &seen), (1000, &content), "{chunk_bytes} {end:?} {keep}");
                    assert_eq!(lasts.iter().position(|&last| last), Some(lasts.len() - 1));
                }
            }
        }
    }

    #[test]
    fn a_sink_that_has_enough_stops_the_reading() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 100]).unwrap();
        let mut calls = 0;
        let handed = read_chunks(file.as_fd(), &mut ReadBuffer::default(), 0, 10, Some(100), &mut |_, _, _| {
            calls += 1;
            if calls == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((handed.unwrap(), calls), (30, 3));
    }
}
