//! Matches in a file are replaced, and nothing else of it changes.
//!
//! The matches are found in the file's text and replaced in its bytes: the byte order mark, the line ends, and what is
//! not valid in its encoding stay as they are. The new content takes the place of the one that was read, or none: a file
//! that has changed meanwhile is a conflict.

mod edits;
mod matches;
mod opened;
mod patience;
mod ranges;
mod replacement;
mod text;

use arrow_array::RecordBatch;

use self::edits::Edits;
pub use self::opened::Bounds;
use self::opened::OpenedFile;
use self::patience::Patience;
pub use self::ranges::{Applied, FileEdits, RangeEdit, Searched, apply_edits};
use self::replacement::Replacement;
use crate::error::{Error, Result};
use crate::io::content::Stopped;
use crate::io::decode::EncodingChoice;
use crate::io::hash::Blake3;
use crate::io::root::Root;
use crate::io::write::WriteOptions;
use crate::search::pattern::{PatternOptions, Patterns};
use crate::table::edits::EditsBuilder;

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
    let bounds = Bounds { expected: options.expected, dry_run: options.dry_run, write: options.write };
    let file = OpenedFile::open(root, path, &bounds, stopped)?;
    let mut patience = Patience::new(stopped);
    let edits = Edits::find(&file.raw, rules, options, &mut patience).map_err(|error| error.with_path(path))?;
    // Before anything is written: a table that could not be built would hide that it was.
    let mut table = EditsBuilder::default();
    for edit in edits.iter() {
        patience.spend(edit.matched.len() + edit.replacement.len()).map_err(|error| error.with_path(path))?;
        table.push(edit.start, edit.end, &edit.matched, &edit.replacement);
    }
    let table = table.finish()?;
    file.write(&edits, &bounds, stopped)?;
    Ok(table)
}
