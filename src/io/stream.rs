//! The streaming reader: a file of any length in chunks of bounded size.
//!
//! Where the size is believed, reading stops there and the last chunk is known as such; what was appended meanwhile is
//! seen in the file's times. Where it is not (files of `/proc` say 0), reading goes on until nothing more comes.

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::buffered::{ReadBuffer, fill};
use super::content::Stopped;
use super::root::{HandleRef, announce_reading};
use crate::fail_point::FailPoint;

/// How often the first of two readers looks whether it is to stop the second.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Takes a chunk's bytes, its offset and whether it is the last.
pub(super) type Emit<'a> = &'a mut dyn FnMut(&[u8], u64, bool) -> ControlFlow<()>;

/// Reads `file` from `start` on in chunks and hands each to `emit(bytes, offset, last)`; returns where it ended.
///
/// The first `keep` bytes of `buffer` have been read already. `end` is where to stop, if that is known. There is always
/// exactly one last chunk, which may be empty, unless `emit` stops before it.
pub(super) fn read_chunks(
    file: HandleRef<'_>,
    buffer: &mut ReadBuffer,
    keep: usize,
    chunk_bytes: usize,
    (start, end): (u64, Option<u64>),
    emit: Emit<'_>,
) -> io::Result<u64> {
    // Twice the read-ahead.
    announce_reading(file);
    let chunk_bytes = chunk_bytes.max(keep).max(1);
    let mut keep = keep;
    let mut offset = start;
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

/// Reads a file into `content`, which is as long as the file is: its second half by another thread. Returns how many
/// bytes were read; fewer than there are if the file ended early or `stopped` ended it.
pub(super) fn read_halves(
    file: HandleRef<'_>,
    content: &mut [u8],
    chunk_bytes: usize,
    stopped: Stopped<'_>,
) -> io::Result<usize> {
    announce_reading(file);
    let middle = content.len() / 2;
    let (first, second) = content.split_at_mut(middle);
    let ends = AtomicBool::new(false);
    let read_part = |part: &mut [u8], offset: usize, stopped: &dyn Fn() -> bool| -> io::Result<usize> {
        let mut read = 0;
        while read < part.len() && !stopped() {
            FailPoint::Reading.pass();
            let piece = read..part.len().min(read + chunk_bytes.max(1));
            let filled = fill(file, &mut part[piece], 0, (offset + read) as u64, false)?;
            read += filled.len;
            if filled.ended {
                break;
            }
        }
        Ok(read)
    };
    let here = std::thread::current();
    std::thread::scope(|scope| {
        let other = std::thread::Builder::new().name("vespera-read".to_owned()).spawn_scoped(scope, || {
            let read = read_part(second, middle, &|| ends.load(Ordering::Relaxed));
            here.unpark();
            read
        })?;
        let mine = read_part(first, 0, stopped);
        while !other.is_finished() {
            let whole = matches!(mine, Ok(read) if read == middle);
            ends.fetch_or(!whole || stopped(), Ordering::Relaxed);
            std::thread::park_timeout(LOOK_EVERY);
        }
        let theirs = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(mine? + theirs)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::root::AsHandle;
    use std::io::Write;

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
                    let handed = read_chunks(
                        file.as_handle(),
                        &mut buffer,
                        keep,
                        chunk_bytes,
                        (0, end),
                        &mut |bytes, at, last| {
                            assert_eq!(at, seen.len() as u64);
                            assert!(bytes.len() <= chunk_bytes.max(keep));
                            seen.extend_from_slice(bytes);
                            lasts.push(last);
                            ControlFlow::Continue(())
                        },
                    );
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
        let handed =
            read_chunks(file.as_handle(), &mut ReadBuffer::default(), 0, 10, (0, Some(100)), &mut |_, _, _| {
                calls += 1;
                if calls == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        assert_eq!((handed.unwrap(), calls), (30, 3));
    }

    #[test]
    fn two_halves_are_the_file() {
        let content: Vec<u8> = (0..1001_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        for chunk_bytes in [1, 7, 500, 5000] {
            for len in [0, 1, 2, 1000, 1001] {
                let mut halves = vec![0; len];
                let read = read_halves(file.as_handle(), &mut halves, chunk_bytes, &|| false).unwrap();
                assert_eq!((read, &halves[..]), (len, &content[..len]), "{chunk_bytes}");
            }
            let mut longer = vec![0; 3000];
            assert!(read_halves(file.as_handle(), &mut longer, chunk_bytes, &|| false).unwrap() < longer.len());
            let mut unread = vec![0; 1001];
            assert!(read_halves(file.as_handle(), &mut unread, chunk_bytes, &|| true).unwrap() < unread.len());
        }
    }
}
