//! The kernels one by one, each without the others: walking, reading, searching, and building tables.
//!
//! `cargo bench --bench kernels`. They show where a change pays; whether it does is `make bench`'s to say.

use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{BatchSize, Criterion, Throughput, criterion_main};
use vespera_file_ops::Table;
use vespera_file_ops::io::content::{ContentReader, Readable};
use vespera_file_ops::io::hash::hash_bytes_hex;
use vespera_file_ops::io::root::path_bytes::of_path;
use vespera_file_ops::io::root::{AsHandle, FileKind, status_of};
use vespera_file_ops::io::strategy::{Strategy, Thresholds};
use vespera_file_ops::scan::{DescribeOptions, Operation, ScanOptions, ScanRequest, SourceSpec, collect};
use vespera_file_ops::search::pattern::{PatternOptions, Patterns};
use vespera_file_ops::search::text::{Hit, HitSink, SearchOptions, TextSearcher};
use vespera_file_ops::search::walk::EntryPath;
use vespera_file_ops::search::window::Window;
use vespera_file_ops::table::{FileRow, FilesBuilder, Layout, Projection, lines};

/// C as it is written, with one rare word.
fn text(bytes: usize) -> Vec<u8> {
    let function =
        "static int probe(struct device *dev)\n{\n\treturn dev_err_probe(dev, -EINVAL, \"no irq\\n\");\n}\n\n";
    let mut text = function.repeat(bytes / function.len()).into_bytes();
    text.extend_from_slice(b"EXPORT_SYMBOL_GPL(probe);\n");
    text
}

/// Every entry of a tree of 5,000 files in 100 folders.
fn walk(c: &mut Criterion) {
    let root = tempfile::tempdir().expect("a temporary folder");
    for folder in 0..100 {
        let folder = root.path().join(format!("{folder:03}"));
        std::fs::create_dir(&folder).expect("a folder");
        for file in 0..50 {
            std::fs::write(folder.join(format!("{file:03}.txt")), b"one line\n").expect("a file");
        }
    }
    let path = of_path(root.path());
    let sources = vec![SourceSpec { path, may_be_glob: false }];
    let options = ScanOptions { sources, threads: Some(1), ..ScanOptions::default() };
    let request = ScanRequest::new(options, Operation::Describe(DescribeOptions::default())).expect("a request");
    let mut group = c.benchmark_group("walk");
    group.throughput(Throughput::Elements(5_100));
    group.bench_function("all metadata", |b| b.iter(|| collect(&request, Table::Files).expect("a table")));
    group.finish();
}

/// One file through each reader.
fn read(c: &mut Criterion) {
    let mut group = c.benchmark_group("read");
    for bytes in [64 << 10, 4 << 20, 32 << 20] {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text(bytes)).expect("a content");
        // A file that has just changed is waited for.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let file = std::fs::File::open(file.path()).expect("the file");
        group.throughput(Throughput::Bytes(bytes as u64));
        for strategy in Strategy::ALL {
            let thresholds = Thresholds { forced: Some(strategy), ..Thresholds::default() };
            let mut reader = ContentReader::new(thresholds);
            group.bench_function(format!("{} of {} KiB", strategy.as_str(), bytes >> 10), |b| {
                b.iter(|| {
                    let mut last = 0;
                    let report = reader.read(Readable::new(file.as_handle(), true), &mut |chunk| {
                        last = chunk.bytes.iter().step_by(4096).fold(0, |sum, byte| sum ^ byte);
                        ControlFlow::Continue(())
                    });
                    (report.expect("a content"), last)
                });
            });
        }
    }
    group.finish();
}

struct Count(usize);

impl HitSink for Count {
    fn hit(&mut self, _: &Window<'_>, hit: &Hit<'_>) -> ControlFlow<()> {
        self.0 += hit.matched.len();
        ControlFlow::Continue(())
    }

    fn keep_going(&mut self) -> bool {
        true
    }
}

/// Patterns over a text that lies in memory.
fn search(c: &mut Criterion) {
    let text = text(16 << 10);
    let mut group = c.benchmark_group("search 16 KiB");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for pattern in ["EXPORT_SYMBOL_GPL", "static", "(?i)linus torvalds", "[A-Z]+_SUSPEND", r"\w{5}\s+\w{5}\s+\w{5}"] {
        let options = PatternOptions { patterns: vec![pattern.to_owned()], ..PatternOptions::default() };
        let patterns = Patterns::compile(&options).expect("a pattern");
        let options = SearchOptions { line_numbers: true, ..SearchOptions::default() };
        let mut searcher = TextSearcher::new(&patterns, options);
        group.bench_function(pattern, |b| {
            b.iter(|| {
                let mut sink = Count(0);
                searcher.begin_file();
                let _ = searcher.search(&Window::whole(black_box(&text)), &mut sink);
                sink.0
            });
        });
    }
    group.finish();
    let mut group = c.benchmark_group("hash");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("BLAKE3 of 16 KiB", |b| b.iter(|| hash_bytes_hex(black_box(&text))));
    group.finish();
}

/// Rows become Arrow.
fn table(c: &mut Criterion) {
    let mut group = c.benchmark_group("table");
    let own = std::fs::File::open(".").expect("the folder");
    let status = status_of(own.as_handle()).expect("its status");
    let projection = Projection::all(Table::Files, &[], Layout::default());
    group.throughput(Throughput::Elements(4096));
    group.bench_function("4096 rows of files", |b| {
        b.iter_batched_ref(
            || FilesBuilder::new(&projection, Thresholds::default()),
            |builder| {
                for _ in 0..4096 {
                    builder.push(&FileRow {
                        path: EntryPath {
                            folder: b"drivers/net/ethernet/",
                            source_bytes: 0,
                            name: b"ethernet_main.c",
                            folder_is_text: true,
                        },
                        kind: FileKind::File,
                        status: Some(&status),
                        depth: 4,
                        hidden: false,
                        error: None,
                        blake3: None,
                        observed: None,
                    });
                }
                builder.finish().expect("a batch")
            },
            BatchSize::SmallInput,
        );
    });
    let content = text(1 << 20);
    group.throughput(Throughput::Bytes(content.len() as u64));
    group.bench_function("the lines of 1 MiB", |b| {
        b.iter_batched(|| content.clone(), |content| lines::lines(content).expect("lines"), BatchSize::LargeInput);
    });
    group.finish();
}

mod groups {
    #![allow(missing_docs, reason = "the macro makes a public function")]
    criterion::criterion_group!(kernels, super::walk, super::read, super::search, super::table);
}

criterion_main!(groups::kernels);
