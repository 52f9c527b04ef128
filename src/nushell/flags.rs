//! What the commands take, and the options that it becomes.
//!
//! A flag has the name that its option has everywhere, with dashes, unless Nushell's own commands have a name for it:
//! `--all`, `--full-paths` and `--long` are those of `ls`, `--threads` is that of `ls` and `par-each`. The same holds for
//! short forms: they are those of the command line, which are ripgrep's where it has one, unless Nushell's own commands
//! have one for the same thing (`-a`, `-f`, `-l`, `-t` of `ls`, `-e` of `glob`, `-m` of `find`) or for another.

use std::time::Duration;

use nu_plugin::EvaluatedCall;
use nu_protocol::{Completion, Flag, FromValue, LabeledError, Signature, Span, SyntaxShape, Value};

use crate::error::Error;
use crate::io::decode::EncodingChoice;
use crate::io::root::Root;
use crate::io::root::path_bytes::of_path;
use crate::io::strategy::{Strategy, Thresholds};
use crate::scan::{BinaryFiles, ChunkingOptions, ScanOptions, SearchOptions};
use crate::search::FilterOptions;
use crate::search::pattern::{CaseMatching, PatternOptions};

const STRATEGIES: &[&str] = &["auto", "buffered", "mmap", "stream"];

fn switch(name: &str, short: Option<char>, text: &str) -> Flag {
    let flag = Flag::new(name).desc(text);
    match short {
        Some(short) => flag.short(short),
        None => flag,
    }
}

fn value(name: &str, short: Option<char>, shape: SyntaxShape, text: &str) -> Flag {
    switch(name, short, text).arg(shape)
}

/// One text, or a list of them.
fn texts(shape: SyntaxShape) -> SyntaxShape {
    SyntaxShape::OneOf(vec![SyntaxShape::List(Box::new(SyntaxShape::String)), shape])
}

fn with(signature: Signature, flags: impl IntoIterator<Item = Flag>) -> Signature {
    flags.into_iter().fold(signature, Signature::param)
}

/// The flags of every walk.
pub fn add_walk(signature: Signature) -> Signature {
    let flags = [
        switch("all", Some('a'), "hidden entries as well"),
        value("include", Some('g'), texts(SyntaxShape::GlobPattern), "only files that one of these globs matches"),
        value("exclude", Some('e'), texts(SyntaxShape::GlobPattern), "leave out what these globs match"),
        value("types", None, texts(SyntaxShape::String), "only files of these types, such as rust or py"),
        switch("no-respect-ignore", None, "what ignore files exclude as well"),
        switch("no-require-git", None, "read .gitignore files outside of a repository too"),
        switch("follow-symlinks", Some('L'), "enter folders and read files behind links"),
        value("max-depth", Some('d'), SyntaxShape::Int, "how many levels below the source"),
        value("max-file-size", None, SyntaxShape::Filesize, "leave out larger files"),
        switch("one-file-system", None, "stay on the source's file system"),
        switch("full-paths", Some('f'), "paths from the root"),
        value("within", None, SyntaxShape::Directory, "a folder in which paths start, and which nothing leads out of"),
        switch("no-ordered", None, "rows as they come"),
        value("threads", Some('t'), SyntaxShape::Int, "at most so many workers"),
        value("time-limit", None, SyntaxShape::Duration, "stop after so long, with what was found until then"),
    ];
    with(signature, flags)
}

/// The flags of a search.
pub fn add_search(signature: Signature) -> Signature {
    let flags = [
        switch("fixed-strings", Some('F'), "patterns are plain text"),
        switch("ignore-case", Some('i'), "ignore case"),
        switch("smart-case", Some('S'), "ignore case unless a pattern has a capital letter"),
        switch("whole-word", Some('w'), "only whole words"),
        switch("invert-match", Some('v'), "the lines that no pattern matches"),
        switch("multiline", Some('m'), "a match may span lines"),
        switch("text", None, "search files with NUL bytes as well"),
        value("encoding", Some('E'), SyntaxShape::String, "decode files from this encoding (default: by their mark)"),
        value("context", Some('C'), SyntaxShape::Int, "so many lines around each hit, as lists before and after"),
        switch("captures", None, "the pattern's groups, as a record"),
        value("max-hits", None, SyntaxShape::Int, "the first so many hits"),
        value("max-hits-per-file", None, SyntaxShape::Int, "the first so many hits of each file"),
        value("max-line-bytes", None, SyntaxShape::Filesize, "cut longer lines around their match"),
        strategy(),
    ];
    with(signature, flags)
}

/// The flags of chunking.
pub fn add_chunking(signature: Signature) -> Signature {
    let flags = [
        value("chunk-size", Some('s'), SyntaxShape::Int, "at most so many characters (1600)"),
        value("overlap", None, SyntaxShape::Int, "neighbouring chunks share up to so many characters"),
        value("encoding", Some('E'), SyntaxShape::String, "decode files from this encoding (default: by their mark)"),
        strategy(),
    ];
    with(signature, flags)
}

/// The flags that say which columns there are, and where they go.
pub fn add_output(signature: Signature) -> Signature {
    let flags = [
        switch("long", Some('l'), "all columns"),
        value("columns", None, texts(SyntaxShape::String), "these columns; what is not named is not computed"),
        value("save", Some('o'), SyntaxShape::Filepath, "write the rows to this file (.parquet or .arrow) instead"),
        switch("force", None, "let --save replace a file"),
    ];
    with(signature, flags)
}

fn strategy() -> Flag {
    let text = "how content is read: auto, buffered, mmap or stream";
    value("strategy", None, SyntaxShape::String, text).completion(Completion::new_list(STRATEGIES))
}

/// The values of a call's flags.
pub struct Given<'a>(pub &'a EvaluatedCall);

impl Given<'_> {
    pub fn flag(&self, name: &str) -> Result<bool, LabeledError> {
        Ok(self.0.has_flag(name)?)
    }

    fn get<T: FromValue>(&self, name: &str) -> Result<Option<T>, LabeledError> {
        Ok(self.0.get_flag(name)?)
    }

    /// One text, or several.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, LabeledError> {
        let Some(value) = self.0.get_flag_value(name) else { return Ok(Vec::new()) };
        texts_of(&value)
    }

    fn count<N: TryFrom<i64>>(&self, name: &str, least: i64) -> Result<Option<N>, LabeledError> {
        let Some(number) = self.get::<i64>(name)? else { return Ok(None) };
        let wrong = || self.wrong(name, &format!("expected at least {least}, got {number}"));
        if number < least {
            return Err(wrong());
        }
        N::try_from(number).map(Some).map_err(|_| wrong())
    }

    fn size(&self, name: &str) -> Result<Option<u64>, LabeledError> {
        let Some(value) = self.0.get_flag_value(name) else { return Ok(None) };
        let bytes = match value {
            Value::Filesize { val, .. } => val.get(),
            value => value.as_int()?,
        };
        u64::try_from(bytes).map(Some).map_err(|_| self.wrong(name, "expected no negative size"))
    }

    fn wrong(&self, name: &str, text: &str) -> LabeledError {
        let span = self.0.get_flag_value(name).map_or(self.0.head, |value| value.span());
        LabeledError::new(format!("--{name}: {text}")).with_label("cannot be used", span)
    }

    fn encoding(&self) -> Result<EncodingChoice, LabeledError> {
        match self.get::<String>("encoding")? {
            None => Ok(EncodingChoice::Auto),
            Some(name) => EncodingChoice::parse(&name).map_err(|error| self.wrong("encoding", &bare(&error))),
        }
    }

    fn thresholds(&self) -> Result<Thresholds, LabeledError> {
        let forced = match self.get::<String>("strategy")?.as_deref() {
            None | Some("auto") => None,
            Some(label) => match Strategy::from_label(label) {
                None => {
                    let text = format!("expected one of {}, got {label:?}", STRATEGIES.join(", "));
                    return Err(self.wrong("strategy", &text));
                }
                strategy => strategy,
            },
        };
        Ok(Thresholds { forced, ..Thresholds::default() })
    }

    /// The options of the walk; `folder` is the one that the user is in.
    pub fn walk(&self, folder: &str) -> Result<ScanOptions, LabeledError> {
        let mut options = ScanOptions { working_folder: Some(folder.as_bytes().to_vec()), ..ScanOptions::default() };
        options.filter = FilterOptions {
            include: self.texts("include")?,
            exclude: self.texts("exclude")?,
            types: self.texts("types")?,
            include_hidden: self.flag("all")?,
            respect_ignore: !self.flag("no-respect-ignore")?,
            require_git: !self.flag("no-require-git")?,
            ..FilterOptions::default()
        };
        if let Some(root) = self.get::<String>("within")? {
            let root = nu_path::expand_path_with(root, folder, true);
            options.within =
                Root::confined(&of_path(root.as_ref())).map_err(|e| self.wrong("within", &e.to_string()))?;
        }
        options.follow_symlinks = self.flag("follow-symlinks")?;
        options.max_depth = self.count("max-depth", 1)?;
        options.max_file_size = self.size("max-file-size")?;
        options.one_file_system = self.flag("one-file-system")?;
        options.absolute_paths = self.flag("full-paths")?;
        options.ordered = !self.flag("no-ordered")?;
        options.threads = self.count("threads", 1)?;
        options.time_limit = self.get::<Duration>("time-limit")?;
        options.thresholds = self.thresholds()?;
        Ok(options)
    }

    /// The options of a search for these patterns.
    pub fn search(&self, patterns: Vec<String>) -> Result<SearchOptions, LabeledError> {
        let case = match (self.flag("ignore-case")?, self.flag("smart-case")?) {
            (true, _) => CaseMatching::Insensitive,
            (false, true) => CaseMatching::Smart,
            (false, false) => CaseMatching::Sensitive,
        };
        Ok(SearchOptions {
            patterns: PatternOptions {
                patterns,
                fixed_strings: self.flag("fixed-strings")?,
                case,
                whole_word: self.flag("whole-word")?,
                multiline: self.flag("multiline")?,
            },
            invert_match: self.flag("invert-match")?,
            encoding: self.encoding()?,
            binary: if self.flag("text")? { BinaryFiles::Search } else { BinaryFiles::Stop },
            context: self.count("context", 0)?.unwrap_or(0),
            captures: self.flag("captures")?,
            raw_bytes: self.flag("long")?,
            max_hits: self.count("max-hits", 0)?,
            max_hits_per_file: self.count("max-hits-per-file", 0)?,
            max_line_bytes: match self.size("max-line-bytes")? {
                None => crate::scan::MAX_LINE_BYTES,
                Some(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
            },
        })
    }

    /// The options of chunking.
    pub fn chunking(&self) -> Result<ChunkingOptions, LabeledError> {
        let mut chunks = crate::chunk::ChunkOptions::default();
        chunks.chunk_size = self.count("chunk-size", 1)?.unwrap_or(chunks.chunk_size);
        chunks.overlap = self.count("overlap", 0)?.unwrap_or(chunks.overlap);
        Ok(ChunkingOptions { chunks, encoding: self.encoding()?, extracted: Vec::new() })
    }
}

/// One text, or a list of them.
///
/// # Errors
/// It is neither.
pub fn texts_of(value: &Value) -> Result<Vec<String>, LabeledError> {
    match value {
        Value::List { vals, .. } => vals.iter().map(|value| Ok(value.coerce_string()?)).collect(),
        Value::Glob { val, .. } => Ok(vec![val.clone()]),
        value => Ok(vec![value.coerce_string()?]),
    }
}

/// A message without the name of the argument, which the flag says already.
fn bare(error: &Error) -> String {
    let text = error.to_string();
    text.split_once(": ").map_or(text.clone(), |(_, rest)| rest.to_owned())
}

/// Where a flag's value stands, or its name.
pub fn span_of(call: &EvaluatedCall, name: &str) -> Span {
    call.get_flag_value(name).map(|value| value.span()).or_else(|| call.get_flag_span(name)).unwrap_or(call.head)
}
