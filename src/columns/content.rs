//! Contents: the bytes of a file, its text, and the beginning of either.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::Read;

use memchr::memchr_iter;

use super::{ColumnRequest, VALUE_BYTES, too_large};
use crate::error::{Error, ErrorKind, Result};
use crate::io::content::ContentReader;
use crate::io::counters;
use crate::io::decode::{EncodingChoice, TextBuffer, TextEncoding, decode_strict};
use crate::io::opener::{FileOpener, RegularFile};
use crate::io::root::{AsHandle, into_file, status_of};
use crate::io::strategy::Thresholds;
use crate::io::whole;

/// How much is read at a time where the end is found on the way.
const PIECE_BYTES: u64 = 64 << 10;
/// How often a file that changes is read before it is given up.
const TRIES: usize = 4;

/// Nobody stops a column before its end: Polars does not tell its plugins.
pub(super) fn never() -> bool {
    false
}

/// The files of a part, and what reads them.
pub(super) struct Files {
    pub(super) opener: FileOpener,
    pub(super) thresholds: Thresholds,
    pub(super) reader: ContentReader,
}

impl Files {
    pub(super) fn new(request: &ColumnRequest) -> Self {
        Self {
            opener: FileOpener::new(request.root.clone()),
            thresholds: request.thresholds,
            reader: ContentReader::new(request.thresholds),
        }
    }

    /// The first `max_bytes` of a file, and whether they are all of it.
    fn read(&mut self, path: &[u8], max_bytes: Option<u64>) -> Result<(Vec<u8>, bool)> {
        if let Some(most) = max_bytes.filter(|most| *most < VALUE_BYTES) {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            let (mut content, _) = self.beginning(path, |content| content.len() <= most)?;
            let is_whole = content.len() <= most;
            content.truncate(most);
            return Ok((content, is_whole));
        }
        let file = self.opener.open(path)?;
        // Before memory is asked for that no value could use.
        if file.status.size >= VALUE_BYTES {
            return Err(too_large(path, file.status.size));
        }
        let content = whole::read_opened(&mut self.reader, &file, path, &never)?;
        if content.len() as u64 >= VALUE_BYTES {
            return Err(too_large(path, content.len() as u64));
        }
        Ok((content, true))
    }

    /// A file from its start, read on in pieces while `wants_more` says so; and whether that is all of it.
    pub(super) fn beginning(&mut self, path: &[u8], wants_more: impl Fn(&[u8]) -> bool) -> Result<(Vec<u8>, bool)> {
        let failed = |step: &str, error| Error::io(step, path, error);
        for _ in 0..TRIES {
            let RegularFile { handle, status: before, .. } = self.opener.open(path)?;
            let mut file = into_file(handle).map_err(|error| failed("read", error))?;
            let mut content = Vec::new();
            let mut ended = false;
            while !ended && wants_more(&content) {
                let read = file.by_ref().take(PIECE_BYTES).read_to_end(&mut content);
                ended = read.map_err(|error| failed("read", error))? == 0;
            }
            counters::BYTES_READ.add(content.len() as u64);
            let after = status_of(file.as_handle()).map_err(|error| failed("describe", error))?;
            if before.same_content_as(&after) {
                return Ok((content, ended));
            }
        }
        let text = format!("the file changed each of the {TRIES} times it was read; try again when its writer is done");
        Err(Error::new(ErrorKind::Changed, text).with_path(path))
    }
}

/// The text of a file, or of its first `max_bytes`.
pub(super) fn text(files: &mut Files, path: &[u8], encoding: EncodingChoice, max_bytes: Option<u64>) -> Result<String> {
    let (raw, is_whole) = files.read(path, max_bytes)?;
    let encoding = TextEncoding::detect(&raw, encoding);
    sized(path, text_of(raw, encoding, is_whole).map_err(|error| error.with_path(path))?)
}

/// The bytes of a file, or its first `max_bytes`.
pub(super) fn bytes(files: &mut Files, path: &[u8], max_bytes: Option<u64>) -> Result<Vec<u8>> {
    files.read(path, max_bytes).map(|(raw, _)| raw)
}

/// The first lines of a file, with their terminators.
pub(super) fn head(files: &mut Files, path: &[u8], lines: u64, encoding: EncodingChoice) -> Result<String> {
    // What was read is looked at again when it has doubled, so that a long first line costs twice its length.
    let looked = Cell::new(0);
    let (mut raw, is_whole) = files.beginning(path, |raw| {
        let is_due = raw.is_empty() || raw.len() >= 2 * looked.get();
        if is_due {
            looked.set(raw.len());
        }
        (raw.len() as u64) < VALUE_BYTES && !(is_due && end_of_lines(raw, lines, encoding).is_some())
    })?;
    let end = end_of_lines(&raw, lines, encoding);
    if raw.len() as u64 >= VALUE_BYTES && end.is_none() {
        return Err(too_large(path, raw.len() as u64));
    }
    raw.truncate(end.unwrap_or(raw.len()));
    let encoding = TextEncoding::detect(&raw, encoding);
    sized(path, text_of(raw, encoding, is_whole || end.is_some()).map_err(|error| error.with_path(path))?)
}

/// Where so many lines end in what was read of a file so far, if they do.
fn end_of_lines(raw: &[u8], lines: u64, choice: EncodingChoice) -> Option<usize> {
    let Some(nth) = lines.checked_sub(1) else { return Some(0) };
    let nth = usize::try_from(nth).unwrap_or(usize::MAX);
    let encoding = TextEncoding::detect(raw, choice);
    if encoding.is_utf8() {
        return memchr_iter(b'\n', raw).nth(nth).map(|newline| newline + 1);
    }
    let text = beginning_of_text(raw, encoding);
    let newline = memchr_iter(b'\n', text.text()).nth(nth)?;
    usize::try_from(text.raw_offset(newline + 1)).ok()
}

fn beginning_of_text(raw: &[u8], encoding: TextEncoding) -> TextBuffer {
    let mut text = TextBuffer::new(encoding, encoding.bom_bytes() as u64);
    text.push(raw.get(encoding.bom_bytes()..).unwrap_or_default(), false);
    text
}

/// The text of these bytes; a character that is cut at their end is left out, unless they are the whole file.
fn text_of(mut raw: Vec<u8>, encoding: TextEncoding, is_whole: bool) -> Result<String> {
    if !is_whole && encoding.is_utf8() {
        let body = raw.get(encoding.bom_bytes()..).unwrap_or_default();
        if let Err(error) = std::str::from_utf8(body)
            && error.error_len().is_none()
        {
            let end = encoding.bom_bytes() + error.valid_up_to();
            raw.truncate(end);
        }
    } else if !is_whole {
        let text = beginning_of_text(&raw, encoding);
        let end = usize::try_from(text.raw_offset(text.text().len())).unwrap_or(raw.len());
        raw.truncate(end);
    }
    if encoding.is_utf8() && encoding.bom_bytes() == 0 {
        return String::from_utf8(raw).or_else(|error| decode_strict(error.as_bytes(), encoding).map(Cow::into_owned));
    }
    decode_strict(&raw, encoding).map(Cow::into_owned)
}

/// A text that fits into a column.
fn sized(path: &[u8], text: String) -> Result<String> {
    if text.len() as u64 >= VALUE_BYTES { Err(too_large(path, text.len() as u64)) } else { Ok(text) }
}
