//! Keyword arguments become options. Every wrong value is told by the name of its argument and what it may be.

use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyString};

use super::errors::raised;
use super::extractors::Extractors;
use super::guard::guarded;
use super::root::{PyRoot, root_of};
use crate::chunk::ChunkOptions;
use crate::chunk::measure::Measure;
use crate::error::Error;
use crate::io::decode::EncodingChoice;
use crate::io::root::Root;
use crate::io::strategy::{Strategy, Thresholds};
use crate::scan::{BinaryFiles, CancelToken, ChunkingOptions, MAX_LINE_BYTES, ScanOptions, SearchOptions, SourceSpec};
use crate::search::pattern::{CaseMatching, PatternOptions};
use crate::search::walk::Section;
use crate::search::{self, FilterOptions};

/// Stops the calls that hold it, from any thread.
#[pyclass(name = "CancelToken", module = "vespera_file_ops", frozen, from_py_object)]
#[derive(Clone, Default)]
pub struct PyCancelToken(pub CancelToken);

#[pymethods]
impl PyCancelToken {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Stop every call that holds this token.
    fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether it was set.
    #[getter]
    fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// Every name that the option `types` knows, in alphabetical order.
#[pyfunction]
pub fn type_names() -> PyResult<Vec<String>> {
    guarded(|| Ok(search::type_names()))
}

/// Keyword arguments by name; a missing one or `None` means the default.
pub struct Arguments<'a, 'py>(pub &'a Bound<'py, PyDict>);

impl<'py> Arguments<'_, 'py> {
    fn given(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.0.get_item(name)?.filter(|value| !value.is_none()))
    }

    fn wrong(name: &str, expected: &str, value: &Bound<'py, PyAny>) -> PyErr {
        let text = value.repr().map_or_else(|_| "a value without repr".to_owned(), |repr| repr.to_string());
        match value.get_type().name() {
            Ok(class) => PyTypeError::new_err(format!("{name}: expected {expected}, got {class} {text}")),
            Err(error) => error,
        }
    }

    /// A flag.
    pub fn flag(&self, name: &str, default: bool) -> PyResult<bool> {
        match self.given(name)? {
            None => Ok(default),
            Some(value) => match value.cast::<PyBool>() {
                Ok(flag) => Ok(flag.is_true()),
                Err(_) => Err(Self::wrong(name, "True or False", &value)),
            },
        }
    }

    /// A whole number of at least `least`.
    pub fn count(&self, name: &str, least: u64) -> PyResult<Option<u64>> {
        let Some(value) = self.given(name)? else { return Ok(None) };
        let expected = format!("a whole number of at least {least}");
        if value.is_instance_of::<PyBool>() || value.extract::<i128>().is_err() {
            return Err(Self::wrong(name, &expected, &value));
        }
        match value.extract::<u64>() {
            Ok(count) if count >= least => Ok(Some(count)),
            _ => Err(raised(&Error::argument(name, &format!("expected {expected}, got {value}")))),
        }
    }

    /// A text.
    pub fn text(&self, name: &str) -> PyResult<Option<String>> {
        let Some(value) = self.given(name)? else { return Ok(None) };
        match value.cast::<PyString>() {
            Ok(text) => Ok(Some(text.to_str()?.to_owned())),
            Err(_) => Err(Self::wrong(name, "a str", &value)),
        }
    }

    /// Several texts.
    pub fn texts(&self, name: &str) -> PyResult<Vec<String>> {
        let Some(value) = self.given(name)? else { return Ok(Vec::new()) };
        value.extract().map_err(|_| Self::wrong(name, "a str or a list of str", &value))
    }

    /// One of a few words.
    fn word<T>(&self, name: &str, default: T, words: &[(&str, T)]) -> PyResult<T>
    where
        T: Clone,
    {
        let Some(word) = self.text(name)? else { return Ok(default) };
        if let Some((_, value)) = words.iter().find(|(known, _)| *known == word) {
            Ok(value.clone())
        } else {
            let known: Vec<_> = words.iter().map(|(known, _)| format!("{known:?}")).collect();
            let text = format!("expected {}, got {word:?}", known.join(" or "));
            Err(raised(&Error::argument(name, &text)))
        }
    }

    /// A length of time.
    pub fn seconds(&self, name: &str) -> PyResult<Option<Duration>> {
        let Some(value) = self.given(name)? else { return Ok(None) };
        let seconds: f64 = match value.extract() {
            Ok(seconds) if !value.is_instance_of::<PyBool>() => seconds,
            _ => return Err(Self::wrong(name, "a number of seconds", &value)),
        };
        if seconds.is_nan() || seconds <= 0.0 {
            let text = format!("expected a number of seconds above 0, got {value}");
            return Err(raised(&Error::argument(name, &text)));
        }
        Ok(Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)))
    }

    /// The token given as `cancel`, or one that nobody sets.
    pub fn cancel(&self) -> PyResult<CancelToken> {
        let Some(value) = self.given("cancel")? else { return Ok(CancelToken::default()) };
        match value.extract::<PyCancelToken>() {
            Ok(token) => Ok(token.0),
            Err(_) => Err(Self::wrong("cancel", "a CancelToken", &value)),
        }
    }

    /// The root given as `within`, or the free one.
    pub fn within(&self) -> PyResult<Root> {
        let Some(value) = self.given("within")? else { return Ok(Root::free()) };
        match value.extract::<PyRoot>() {
            Ok(root) => Ok(root_of(Some(root))),
            Err(_) => Err(Self::wrong("within", "a Root", &value)),
        }
    }

    /// Everything about where to walk and what to keep.
    pub fn scan_options(&self, sources: Vec<(Vec<u8>, bool)>) -> PyResult<ScanOptions> {
        let defaults = ScanOptions::default();
        let filter = FilterOptions {
            include: self.texts("include")?,
            exclude: self.texts("exclude")?,
            types: self.texts("types")?,
            include_hidden: self.flag("include_hidden", false)?,
            respect_ignore: self.flag("respect_ignore", true)?,
            require_git: self.flag("require_git", true)?,
            ..FilterOptions::default()
        };
        let section = match self.given("section")? {
            None => None,
            Some(value) => match value.extract() {
                Ok((after, until, is_populated)) => Some(Section { after, until, is_populated }),
                Err(_) => return Err(Self::wrong("section", "two relative paths and a bool", &value)),
            },
        };
        let max_depth = self.count("max_depth", 1)?.map(|depth| u32::try_from(depth).unwrap_or(u32::MAX));
        let threads = self.count("threads", 1)?.map(|threads| usize::try_from(threads).unwrap_or(usize::MAX));
        Ok(ScanOptions {
            sources: sources.into_iter().map(|(path, may_be_glob)| SourceSpec { path, may_be_glob }).collect(),
            globs_start_in: defaults.globs_start_in,
            working_folder: self.bytes("working_folder")?,
            sources_are_list: self.flag("source_is_list", false)?,
            within: self.within()?,
            expects_file: self.flag("expects_file", false)?,
            describe_only: self.flag("describe_only", false)?,
            filter,
            follow_symlinks: self.flag("follow_symlinks", false)?,
            max_depth,
            max_file_size: self.count("max_file_size", 0)?,
            one_file_system: self.flag("one_file_system", false)?,
            include_ignored: self.flag("include_ignored", false)?,
            absolute_paths: self.flag("absolute_paths", false)?,
            ordered: self.flag("ordered", true)?,
            threads,
            time_limit: self.seconds("time_limit")?,
            cancel: self.cancel()?,
            focus: self.bytes("focus")?,
            section,
            thresholds: self.thresholds(defaults.thresholds)?,
        })
    }

    fn bytes(&self, name: &'static str) -> PyResult<Option<Vec<u8>>> {
        let Some(value) = self.given(name)? else { return Ok(None) };
        match value.cast::<PyBytes>() {
            Ok(bytes) => Ok(Some(bytes.as_bytes().to_vec())),
            Err(_) => Err(Self::wrong(name, "bytes", &value)),
        }
    }

    fn thresholds(&self, defaults: Thresholds) -> PyResult<Thresholds> {
        Ok(Thresholds { forced: self.word("strategy", None, &strategies())?, ..defaults })
    }

    /// The patterns, and how they match.
    pub fn pattern_options(&self) -> PyResult<PatternOptions> {
        let case = match self.given("ignore_case")? {
            None => CaseMatching::Sensitive,
            Some(value) => match (value.cast::<PyBool>(), value.extract::<String>()) {
                (Ok(flag), _) if flag.is_true() => CaseMatching::Insensitive,
                (Ok(_), _) => CaseMatching::Sensitive,
                (_, Ok(word)) if word == "smart" => CaseMatching::Smart,
                (_, Ok(word)) => {
                    let text = format!("expected True, False or \"smart\", got {word:?}");
                    return Err(raised(&Error::argument("ignore_case", &text)));
                }
                _ => return Err(Self::wrong("ignore_case", "True, False or \"smart\"", &value)),
            },
        };
        Ok(PatternOptions {
            patterns: self.texts("patterns")?,
            fixed_strings: self.flag("fixed_strings", false)?,
            case,
            whole_word: self.flag("whole_word", false)?,
            multiline: self.flag("multiline", false)?,
        })
    }

    /// Everything about what to look for.
    pub fn search_options(&self) -> PyResult<SearchOptions> {
        let patterns = self.pattern_options()?;
        let as_size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        Ok(SearchOptions {
            patterns,
            invert_match: self.flag("invert_match", false)?,
            encoding: self.encoding("encoding")?,
            binary: self.binary()?,
            context: self.count("context", 0)?.map_or(0, as_size),
            captures: self.flag("captures", false)?,
            raw_bytes: self.flag("raw_bytes", false)?,
            max_hits: self.count("max_hits", 1)?,
            max_hits_per_file: self.count("max_hits_per_file", 1)?,
            max_line_bytes: self.count("max_line_bytes", 1)?.map_or(MAX_LINE_BYTES, as_size),
        })
    }

    /// Everything about how files become chunks.
    pub fn chunking_options(&self) -> PyResult<(ChunkingOptions, Extractors)> {
        let defaults = ChunkOptions::default();
        let as_size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let measure = match self.text("tokenizer")? {
            None => defaults.measure,
            Some(json) => Measure::of_tokenizer(json.as_bytes()).map_err(|error| raised(&error))?,
        };
        let (extracted, extractors) = match self.given("extractors")? {
            None => (Vec::new(), Extractors::default()),
            Some(functions) => match functions.cast::<PyDict>() {
                Ok(functions) => Extractors::of(functions)?,
                Err(_) => return Err(Self::wrong("extractors", "a dict", &functions)),
            },
        };
        let chunks = ChunkOptions {
            chunk_size: self.count("chunk_size", 1)?.map_or(defaults.chunk_size, as_size),
            overlap: self.count("overlap", 0)?.map_or(defaults.overlap, as_size),
            measure,
        };
        Ok((ChunkingOptions { chunks, encoding: self.encoding("encoding")?, extracted }, extractors))
    }

    /// What happens at a NUL.
    pub fn binary(&self) -> PyResult<BinaryFiles> {
        self.word("binary", BinaryFiles::Stop, &[("stop", BinaryFiles::Stop), ("search", BinaryFiles::Search)])
    }

    /// How bytes are read as text.
    pub fn encoding(&self, name: &str) -> PyResult<EncodingChoice> {
        match self.text(name)? {
            None => Ok(EncodingChoice::Auto),
            Some(label) => EncodingChoice::parse(&label).map_err(|error| raised(&error)),
        }
    }
}

/// The words for a forced strategy.
fn strategies() -> [(&'static str, Option<Strategy>); 4] {
    [
        ("auto", None),
        ("buffered", Some(Strategy::Buffered)),
        ("mmap", Some(Strategy::Mmap)),
        ("stream", Some(Strategy::Stream)),
    ]
}

/// The thresholds for one call's `strategy`.
pub fn thresholds_of(strategy: &str) -> PyResult<Thresholds> {
    if let Some((_, forced)) = strategies().into_iter().find(|(word, _)| *word == strategy) {
        Ok(Thresholds { forced, ..Thresholds::default() })
    } else {
        let words: Vec<_> = strategies().iter().map(|(word, _)| format!("{word:?}")).collect();
        let text = format!("expected {}, got {strategy:?}", words.join(" or "));
        Err(raised(&Error::argument("strategy", &text)))
    }
}
