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

/// The way from offsets in the file to offsets in its text, in ascending order.
pub(super) struct WayFromRaw<'t, 'r> {
    text: &'t Text<'r>,
    /// Where in the text it has come to.
    at: usize,
}

impl Text<'_> {
    /// The way from the start of the file.
    pub(super) fn way_from_raw(&self) -> WayFromRaw<'_, '_> {
        WayFromRaw { text: self, at: 0 }
    }
}

impl WayFromRaw<'_, '_> {
    /// Where the character begins in the text that begins at `raw` in the file.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if none begins there.
    pub(super) fn text_offset(&mut self, raw: usize, encoding: TextEncoding) -> Result<usize> {
        match self.text {
            Text::Same { body, offset } => {
                let at = raw.checked_sub(*offset).ok_or_else(|| no_character_begins(raw, encoding))?;
                // Bytes that are no text are cut anywhere.
                let follows = |at: usize| body.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
                let start = (at.saturating_sub(3)..at).rev().find(|&at| !follows(at)).unwrap_or(at);
                let is_cut = follows(at)
                    && body[start..].utf8_chunks().next().is_some_and(|chunk| {
                        chunk.valid().chars().next().is_some_and(|first| first.len_utf8() > at - start)
                    });
                if is_cut { Err(no_character_begins(raw, encoding)) } else { Ok(at) }
            }
            Text::Decoded(text) => {
                let is_before = |at: usize| text.raw_offset(at) < raw as u64;
                while self.at < text.text().len() && (text.boundary(self.at).is_none() || is_before(self.at)) {
                    self.at += 1;
                }
                let is_there = text.raw_offset(self.at) == raw as u64;
                if is_there { Ok(self.at) } else { Err(no_character_begins(raw, encoding)) }
            }
        }
    }
}

fn no_character_begins(raw: usize, encoding: TextEncoding) -> Error {
    let label = encoding.label();
    let text = format!("start_byte, end_byte: no character of {label} begins at byte {raw}; search the file again");
    Error::new(ErrorKind::Argument, text)
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
