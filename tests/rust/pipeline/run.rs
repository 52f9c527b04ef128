//! Trees to scan, and scans as plain rows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampNanosecondType, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use proptest::prelude::*;
use vespera_file_ops::chunk::ChunkOptions;
use vespera_file_ops::io::decode::EncodingChoice;
use vespera_file_ops::io::root::path_bytes::{of_path, to_path};
use vespera_file_ops::scan::{
    BinaryFiles, ChunkingOptions, DescribeOptions, Extracted, Operation, Scan, ScanOptions, ScanRequest, SearchOptions,
    Selection, SourceSpec, Step, Summary,
};
use vespera_file_ops::search::pattern::{CaseMatching, PatternOptions};
use vespera_file_ops::table::{Layout, Table};

/// No scan of these tests takes nearly as long; one that does hangs.
const PATIENCE: Duration = Duration::from_mins(if cfg!(windows) { 10 } else { 1 });

/// How many random cases are tried: of so many, an eighth where each file takes a hundred times as long, as under Wine.
pub const fn cases(all: u32) -> u32 {
    if cfg!(windows) { all / 8 } else { all }
}

/// A file of a random tree: its path and content.
pub type RandomFile = (Vec<Vec<u8>>, Vec<u8>);

/// A name that is no text: of bytes that are no UTF-8, where the system takes any.
pub const NO_TEXT: &[u8] = if cfg!(target_os = "linux") { b"\xff\xfe" } else { "\u{fffd}".as_bytes() };

/// Names whose byte order and component order differ, hidden ones, and one that is no UTF-8.
fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop_oneof![Just("a"), Just("a-b"), Just("a.txt"), Just("a0"), Just("B"), Just("b")].prop_map(|n| n.as_bytes().to_vec()),
        1 => Just(b".hidden".to_vec()),
        1 => Just("\u{e9}".as_bytes().to_vec()),
        1 => Just(NO_TEXT.to_vec()),
    ]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        3 => Just("nothing here\n"),
        2 => Just("needle\n"),
        1 => Just("two needles: needle\n"),
        1 => Just("needleneedle\r\n"),
    ];
    let nul = prop_oneof![9 => Just(None), 1 => Just(Some(0_u8))];
    (prop::collection::vec(line, 0..6), any::<bool>(), nul).prop_map(|(lines, open_end, nul)| {
        let mut content = lines.concat().into_bytes();
        content.extend(nul);
        if open_end {
            content.extend_from_slice(b"needle at the end");
        }
        content
    })
}

/// The files of a random tree; where two paths contradict each other, the later is left out.
pub fn files() -> impl Strategy<Value = Vec<RandomFile>> {
    prop::collection::vec((prop::collection::vec(name(), 1..5), content()), 0..40)
}

/// A path below `root` from raw components.
pub fn path(root: &Path, parts: &[Vec<u8>]) -> PathBuf {
    parts.iter().fold(root.to_owned(), |path, part| path.join(to_path(part).unwrap()))
}

/// Build a tree.
pub fn tree(files: &[RandomFile]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (parts, content) in files {
        let path = path(dir.path(), parts);
        if std::fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.is_dir() {
            std::fs::write(path, content).unwrap();
        }
    }
    dir
}

/// Build a tree from spelled paths.
pub fn plain_tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let raw = |path: &str| path.split('/').map(|part| part.as_bytes().to_vec()).collect();
    tree(&files.iter().map(|(path, content)| (raw(path), content.as_bytes().to_vec())).collect::<Vec<_>>())
}

/// Options for one source.
pub fn at(source: &Path) -> ScanOptions {
    among(&[source])
}

/// Options for a list of sources.
pub fn among(sources: &[&Path]) -> ScanOptions {
    let spec = |path: &&Path| SourceSpec { path: of_path(path), may_be_glob: false };
    ScanOptions {
        sources: sources.iter().map(spec).collect(),
        sources_are_list: sources.len() > 1,
        threads: Some(2),
        ..ScanOptions::default()
    }
}

/// Describe entries.
pub fn describe(options: &ScanOptions) -> ScanRequest {
    ScanRequest::new(options.clone(), Operation::Describe(DescribeOptions::default())).unwrap()
}

/// What the tests search for.
pub fn needle() -> SearchOptions {
    SearchOptions {
        patterns: PatternOptions {
            patterns: vec!["needle".to_owned()],
            fixed_strings: true,
            case: CaseMatching::Sensitive,
            whole_word: false,
            multiline: false,
        },
        invert_match: false,
        encoding: EncodingChoice::Auto,
        binary: BinaryFiles::Stop,
        context: 0,
        captures: false,
        raw_bytes: false,
        max_hits: None,
        max_hits_per_file: None,
        max_line_bytes: 65_536,
    }
}

/// Search entries.
pub fn search(options: &ScanOptions, search: SearchOptions) -> ScanRequest {
    ScanRequest::new(options.clone(), Operation::Search(Box::new(search))).unwrap()
}

/// Chunks of so many characters.
pub fn chunking(chunk_size: usize) -> ChunkingOptions {
    let chunks = ChunkOptions { chunk_size, ..ChunkOptions::default() };
    ChunkingOptions { chunks, encoding: EncodingChoice::Auto, extracted: Vec::new() }
}

/// Chunk entries.
pub fn chunk(options: &ScanOptions, chunking: ChunkingOptions) -> ScanRequest {
    ScanRequest::new(options.clone(), Operation::Chunk(Box::new(chunking))).unwrap()
}

/// What a scan gave.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Each table's batches.
    pub batches: Vec<(Table, RecordBatch)>,
    /// The ledger.
    pub summary: Summary,
    /// Mask requests that were answered.
    pub masks: usize,
}

/// A cell as text; bytes are a list of hexadecimal numbers, null is "".
pub fn text(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return String::new();
    }
    match column.data_type() {
        DataType::Utf8View => column.as_string_view().value(row).to_owned(),
        DataType::BinaryView => format!("{:02x?}", column.as_binary_view().value(row)),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            column.as_primitive::<TimestampNanosecondType>().value(row).to_string()
        }
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        other => panic!("no test looks at a column of {other} yet"),
    }
}

impl Given {
    /// The named columns of a table as text; null is "".
    pub fn rows(&self, table: Table, columns: &[&str]) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for (_, batch) in self.batches.iter().filter(|(of, _)| *of == table) {
            for row in 0..batch.num_rows() {
                let cell = |name: &&str| text(batch.column_by_name(name).unwrap(), row);
                rows.push(columns.iter().map(cell).collect());
            }
        }
        rows
    }

    /// One column of a table as text.
    pub fn column(&self, table: Table, column: &str) -> Vec<String> {
        self.rows(table, &[column]).into_iter().flatten().collect()
    }

    /// One column of a table as numbers.
    pub fn numbers(&self, table: Table, column: &str) -> Vec<u64> {
        self.column(table, column).iter().map(|cell| cell.parse().unwrap_or(0)).collect()
    }
}

/// All columns of these tables.
pub fn selection(request: &ScanRequest, tables: &[Table]) -> Selection {
    let tables = tables.iter().map(|table| request.projection(*table, Layout::default())).collect();
    Selection { tables, n_rows: None, mask_columns: None }
}

/// The text of a content, in capitals; there is none of what is no UTF-8.
fn loud(content: &[u8]) -> Extracted {
    std::str::from_utf8(content).map(str::to_uppercase).map_err(|error| error.to_string())
}

/// Run a scan to its end.
pub fn run(request: &ScanRequest, tables: &[Table]) -> Given {
    run_with(request, &selection(request, tables), |_| unreachable!("no mask was asked for"))
}

/// Run a scan to its end, answering its mask requests.
pub fn run_with(request: &ScanRequest, selection: &Selection, answer: impl Fn(&RecordBatch) -> Vec<bool>) -> Given {
    drain(&mut request.start(selection).unwrap(), answer)
}

/// Take everything that a running scan gives.
pub fn drain(scan: &mut Scan, answer: impl Fn(&RecordBatch) -> Vec<bool>) -> Given {
    let mut given = Given::default();
    let began = Instant::now();
    let mut held = Vec::new();
    loop {
        assert!(began.elapsed() < PATIENCE, "the scan hangs: {:?}", scan.progress());
        match scan.next(Duration::from_millis(20)).unwrap() {
            Step::Batch(table, batch) => given.batches.push((table, batch)),
            // Answers may come late and in any order.
            Step::Mask(request) => held.push(request),
            Step::Extract(request) => scan.answer_extraction(&request, loud(&request.content)),
            Step::Idle => {}
            Step::End => break,
        }
        if held.len() > 2 || given.masks < 2 {
            for request in held.drain(..).rev() {
                let passes = answer(&request.rows);
                scan.answer(request, passes).unwrap();
                given.masks += 1;
            }
        } else if let Some(request) = held.pop() {
            let passes = answer(&request.rows);
            scan.answer(request, passes).unwrap();
            given.masks += 1;
        }
    }
    given.summary = scan.summary().clone();
    given
}

/// Makes a symbolic link; on Windows one to a file.
pub fn symlink(target: impl AsRef<Path>, link: impl AsRef<Path>) {
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, link).unwrap();
    #[cfg(windows)]
    std::os::windows::fs::symlink_file(target, link).unwrap();
}

/// A path as the tables show it.
pub fn shown(path: &Path) -> String {
    String::from_utf8(of_path(path)).unwrap()
}

/// Set in a child that is to do the work of a test under other conditions.
pub const CHILD: &str = "VESPERA_FILE_OPS_TEST_SOURCE";

/// Run one test of this program again, as a child, with `CHILD` set to `source`.
pub fn again(test: &str, source: &Path, uid: Option<u32>, before: &str) {
    let program = std::env::current_exe().unwrap();
    let script = format!("{before} exec \"$0\" --exact \"$1\" --nocapture");
    let mut child = Command::new("sh");
    child.arg("-c").arg(script).arg(program).arg(test).env(CHILD, source);
    #[cfg(unix)]
    if let Some(uid) = uid {
        use std::os::unix::process::CommandExt;
        // Its home is not the one of the user who runs the tests, whose ignore file it may not read.
        child.uid(uid).gid(uid).env("HOME", source).env_remove("XDG_CONFIG_HOME");
    }
    #[cfg(not(unix))]
    assert_eq!(uid, None, "there are no other users");
    let output = child.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("1 passed"),
        "{printed}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
