//! The arguments of an expression, as Python pickles them.

use serde::Deserialize;

use crate::chunk::ChunkOptions;
use crate::chunk::measure::Measure;
use crate::columns::{ColumnRequest, Operation, SearchPlan};
use crate::error::{Error, ErrorKind, Result};
use crate::io::decode::EncodingChoice;
use crate::io::root::Root;
use crate::io::strategy::Thresholds;
use crate::scan::{BinaryFiles, ChunkingOptions, MAX_LINE_BYTES, SearchOptions};
use crate::search::pattern::{CaseMatching, PatternOptions};

/// What becomes of a path of which there is no value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorsAs {
    /// A null.
    #[default]
    Null,
    /// The query fails.
    Raise,
    /// Each value stands in a struct, with what went wrong beside it.
    Struct,
}

/// The arguments of all expressions; each takes those that it has. Python has checked their types.
// Each is a switch of its own, named as in every face.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Arguments {
    pub errors: ErrorsAs,
    /// The folder that no path may leave, byte by byte.
    within: Option<Vec<u8>>,
    /// The globs of the names that it denies, and of those that it allows in spite of them.
    denied: Vec<String>,
    allowed: Vec<String>,
    encoding: Option<String>,
    pub max_bytes: Option<u64>,
    pub lines: u64,
    pub follow_symlinks: bool,
    patterns: Vec<String>,
    fixed_strings: bool,
    ignore_case: Option<String>,
    whole_word: bool,
    invert_match: bool,
    multiline: bool,
    binary: Option<String>,
    context: usize,
    captures: bool,
    raw_bytes: bool,
    max_hits: Option<u64>,
    max_line_bytes: Option<usize>,
    chunk_size: Option<usize>,
    overlap: usize,
    /// The content of a `tokenizer.json`.
    tokenizer: Option<String>,
}

impl Arguments {
    /// The arguments as Python's `pickle` wrote them.
    pub fn unpickled(pickled: &[u8]) -> Result<Self> {
        if pickled.is_empty() {
            return Ok(Self::default());
        }
        serde_pickle::from_slice(pickled, serde_pickle::DeOptions::new())
            .map_err(|error| Error::new(ErrorKind::Argument, format!("the arguments cannot be read: {error}")))
    }

    /// What the columns room is asked for.
    pub fn request(&self, operation: Operation) -> Result<ColumnRequest> {
        let root = match &self.within {
            Some(path) => Root::denying(path, &self.denied, &self.allowed)?,
            None => Root::free(),
        };
        Ok(ColumnRequest { operation, root, thresholds: Thresholds::default() })
    }

    pub fn encoding(&self) -> Result<EncodingChoice> {
        EncodingChoice::parse(self.encoding.as_deref().unwrap_or("auto"))
    }

    pub fn chunking(&self) -> Result<ChunkingOptions> {
        let defaults = ChunkOptions::default();
        let measure =
            self.tokenizer.as_ref().map_or(Ok(defaults.measure), |json| Measure::of_tokenizer(json.as_bytes()))?;
        let chunk_size = self.chunk_size.unwrap_or(defaults.chunk_size);
        let chunks = ChunkOptions { chunk_size, overlap: self.overlap, measure };
        chunks.validate()?;
        Ok(ChunkingOptions { chunks, encoding: self.encoding()?, extracted: Vec::new() })
    }

    pub fn search_plan(&self) -> Result<SearchPlan> {
        let case = match self.ignore_case.as_deref() {
            None | Some("false") => CaseMatching::Sensitive,
            Some("true") => CaseMatching::Insensitive,
            Some("smart") => CaseMatching::Smart,
            Some(other) => {
                return Err(Error::argument(
                    "ignore_case",
                    &format!("expected True, False or \"smart\", got {other:?}"),
                ));
            }
        };
        let binary = match self.binary.as_deref() {
            None | Some("stop") => BinaryFiles::Stop,
            Some("search") => BinaryFiles::Search,
            Some(other) => {
                let text = format!("expected \"stop\" or \"search\", got {other:?}");
                return Err(Error::argument("binary", &text));
            }
        };
        let patterns = PatternOptions {
            patterns: self.patterns.clone(),
            fixed_strings: self.fixed_strings,
            case,
            whole_word: self.whole_word,
            multiline: self.multiline,
        };
        SearchPlan::new(SearchOptions {
            patterns,
            invert_match: self.invert_match,
            encoding: self.encoding()?,
            binary,
            context: self.context,
            captures: self.captures,
            raw_bytes: self.raw_bytes,
            max_hits: None,
            max_hits_per_file: self.max_hits,
            max_line_bytes: self.max_line_bytes.unwrap_or(MAX_LINE_BYTES),
        })
    }
}
