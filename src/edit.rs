//! Matches in a file are replaced, and nothing else of it changes.
//!
//! The matches are found in the file's text and replaced in its bytes: the byte order mark, the line ends, and what is
//! not valid in its encoding stay as they are. The new content takes the place of the one that was read, or none: a file
//! that has changed meanwhile is a conflict.

mod edits;
mod matches;
mod patience;
mod replacement;
mod text;

use std::time::SystemTime;

use arrow_array::RecordBatch;

use self::edits::Edits;
use self::patience::Patience;
use self::replacement::Replacement;
use crate::error::{Error, ErrorKind, Result};
use crate::io::content::{ContentReader, Stopped};
use crate::io::decode::EncodingChoice;
use crate::io::hash::Blake3;
use crate::io::root::{AsHandle, FileStatus, Handle, Root, is_known_disk, status_of};
use crate::io::strategy::Thresholds;
use crate::io::write::target::Target;
use crate::io::write::{self, Expected, Observed, WriteOptions, holds_other};
use crate::search::pattern::{PatternOptions, Patterns};
use crate::table::edits::EditsBuilder;

/// How often a file that changes is read before it is given up.
const TRIES: usize = 4;
/// Less than that is hashed slower, and more is not faster.
const HASHED_AT_ONCE: usize = 1 << 20;

/// What to replace with what.
#[derive(Debug, Clone)]
pub struct Rules {
    patterns: Patterns,
    replacements: Vec<Replacement>,
}

impl Rules {
    /// The replacement of each pattern; plain text for plain text.
    ///
    /// # Errors
    /// A pattern that does not parse, an argument error for a group that a pattern has not, or if there are not as many
    /// of the one as of the other.
    pub fn compile(options: &PatternOptions, replacements: &[String]) -> Result<Self> {
        let patterns = Patterns::compile(options)?;
        if replacements.len() != patterns.count() {
            let text = format!("expected one for each of {} patterns, got {}", patterns.count(), replacements.len());
            return Err(Error::argument("replacement", &text));
        }
        let parse = |(index, text): (usize, &String)| {
            if options.fixed_strings {
                Ok(Replacement::literal(text))
            } else {
                Replacement::parse(text, patterns.capture_names(index))
            }
        };
        let replacements = replacements.iter().enumerate().map(parse).collect::<Result<_>>()?;
        Ok(Self { patterns, replacements })
    }
}

/// How a file is edited.
#[derive(Debug, Clone, Copy)]
pub struct EditOptions {
    /// How its bytes are read as text.
    pub encoding: EncodingChoice,
    /// Edit a file that holds NUL characters.
    pub binary: bool,
    /// Replace only the first so many matches.
    pub max_replacements: Option<u64>,
    /// What the file must hold.
    pub expected: Option<Blake3>,
    /// Find what would be replaced, and write nothing.
    pub dry_run: bool,
    /// How it is written; what it expects is ignored.
    pub write: WriteOptions,
}

/// Replaces the matches in the file to which `path` leads from `root`; returns the edits table.
///
/// A file in which nothing changes is not touched.
///
/// # Errors
/// As [`write::write_file`] and [`crate::io::whole::read_file`]; [`ErrorKind::Argument`] for a binary file, and for a
/// replacement that the file's encoding has not, or that would not stand in the file as the text that it is.
pub fn replace_in_file(
    root: &Root,
    path: &[u8],
    rules: &Rules,
    options: &EditOptions,
    stopped: Stopped<'_>,
) -> Result<RecordBatch> {
    let target = Target::find(root, path, options.write.follow_symlinks)?;
    if target.entry().is_none() {
        // The system says it with its own number.
        let missing = target.open_content().err().unwrap_or(std::io::ErrorKind::NotFound.into());
        return Err(Error::io("open", path, missing));
    }
    // Before it is opened, because opening a device can do something.
    target.refuse_other_kinds()?;
    if !options.dry_run {
        target.refuse_unfit(false, options.write.break_hard_links)?;
    }
    let Source { raw, file, status, asked } = Source::read(&target, stopped)?;
    let mut patience = Patience::new(stopped);
    let hash = hash_of(&raw, &mut patience).map_err(|error| error.with_path(path))?;
    if let Some(expected) = options.expected.filter(|expected| *expected != hash) {
        return Err(holds_other(path, &hash, &expected));
    }
    let edits = Edits::find(&raw, rules, options, &mut patience).map_err(|error| error.with_path(path))?;
    // Before anything is written: a table that could not be built would hide that it was.
    let mut table = EditsBuilder::default();
    for edit in edits.iter() {
        patience.spend(edit.matched.len() + edit.replacement.len()).map_err(|error| error.with_path(path))?;
        table.push(edit.start, edit.end, &edit.matched, &edit.replacement);
    }
    let table = table.finish()?;
    if !options.dry_run && edits.differs() {
        let options = WriteOptions { expected: options.expected.map(Expected::Content), ..options.write };
        write::replace(&target, &edits, Some(&Observed::new(hash, file, status, asked)), &options, stopped)?;
    }
    Ok(table)
}

fn hash_of(raw: &[u8], patience: &mut Patience<'_>) -> Result<Blake3> {
    let mut hasher = blake3::Hasher::new();
    for piece in raw.chunks(HASHED_AT_ONCE) {
        patience.spend(piece.len())?;
        hasher.update(piece);
    }
    Ok(*hasher.finalize().as_bytes())
}

/// A file's content, and the file that it was read from.
struct Source {
    raw: Vec<u8>,
    file: Handle,
    status: FileStatus,
    asked: SystemTime,
}

impl Source {
    fn read(target: &Target, stopped: Stopped<'_>) -> Result<Self> {
        let path = target.path();
        let mut reader = ContentReader::new(Thresholds::default());
        for _ in 0..TRIES {
            let file = target.open_content().map_err(|error| Error::io("open", path, error))?;
            let asked = SystemTime::now();
            let status = status_of(file.as_handle()).map_err(|error| Error::io("describe", path, error))?;
            let read = reader.read_all(file.as_handle(), is_known_disk(file.as_handle()), stopped);
            let (raw, report) = read.map_err(|error| Error::io("read", path, error))?;
            if stopped() {
                return Err(Error::new(ErrorKind::Cancelled, "cancelled; nothing was written").with_path(path));
            }
            if !report.changed {
                return Ok(Self { raw, file, status, asked });
            }
        }
        let text = format!("the file changed each of the {TRIES} times it was read; try again when its writer is done");
        Err(Error::new(ErrorKind::Changed, text).with_path(path))
    }
}
