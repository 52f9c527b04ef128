//! Matches in a file are replaced, and nothing else of it changes.
//!
//! The matches are found in the file's text and replaced in its bytes: the byte order mark, the line ends, and what is
//! not valid in its encoding stay as they are. The new content takes the place of the one that was read, or none: a file
//! that has changed meanwhile is a conflict.

mod matches;
mod replacement;

use std::borrow::Cow;
use std::time::SystemTime;

use arrow_array::RecordBatch;
use grep_matcher::Captures;

use self::matches::Matches;
use self::replacement::Replacement;
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;
use crate::io::content::{ContentReader, Stopped};
use crate::io::decode::{EncodingChoice, TextBuffer, TextEncoding, binary_offset};
use crate::io::hash::Blake3;
use crate::io::root::{AsHandle, FileStatus, Handle, Root, is_known_disk, status_of};
use crate::io::strategy::Thresholds;
use crate::io::write::target::Target;
use crate::io::write::{self, Content, Observed, PIECE_BYTES, WriteOptions, holds_other};
use crate::search::pattern::{PatternOptions, Patterns};
use crate::table::edits::EditsBuilder;

/// How often a file that changes is read before it is given up.
const TRIES: usize = 4;

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
/// replacement that the file's encoding has not.
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
    let hash = *blake3::hash(&raw).as_bytes();
    if let Some(expected) = options.expected.filter(|expected| *expected != hash) {
        return Err(holds_other(path, &hash, &expected));
    }
    let encoding = TextEncoding::detect(&raw, options.encoding);
    let edits = Edits::find(&raw, encoding, rules, options, stopped).map_err(|error| error.with_path(path))?;
    let content = Edited { raw: &raw, edits: &edits };
    // Before anything is written: a table that could not be built would hide that it was.
    let mut table = EditsBuilder::default();
    for edit in edits.iter() {
        let (matched, new) = (&raw[edit.start..edit.end], edit.new);
        table.push(edit.start, edit.end, &encoding.decode_part(matched), &encoding.decode_part(new));
    }
    let table = table.finish()?;
    if !options.dry_run && content.differs() {
        let options = WriteOptions { expected: None, ..options.write };
        write::replace(&target, &content, Some(&Observed::new(hash, file, status, asked)), &options, stopped)?;
    }
    Ok(table)
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

/// The replacements in one file, from its start to its end.
#[derive(Default)]
struct Edits {
    /// Where each begins and ends in the file, and where its new bytes end in `new`.
    places: Vec<(usize, usize, usize)>,
    new: Vec<u8>,
}

/// One of them.
struct Edit<'e> {
    start: usize,
    end: usize,
    new: &'e [u8],
}

impl Edits {
    fn find(
        raw: &[u8],
        encoding: TextEncoding,
        rules: &Rules,
        options: &EditOptions,
        stopped: Stopped<'_>,
    ) -> Result<Self> {
        FailPoint::Decoding.pass();
        let text = Text::of(raw, encoding);
        if let (Some(at), false) = (binary_offset(text.bytes()), options.binary) {
            let at = text.raw_offset(at);
            let text = format!("path: a NUL at byte {at} makes the file a binary one; binary=\"search\" edits it");
            return Err(Error::new(ErrorKind::Argument, text));
        }
        let new: Vec<_> =
            rules.replacements.iter().map(|replacement| replacement.encoded(encoding)).collect::<Result<_>>()?;
        let mut captures: Vec<_> = (0..rules.patterns.count())
            .map(|index| {
                rules.patterns.pattern(index).new_captures().filter(|_| rules.replacements[index].has_groups())
            })
            .collect();
        let most = options.max_replacements.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        let mut edits = Self::default();
        for found in Matches::new(&rules.patterns, text.bytes()).take(most) {
            if stopped() {
                return Err(Error::new(ErrorKind::Cancelled, "cancelled; nothing was written"));
            }
            // In ascending order, which is what makes them cheap.
            let (start, end) = (text.raw_offset(found.range.start), text.raw_offset(found.range.end));
            let pattern = rules.patterns.pattern(found.pattern);
            let groups = match &mut captures[found.pattern] {
                Some(groups) => {
                    let known = pattern.captures(&text.bytes()[..found.text_end], found.range.start, groups);
                    known.then_some(&*groups)
                }
                None => None,
            };
            new[found.pattern].expand(&mut edits.new, |group| match (groups, group) {
                (_, 0) => &raw[start..end],
                (Some(groups), _) => groups
                    .get(group)
                    .map_or(&[][..], |matched| &raw[text.raw_offset(matched.start())..text.raw_offset(matched.end())]),
                (None, _) => &[],
            });
            edits.places.push((start, end, edits.new.len()));
        }
        Ok(edits)
    }

    fn iter(&self) -> impl Iterator<Item = Edit<'_>> {
        let mut from = 0;
        self.places.iter().map(move |&(start, end, new_end)| {
            let new = &self.new[from..new_end];
            from = new_end;
            Edit { start, end, new }
        })
    }
}

/// The text in which matches are looked for, and the way back to the file.
enum Text<'r> {
    /// The file's own bytes, behind its byte order mark.
    Same {
        body: &'r [u8],
        offset: usize,
    },
    Decoded(TextBuffer),
}

impl<'r> Text<'r> {
    fn of(raw: &'r [u8], encoding: TextEncoding) -> Self {
        let offset = encoding.bom_bytes();
        let body = &raw[offset..];
        if encoding.is_utf8() {
            return Self::Same { body, offset };
        }
        let mut decoded = TextBuffer::new(encoding, offset as u64);
        decoded.push(body, true);
        Self::Decoded(decoded)
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Same { body, .. } => body,
            Self::Decoded(text) => text.text(),
        }
    }

    fn raw_offset(&self, at: usize) -> usize {
        match self {
            Self::Same { offset, .. } => offset + at,
            Self::Decoded(text) => usize::try_from(text.raw_offset(at)).unwrap_or(usize::MAX),
        }
    }
}

/// The content of a file with its edits.
struct Edited<'e> {
    raw: &'e [u8],
    edits: &'e Edits,
}

impl Edited<'_> {
    fn differs(&self) -> bool {
        self.edits.iter().any(|edit| self.raw[edit.start..edit.end] != *edit.new)
    }

    /// What stays and what is new, in turn.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let last = self.edits.places.last().map_or(0, |&(_, end, _)| end);
        let mut from = 0;
        let edited = self.edits.iter().flat_map(move |edit| {
            let kept = &self.raw[from..edit.start];
            from = edit.end;
            [kept, edit.new]
        });
        edited.chain([&self.raw[last..]])
    }
}

impl Content for Edited<'_> {
    fn pieces(&self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut piece = Cow::Borrowed(&[][..]);
        for part in self.parts().flat_map(|part| part.chunks(PIECE_BYTES)) {
            // Most parts are some bytes long, and each call of the system costs more than copying them.
            if piece.len() + part.len() > PIECE_BYTES {
                take(&piece)?;
                piece = Cow::Borrowed(part);
            } else if piece.is_empty() {
                piece = Cow::Borrowed(part);
            } else {
                piece.to_mut().extend_from_slice(part);
            }
        }
        if piece.is_empty() { Ok(()) } else { take(&piece) }
    }
}
