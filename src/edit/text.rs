//! The text in which matches are looked for, and the way back to the file.

use std::ops::Range;

use super::patience::{Patience, WORK_BYTES};
use crate::error::{Error, ErrorKind, Result};
use crate::io::decode::{TextBuffer, TextEncoding};

/// A file's content as text.
pub(super) enum Text<'r> {
    /// The file's own bytes, behind its byte order mark.
    Same {
        body: &'r [u8],
        offset: usize,
    },
    Decoded(TextBuffer),
}

impl<'r> Text<'r> {
    /// The text of a whole file.
    ///
    /// # Errors
    /// That the caller wants no more.
    pub(super) fn of(raw: &'r [u8], encoding: TextEncoding, patience: &mut Patience<'_>) -> Result<Self> {
        let offset = encoding.bom_bytes();
        let body = &raw[offset..];
        if encoding.is_utf8() {
            return Ok(Self::Same { body, offset });
        }
        decoded([body].into_iter(), encoding, patience).map(Self::Decoded)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Same { body, .. } => body,
            Self::Decoded(text) => text.text(),
        }
    }

    /// Where in the file the character at `at` begins. Cheap in ascending order.
    pub(super) fn raw_offset(&self, at: usize) -> usize {
        match self {
            Self::Same { offset, .. } => offset + at,
            Self::Decoded(text) => usize::try_from(text.raw_offset(at)).unwrap_or(usize::MAX),
        }
    }

    /// Where in the file a match or a group of one lies.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if it begins or ends inside of what one code of the file stands for: in Big5 four codes
    /// are two characters each, and a pattern of bytes may match a part of a character.
    pub(super) fn raw_range(&self, range: &Range<usize>, encoding: TextEncoding) -> Result<Range<usize>> {
        let Self::Decoded(text) = self else { return Ok(self.raw_offset(range.start)..self.raw_offset(range.end)) };
        for at in [range.start, range.end] {
            if text.boundary(at).is_none() {
                return Err(inside_code(text, at, encoding));
            }
        }
        Ok(self.raw_offset(range.start)..self.raw_offset(range.end))
    }
}

/// The text of a file's body, which comes in parts.
pub(super) fn decoded<'p>(
    parts: impl Iterator<Item = &'p [u8]>,
    encoding: TextEncoding,
    patience: &mut Patience<'_>,
) -> Result<TextBuffer> {
    let mut text = TextBuffer::new(encoding, encoding.bom_bytes() as u64);
    for part in parts.flat_map(|part| part.chunks(WORK_BYTES)) {
        patience.spend(part.len())?;
        text.push(part, false);
    }
    text.push(b"", true);
    Ok(text)
}

fn inside_code(text: &TextBuffer, at: usize, encoding: TextEncoding) -> Error {
    let is_boundary = |&at: &usize| text.boundary(at).is_some();
    let start = (0..at).rev().find(is_boundary).unwrap_or(0);
    let end = (at..=text.text().len()).find(is_boundary).unwrap_or(at);
    let (byte, label) = (text.raw_offset(start), encoding.label());
    let shown = String::from_utf8_lossy(&text.text()[start..end]);
    let message = format!(
        "pattern: it matches a part of {shown:?}, which is one code of {label} at byte {byte} of the file and cannot be \
         cut; match all of it, or nothing of it"
    );
    Error::new(ErrorKind::Argument, message)
}
