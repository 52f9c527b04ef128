//! The readers give the same bytes, tell a change, and survive what the file's owner does to it.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::*;
use crate::io::root::AsHandle;
use crate::io::test_files::{pipe, write_at};

const SMALL: Thresholds = Thresholds {
    mmap_from: 8192,
    stream_above: 65536,
    chunk_bytes: 1000,
    forced: None,
    maps: crate::io::mmap::IS_AVAILABLE,
};

fn file_of(len: usize) -> (File, Vec<u8>) {
    let content: Vec<u8> = (0..len).map(|at| u8::try_from(at % 253).unwrap()).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    (file, content)
}

fn collect(reader: &mut ContentReader, file: &File, trusted: bool) -> (Vec<u8>, ReadReport) {
    let mut seen = Vec::new();
    let mut ended = false;
    let report = reader.read(Readable::new(file.as_handle(), trusted), &mut |chunk| {
        assert!(!ended, "a chunk after the last");
        assert_eq!(chunk.offset, seen.len() as u64);
        seen.extend_from_slice(chunk.bytes);
        ended = chunk.last;
        assert_eq!(chunk.whole, chunk.last && chunk.offset == 0);
        assert!(chunk.intact());
        ControlFlow::Continue(())
    });
    assert!(ended, "no last chunk");
    (seen, report.unwrap())
}

#[test]
fn every_strategy_gives_the_same_bytes_at_every_seam() {
    let sizes = [0, 1, 4096, 8191, 8192, 8193, 65535, 65536, 65537, 70000];
    for len in sizes {
        let (file, content) = file_of(len);
        for forced in [None, Some(Strategy::Buffered), Some(Strategy::Mmap), Some(Strategy::Stream)] {
            for trusted in [true, false] {
                let mut reader = ContentReader::new(Thresholds { forced, ..SMALL });
                for _ in 0..2 {
                    let (seen, report) = collect(&mut reader, &file, trusted);
                    assert_eq!(seen, content, "{len} {forced:?} {trusted}");
                    assert_eq!((report.bytes, report.changed), (len as u64, false), "{len} {forced:?} {trusted}");
                    if trusted || len > 0 {
                        assert_eq!(report.strategy, Thresholds { forced, ..SMALL }.choose(len as u64));
                    }
                }
            }
        }
    }
}

#[test]
fn the_default_thresholds_read_files_around_the_first_read() {
    for len in [FIRST_READ - 1, FIRST_READ, FIRST_READ + 1, (1 << 20) - 1, 1 << 20, (16 << 20) + 3] {
        let (file, content) = file_of(len);
        let mut reader = ContentReader::new(Thresholds::default());
        let (seen, report) = collect(&mut reader, &file, true);
        assert!(seen == content && !report.changed, "{len}");
        assert_eq!(report.status.is_some(), len >= FIRST_READ);
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "there is no /proc")]
fn a_file_that_the_system_makes_up_is_read_to_its_end() {
    let file = File::open("/proc/kallsyms").or_else(|_| File::open("/proc/self/smaps")).unwrap();
    let trusted = root::is_known_disk(file.as_handle());
    let expected = std::fs::read("/proc/kallsyms").or_else(|_| std::fs::read("/proc/self/smaps")).unwrap();
    for thresholds in [SMALL, Thresholds::default(), Thresholds { forced: Some(Strategy::Mmap), ..SMALL }] {
        let (seen, report) = collect(&mut ContentReader::new(thresholds), &file, trusted);
        assert!(seen.len() * 10 > expected.len() * 9, "{} of {}", seen.len(), expected.len());
        assert!(!report.changed);
    }
}

#[test]
#[cfg_attr(windows, ignore = "devices have no names in its folders, and pipes can be read at any place")]
fn what_is_no_file_is_refused() {
    let mut reader = ContentReader::new(SMALL);
    let zero = File::open("/dev/zero").unwrap();
    let error = reader.read(Readable::new(zero.as_handle(), true), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let folder = File::open("/").unwrap();
    assert!(reader.read(Readable::new(folder.as_handle(), true), &mut |_| ControlFlow::Continue(())).is_err());
    let (pipe, mut writer) = pipe();
    writer.write_all(b"kept").unwrap();
    assert!(reader.read(Readable::new(pipe.as_handle(), true), &mut |_| ControlFlow::Continue(())).is_err());
}

#[test]
fn a_change_while_reading_is_told_for_large_and_for_checked_files() {
    for len in [100, 10_000, 100_000] {
        for change in ["append", "overwrite", "truncate"] {
            let (file, _) = file_of(len);
            let mut done = false;
            let report = ContentReader::new(SMALL).read_checked(
                Readable::new(file.as_handle(), true),
                &|| false,
                &mut |chunk| {
                    if !done {
                        done = true;
                        match change {
                            "append" => assert_eq!(write_at(&file, b"more", len as u64), 4),
                            "overwrite" => assert_eq!(write_at(&file, b"!", 5), 1),
                            _ => file.set_len(10).unwrap(),
                        }
                    }
                    std::hint::black_box(chunk.bytes.iter().map(|&byte| usize::from(byte)).sum::<usize>());
                    assert!(!(chunk.map.is_some() && chunk.intact()));
                    ControlFlow::Continue(())
                },
            );
            assert!(report.unwrap().changed, "{len} {change}");
        }
    }
}

#[test]
fn a_sink_that_stops_gets_no_more_and_that_is_no_change() {
    let (file, _) = file_of(100_000);
    let mut calls = 0;
    let report = ContentReader::new(SMALL).read(Readable::new(file.as_handle(), true), &mut |_| {
        calls += 1;
        ControlFlow::Break(())
    });
    assert_eq!((calls, report.unwrap().changed), (1, false));
}

#[test]
fn a_buffer_that_one_file_needed_is_given_back() {
    let (file, _) = file_of(70_000);
    let mut reader = ContentReader::new(Thresholds { forced: Some(Strategy::Buffered), mmap_from: 1, ..SMALL });
    collect(&mut reader, &file, true);
    reader.buffer.with_len(64 << 20, 0).unwrap();
    reader.give_back();
    assert_eq!(reader.buffer, ReadBuffer::default());
}

/// Hazard 1: the owner truncates and grows the file while others read it through the map.
///
/// Growing by writing never puts a zero into the file, so a zero that is believed is one that was invented.
#[test]
#[cfg_attr(any(not(target_os = "linux"), feature = "portable"), ignore = "files are mapped on Linux alone")]
fn truncation_under_a_map_never_kills_and_never_invents_zeros() {
    for len in [1 << 20, 4 << 20, 16 << 20] {
        let (undisturbed, invented) = read_while_truncating(len, false);
        assert!(undisturbed > 0, "no read of {len} bytes was ever undisturbed");
        assert_eq!(invented, 0, "{len}");
    }
}

#[test]
#[cfg_attr(any(not(target_os = "linux"), feature = "portable"), ignore = "files are mapped on Linux alone")]
fn truncation_and_growth_by_a_hole_never_kills() {
    read_while_truncating(8 << 20, true);
}

/// How many reads were believed, and how many of those held a zero.
fn read_while_truncating(len: usize, hole: bool) -> (usize, usize) {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let (stop, believed, invented) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let thresholds = Thresholds { forced: Some(Strategy::Mmap), maps: true, ..Thresholds::default() };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = File::options().write(true).open(&path).unwrap();
            let full = vec![b'x'; len];
            let begun = Instant::now();
            let mut round = 0_u64;
            while begun.elapsed() < Duration::from_secs(2) {
                assert_eq!(write_at(&file, &full, 0), len);
                // Long enough to let a reader finish in some rounds, in the middle of a read in others.
                std::thread::sleep(Duration::from_micros(round * 7919 % 160_000));
                file.set_len(0).unwrap();
                if hole {
                    file.set_len(len as u64).unwrap();
                }
                round += 1;
            }
            stop.store(true, Ordering::SeqCst);
        });
        for _ in 0..3 {
            scope.spawn(|| {
                let mut reader = ContentReader::new(thresholds);
                while !stop.load(Ordering::SeqCst) {
                    let file = File::open(&path).unwrap();
                    let (mut zeros, mut intact) = (false, false);
                    let report = reader.read(Readable::new(file.as_handle(), true), &mut |chunk| {
                        zeros = memchr::memchr(0, chunk.bytes).is_some();
                        intact = chunk.map.is_some() && chunk.intact();
                        ControlFlow::Continue(())
                    });
                    report.unwrap();
                    believed.fetch_add(usize::from(intact), Ordering::SeqCst);
                    invented.fetch_add(usize::from(intact && zeros), Ordering::SeqCst);
                }
            });
        }
    });
    (believed.into_inner(), invented.into_inner())
}

/// Helps at once, as far ahead as it may.
struct Eager;

impl Helpers for Eager {
    fn look_at(&self, _: &[u8]) -> Option<crate::io::shared_read::MakeLook> {
        Some(Box::new(|| Box::new(|_, _, _| Preview { newlines: 0, wanted: true })))
    }

    fn call(&self, work: std::sync::Weak<SharedRead>) {
        work.upgrade().unwrap().help();
    }
}

#[test]
fn a_shared_file_that_is_cut_before_its_long_line_has_changed() {
    let lines = b"a line\n".repeat(STRETCH_BYTES / 7 * 2);
    let long = vec![b'-'; 10 * STRETCH_BYTES];
    let thresholds = Thresholds { forced: Some(Strategy::Stream), ..Thresholds::default() };
    for cut in [None, Some(0), Some(lines.len() as u64)] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[&lines[..], &long, b"\n"].concat()).unwrap();
        std::thread::sleep(Duration::from_millis(60));
        let (mut previews, mut rest) = (0, Vec::new());
        let report = ContentReader::new(thresholds).read_with(
            Some(&Eager),
            Readable::new(file.as_handle(), true),
            &mut |chunk| {
                if let Some(cut) = cut {
                    file.set_len(cut).unwrap();
                }
                assert!(chunk.repeated <= chunk.bytes.len());
                previews += usize::from(chunk.preview.is_some());
                if chunk.preview.is_none() {
                    rest.extend_from_slice(&chunk.bytes[chunk.repeated..]);
                }
                ControlFlow::Continue(())
            },
        );
        let report = report.unwrap();
        assert_eq!(report.changed, cut.is_some());
        assert!(previews >= 1);
        if cut.is_none() {
            assert!(rest.ends_with(b"-\n") && rest.len() > long.len());
        }
    }
}
