//! What a scan is asked to do. Every option is documented here, once; the faces repeat names and defaults, not rules.

use std::time::Duration;

use super::control::CancelToken;
use crate::chunk::ChunkOptions;
use crate::io::decode::EncodingChoice;
use crate::io::root::Root;
use crate::io::strategy::Thresholds;
use crate::search::filter::FilterOptions;
use crate::search::pattern::PatternOptions;
use crate::search::walk::Section;

/// One source as the caller spelled it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    /// Its bytes.
    pub path: Vec<u8>,
    /// Whether it is a glob if it holds `*`, `?` or `[` and names nothing that exists.
    pub may_be_glob: bool,
}

/// Where to walk, what to keep, and how far to go.
#[derive(Debug, Clone)]
// Each is a switch of its own, documented where it stands and named as in every face.
#[allow(clippy::struct_excessive_bools)]
pub struct ScanOptions {
    /// Files, folders or globs. A file reached by two of them is one row, under the first.
    pub sources: Vec<SourceSpec>,
    /// The globs among them that begin with this folder start in it: its own path holds no glob. Nothing: all of the path
    /// may be one.
    pub globs_start_in: Vec<u8>,
    /// The sources came as a list: one that does not exist is a row with an error instead of an error of the call.
    pub sources_are_list: bool,
    /// Where sources start, and what nothing may lead out of: no source, no link, no ignore file.
    pub within: Root,
    /// The absolute path of the folder in which relative sources start and from which they are shown, unless `within`
    /// says where. `None`: the working folder of the process, which one that serves several callers does not share.
    pub working_folder: Option<Vec<u8>>,
    /// The source is a file; a folder is an error of the call.
    pub expects_file: bool,
    /// Describe the sources themselves and not what lies in them.
    pub describe_only: bool,
    /// Globs, types, hidden names and ignore files.
    pub filter: FilterOptions,
    /// Enter folders and read files behind symbolic links.
    pub follow_symlinks: bool,
    /// The deepest entries; 1 is what lies directly in the source. `None`: no bound.
    pub max_depth: Option<u32>,
    /// Leave out files of more bytes than this. `None`: no bound.
    pub max_file_size: Option<u64>,
    /// Stay on the file system of each source.
    pub one_file_system: bool,
    /// Let the coverage table hold what ignore files and hidden names exclude.
    pub include_ignored: bool,
    /// Show absolute paths.
    pub absolute_paths: bool,
    /// Rows by path, the same at every number of threads; otherwise as they come.
    pub ordered: bool,
    /// At most this many worker threads, and never more than 256. `None`: one a core, and up to 30 more in all scans
    /// of the process while they wait for a disk.
    pub threads: Option<usize>,
    /// Stop after this long; what is finished stands, the rest is marked as not reached.
    pub time_limit: Option<Duration>,
    /// A token with which another thread can stop the scan.
    pub cancel: CancelToken,
    /// Only entries on the way to this path below the source.
    pub focus: Option<Vec<u8>>,
    /// Only the entries that stand in this section of the table's order.
    pub section: Option<Section>,
    /// Which reader a file's size gets.
    pub thresholds: Thresholds,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            sources: vec![SourceSpec { path: b".".to_vec(), may_be_glob: false }],
            globs_start_in: Vec::new(),
            sources_are_list: false,
            within: Root::free(),
            working_folder: None,
            expects_file: false,
            describe_only: false,
            filter: FilterOptions::default(),
            follow_symlinks: false,
            max_depth: None,
            max_file_size: None,
            one_file_system: false,
            include_ignored: false,
            absolute_paths: false,
            ordered: true,
            threads: None,
            time_limit: None,
            cancel: CancelToken::default(),
            focus: None,
            section: None,
            thresholds: Thresholds::default(),
        }
    }
}

/// What happens at a NUL byte in a file that was not named by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BinaryFiles {
    /// A NUL in the first 64 KiB leaves the file unsearched; a later one ends the search before its line.
    #[default]
    Stop,
    /// NUL is a character like any other.
    Search,
}

/// A longer line is cut around its match, unless the caller says otherwise.
pub const MAX_LINE_BYTES: usize = 65_536;

/// What to look for in the files, and what to tell of it.
#[derive(Debug, Clone)]
pub struct SearchOptions {
    /// The patterns and how they match.
    pub patterns: PatternOptions,
    /// One row a line that no pattern matches.
    pub invert_match: bool,
    /// How bytes are read as text.
    pub encoding: EncodingChoice,
    /// What happens at a NUL byte.
    pub binary: BinaryFiles,
    /// Lines of context before and after a hit.
    pub context: usize,
    /// Give the capture groups of each hit.
    pub captures: bool,
    /// Give the exact bytes where text had to be repaired.
    pub raw_bytes: bool,
    /// The first so many rows in the table's order.
    pub max_hits: Option<u64>,
    /// The first so many rows of each file.
    pub max_hits_per_file: Option<u64>,
    /// A longer line is cut around its match.
    pub max_line_bytes: usize,
}

impl SearchOptions {
    /// The columns of the hits table that stand in it only because an option asks for them.
    #[must_use]
    pub fn asked_columns(&self) -> Vec<&'static str> {
        let mut columns = Vec::new();
        if self.captures {
            columns.push("captures");
        }
        if self.context > 0 {
            columns.extend(["before", "after"]);
        }
        if self.raw_bytes {
            columns.extend(["matched_bytes", "line_bytes"]);
        }
        columns
    }
}

/// What a description of entries holds beside the columns that it always has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DescribeOptions {
    /// The BLAKE3 hash of each file's content.
    pub blake3: bool,
    /// When the scan began, so that a later look knows which times to trust.
    pub observed: bool,
}

impl DescribeOptions {
    /// The optional columns that these options bring.
    #[must_use]
    pub fn asked_columns(self) -> Vec<&'static str> {
        let asked = [(self.blake3, "blake3"), (self.observed, "observed")];
        asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, name)| name).collect()
    }
}

/// How files become chunks.
#[derive(Debug, Clone)]
pub struct ChunkingOptions {
    /// How large chunks become.
    pub chunks: ChunkOptions,
    /// How bytes are read as text; what is invalid becomes U+FFFD.
    pub encoding: EncodingChoice,
    /// The ends of names, in lower case, of files whose text the caller extracts from their content.
    pub extracted: Vec<String>,
}

impl ChunkingOptions {
    /// Which of the ends in [`Self::extracted`] this name has; the longest, if it has several.
    #[must_use]
    pub fn suffix_of(&self, name: &[u8]) -> Option<usize> {
        let has = |suffix: &String| {
            let end = name.len().checked_sub(suffix.len()).map(|start| &name[start..]);
            end.is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
        };
        let ends = self.extracted.iter().enumerate().filter(|(_, suffix)| has(suffix));
        ends.max_by_key(|(_, suffix)| suffix.len()).map(|(at, _)| at)
    }
}

/// What is done with the files that the walk finds.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Describe them: the files table.
    Describe(DescribeOptions),
    /// Search them: the hits table, the coverage table, or both from one pass.
    Search(Box<SearchOptions>),
    /// Chunk them: the chunks table, the coverage table, or both from one pass.
    Chunk(Box<ChunkingOptions>),
}
