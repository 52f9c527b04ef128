//! What is known of a file without keeping its content: its hash, its lines, its encoding, whether it is text, and
//! whether it is there.

use std::ops::ControlFlow;

use memchr::memchr_iter;

use super::content::{Files, never};
use crate::error::{Error, ErrorKind, Result};
use crate::io::counters;
use crate::io::decode::{EncodingChoice, TextBuffer, TextEncoding, binary_offset};
use crate::io::hash::{blake3_of, hash_hex};
use crate::io::opener::ensure_path;
use crate::scan::BINARY_HEAD;

/// The bytes that say how a file is encoded.
const BOM_BYTES: usize = 4;

/// The hash of a content.
pub(super) fn blake3(files: &mut Files, path: &[u8]) -> Result<String> {
    let file = files.opener.open(path)?;
    let hash = blake3_of(&mut files.reader, file.readable(), path, &never)?;
    Ok(hash_hex(&hash))
}

/// How many lines a file has.
pub(super) fn line_count(files: &mut Files, path: &[u8], encoding: EncodingChoice) -> Result<i64> {
    let file = files.opener.open(path)?;
    let mut lines = Lines::default();
    let report = files.reader.read(file.readable(), &mut |chunk| {
        lines.add(chunk.bytes, chunk.last, encoding);
        if chunk.intact() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let report = report.map_err(|error| Error::io("read", path, error))?;
    counters::BYTES_READ.add(report.bytes);
    if report.changed {
        let text = "changed while its lines were counted; try again when nobody writes to it";
        return Err(Error::new(ErrorKind::Changed, text).with_path(path));
    }
    Ok(i64::try_from(lines.ended + u64::from(lines.is_open)).unwrap_or(i64::MAX))
}

/// Lines counted so far.
#[derive(Default)]
struct Lines {
    ended: u64,
    /// Something follows the last newline.
    is_open: bool,
    /// Where a newline is not one byte, what decodes it.
    decoded: Option<TextBuffer>,
    began: bool,
}

impl Lines {
    fn add(&mut self, mut raw: &[u8], last: bool, choice: EncodingChoice) {
        if !self.began {
            self.began = true;
            let encoding = TextEncoding::detect(raw, choice);
            raw = raw.get(encoding.bom_bytes()..).unwrap_or_default();
            // In every encoding but UTF-16 a newline is one byte, which is part of no other character.
            self.decoded = encoding.is_utf16().then(|| TextBuffer::new(encoding, encoding.bom_bytes() as u64));
        }
        let Some(mut text) = self.decoded.take() else { return self.count(raw) };
        text.push(raw, last);
        self.count(text.text());
        text.discard(text.text().len());
        self.decoded = Some(text);
    }

    fn count(&mut self, text: &[u8]) {
        self.ended += memchr_iter(b'\n', text).count() as u64;
        self.is_open = text.last().map_or(self.is_open, |last| *last != b'\n');
    }
}

/// The label of an encoding.
pub(super) fn encoding(files: &mut Files, path: &[u8]) -> Result<String> {
    let (head, _) = files.beginning(path, |head| head.len() < BOM_BYTES)?;
    Ok(TextEncoding::detect(&head, EncodingChoice::Auto).label())
}

/// Whether a file is binary.
pub(super) fn is_binary(files: &mut Files, path: &[u8]) -> Result<bool> {
    let (head, is_whole) = files.beginning(path, |head| head.len() < BINARY_HEAD)?;
    let encoding = TextEncoding::detect(&head, EncodingChoice::Auto);
    let body = head.get(encoding.bom_bytes()..).unwrap_or_default();
    if encoding.is_utf8() {
        return Ok(binary_offset(&body[..body.len().min(BINARY_HEAD)]).is_some());
    }
    let mut text = TextBuffer::new(encoding, encoding.bom_bytes() as u64);
    text.push(body, is_whole);
    Ok(binary_offset(&text.text()[..text.text().len().min(BINARY_HEAD)]).is_some())
}

/// Whether an entry is there.
pub(super) fn exists(files: &Files, path: &[u8]) -> Result<bool> {
    ensure_path(path)?;
    match files.opener.root().status(path, true).map_err(|error| Error::io("describe", path, error)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::PathNotFound => Ok(false),
        Err(error) => Err(error),
    }
}
