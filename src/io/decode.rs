//! Encodings, and the way back from decoded text to the raw file.
//!
//! A search runs over UTF-8, but its answers are ranges of the raw file. UTF-8 needs no transcoding, so its bytes are
//! kept as they are, valid or not. Everything else is decoded by `encoding_rs`, and [`TextBuffer::raw_offset`] leads
//! back: `raw[raw_offset(a)..raw_offset(b)]` decodes to `text[a..b]`.
//!
//! A byte order mark decides over a given encoding, as it does in ripgrep: the file knows better than its reader.

mod encode;
mod repaired;

use std::borrow::Cow;
use std::cell::RefCell;

use encoding_rs::{Decoder, DecoderResult, Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};

use crate::error::{Error, ErrorKind, Result};
pub use repaired::Repaired;

/// How far apart the remembered positions are, in bytes of text: what a step back costs at most.
const ANCHOR_BYTES: usize = 512;

/// Which encoding the caller asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodingChoice {
    /// What the byte order mark says, else UTF-8.
    Auto,
    /// This one, unless a byte order mark says otherwise.
    Named(&'static Encoding),
}

impl EncodingChoice {
    /// The choice of this name: `auto`, any label of the WHATWG standard, or Python's spelling of one.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] for an unknown name, and for encodings whose bytes mean nothing without all bytes before
    /// them (ISO-2022-JP), because no range of such a file could be decoded by itself.
    pub fn parse(name: &str) -> Result<Self> {
        let label = name.trim().to_ascii_lowercase();
        let python = label.replace('_', "-");
        let python = match python.as_str() {
            "auto" => return Ok(Self::Auto),
            "latin-1" | "iso8859-1" => "latin1",
            "utf-16-le" => "utf-16le",
            "utf-16-be" => "utf-16be",
            other => other,
        };
        let encoding = Encoding::for_label(label.as_bytes()).or_else(|| Encoding::for_label(python.as_bytes()));
        match encoding {
            Some(encoding) if encoding != ISO_2022_JP && encoding != REPLACEMENT => Ok(Self::Named(encoding)),
            Some(_) => Err(Error::argument("encoding", &format!("{name:?} is stateful and not supported"))),
            None => Err(Error::argument(
                "encoding",
                &format!("{name:?} is unknown; use \"auto\", \"utf-8\", \"utf-16le\" or another WHATWG label"),
            )),
        }
    }
}

/// The encoding of one file, and the length of the mark that it begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextEncoding {
    encoding: &'static Encoding,
    bom_bytes: usize,
}

impl TextEncoding {
    /// The encoding of a file that begins with `head` (three bytes are enough).
    #[must_use]
    pub fn detect(head: &[u8], choice: EncodingChoice) -> Self {
        match (Encoding::for_bom(head), choice) {
            (Some((encoding, bom_bytes)), _) => Self { encoding, bom_bytes },
            (None, EncodingChoice::Named(encoding)) => Self { encoding, bom_bytes: 0 },
            (None, EncodingChoice::Auto) => Self { encoding: UTF_8, bom_bytes: 0 },
        }
    }

    /// The label that stands in a table's `encoding` column.
    #[must_use]
    pub fn label(&self) -> String {
        self.encoding.name().to_ascii_lowercase()
    }

    /// How many bytes of the file are its byte order mark.
    #[must_use]
    pub fn bom_bytes(&self) -> usize {
        self.bom_bytes
    }

    /// Whether the file's bytes are searched as they are.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        self.encoding == UTF_8
    }

    /// Whether a character is two bytes or four.
    #[must_use]
    pub fn is_utf16(&self) -> bool {
        self.width() == Width::Utf16
    }

    fn width(&self) -> Width {
        match self.encoding {
            encoding if encoding == UTF_8 => Width::Same,
            encoding if encoding == UTF_16LE || encoding == UTF_16BE => Width::Utf16,
            encoding if encoding.is_single_byte() => Width::OneByte,
            _ => Width::Stepped,
        }
    }

    fn decoder(&self) -> Decoder {
        self.encoding.new_decoder_without_bom_handling()
    }
}

/// How raw lengths follow from decoded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// The text is the raw bytes.
    Same,
    /// Two bytes a UTF-16 unit.
    Utf16,
    /// One byte a character.
    OneByte,
    /// Known only by decoding character by character.
    Stepped,
}

/// A position in the text, and the bytes of the buffer's raw part that lead to it.
type Anchor = (usize, usize);

/// The decoded text of a sliding part of a file, with its way back to raw offsets.
pub struct TextBuffer {
    encoding: TextEncoding,
    width: Width,
    decoder: Decoder,
    /// The text of UTF-8 files, byte for byte.
    same: Vec<u8>,
    /// The text of all others.
    decoded: String,
    /// The raw bytes behind the text, kept only where lengths need them.
    raw: Vec<u8>,
    /// Where in the file the text begins.
    raw_start: u64,
    /// How many raw bytes were pushed and not discarded.
    raw_len: usize,
    finished: bool,
    /// Positions found so far, ascending, at least `ANCHOR_BYTES` apart; begins with the start of the text.
    anchors: RefCell<Vec<Anchor>>,
    /// The last position that was asked for.
    cursor: RefCell<Anchor>,
}

impl std::fmt::Debug for TextBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("TextBuffer");
        out.field("encoding", &self.encoding).field("raw_start", &self.raw_start).field("raw_len", &self.raw_len);
        out.finish_non_exhaustive()
    }
}

impl TextBuffer {
    /// An empty buffer for a file whose text begins at `raw_start`, behind its byte order mark.
    #[must_use]
    pub fn new(encoding: TextEncoding, raw_start: u64) -> Self {
        Self {
            encoding,
            width: encoding.width(),
            decoder: encoding.decoder(),
            same: Vec::new(),
            decoded: String::new(),
            raw: Vec::new(),
            raw_start,
            raw_len: 0,
            finished: false,
            anchors: RefCell::new(vec![(0, 0)]),
            cursor: RefCell::new((0, 0)),
        }
    }

    /// Makes it empty for another file, keeping what it has allocated.
    pub fn reset(&mut self, encoding: TextEncoding, raw_start: u64) {
        self.same.clear();
        self.decoded.clear();
        self.raw.clear();
        let (same, decoded, raw) =
            (std::mem::take(&mut self.same), std::mem::take(&mut self.decoded), std::mem::take(&mut self.raw));
        *self = Self { same, decoded, raw, ..Self::new(encoding, raw_start) };
    }

    /// Decodes and appends the next bytes of the file. A sequence that is cut at their end waits for the next push,
    /// unless this is the `last`. Invalid sequences become U+FFFD, except in UTF-8, whose bytes are kept.
    pub fn push(&mut self, raw: &[u8], last: bool) {
        self.raw_len += raw.len();
        self.finished |= last;
        match self.width {
            Width::Same => return self.same.extend_from_slice(raw),
            Width::Stepped => self.raw.extend_from_slice(raw),
            Width::Utf16 | Width::OneByte => {}
        }
        let mut rest = raw;
        loop {
            // Enough for most texts at once; the decoder says where it is not.
            self.decoded.reserve(rest.len() + rest.len() / 2 + 16);
            let (result, read, _) = self.decoder.decode_to_string(rest, &mut self.decoded, last);
            rest = &rest[read..];
            if result == encoding_rs::CoderResult::InputEmpty {
                return;
            }
        }
    }

    /// The text that has been pushed and not discarded.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        if self.width == Width::Same { &self.same } else { self.decoded.as_bytes() }
    }

    /// Where in the raw file the character at `text_offset` begins; the end of the text is a position too.
    ///
    /// Cheap when asked with ascending offsets, and never dearer than one pass over the text. Where two characters come
    /// from one sequence (four of them exist in Big5), the second is said to begin at the sequence's end.
    #[must_use]
    pub fn raw_offset(&self, text_offset: usize) -> u64 {
        let within = match self.width {
            Width::Same => text_offset,
            _ if self.finished && text_offset >= self.decoded.len() => self.raw_len,
            _ => self.find(text_offset.min(self.decoded.len())).1,
        };
        self.raw_start + within as u64
    }

    /// The same, but `None` where no sequence of the file begins: inside of a character, or between two that come from
    /// one sequence.
    #[must_use]
    pub fn boundary(&self, text_offset: usize) -> Option<u64> {
        let begins = self.width == Width::Same
            || text_offset == self.decoded.len()
            || (self.decoded.is_char_boundary(text_offset) && self.find(text_offset).0 == text_offset);
        begins.then(|| self.raw_offset(text_offset))
    }

    /// Drops the first `text_bytes` bytes of the text, which end at a character's boundary.
    pub fn discard(&mut self, text_bytes: usize) {
        let raw_bytes = usize::try_from(self.raw_offset(text_bytes) - self.raw_start).unwrap_or(self.raw_len);
        if self.width == Width::Same {
            self.same.drain(..text_bytes);
        } else {
            self.decoded.drain(..text_bytes);
        }
        self.raw.drain(..raw_bytes.min(self.raw.len()));
        self.raw_start += raw_bytes as u64;
        self.raw_len -= raw_bytes;
        *self.anchors.borrow_mut() = vec![(0, 0)];
        *self.cursor.borrow_mut() = (0, 0);
    }

    /// Goes from the nearest known position before `target` to it, or to the next behind it.
    fn find(&self, target: usize) -> Anchor {
        let mut anchors = self.anchors.borrow_mut();
        let mut cursor = self.cursor.borrow_mut();
        let known = anchors[anchors.partition_point(|&(text, _)| text <= target).saturating_sub(1)];
        let mut at = if cursor.0 <= target && cursor.0 >= known.0 { *cursor } else { known };
        while at.0 < target {
            at = self.advance(at, target.min(at.0 + ANCHOR_BYTES));
            if anchors.last().is_none_or(|&(text, _)| at.0 >= text + ANCHOR_BYTES) {
                anchors.push(at);
            }
        }
        *cursor = at;
        at
    }

    /// The first position at or behind `until` (a little behind it, if that is no boundary).
    fn advance(&self, (text, raw): Anchor, until: usize) -> Anchor {
        let until = self.decoded.ceil_char_boundary(until);
        let passed = &self.decoded.as_bytes()[text..until];
        match self.width {
            Width::Same => (until, until),
            Width::OneByte => (until, raw + count_characters(passed)),
            // A sequence that the file's end cut is shorter than its unit.
            Width::Utf16 => (until, (raw + 2 * count_utf16_units(passed)).min(self.raw_len)),
            Width::Stepped => {
                let (mut text, mut raw) = (text, raw);
                while text < until {
                    let (text_bytes, raw_bytes) = self.step(raw);
                    (text, raw) = (text + text_bytes, raw + raw_bytes);
                }
                (text, raw)
            }
        }
    }

    /// How many bytes of text the sequence at `raw` gives, and how many bytes it takes.
    ///
    /// The standard decodes what follows a malformed sequence as if it stood alone, so a fresh decoder at each boundary
    /// gives what one decoder gives for the whole.
    fn step(&self, raw: usize) -> (usize, usize) {
        let rest = &self.raw[raw.min(self.raw.len())..];
        if rest.first().is_some_and(u8::is_ascii) {
            return (1, 1);
        }
        let mut decoder = self.encoding.decoder();
        let mut out = [0; 32];
        for (at, byte) in rest.iter().enumerate() {
            let (result, _, written) =
                decoder.decode_to_utf8_without_replacement(std::slice::from_ref(byte), &mut out, false);
            match result {
                DecoderResult::Malformed(bad, _) => return ('\u{FFFD}'.len_utf8(), usize::from(bad)),
                _ if written > 0 => return (written, at + 1),
                _ => {}
            }
        }
        // What the end of the file cut is one replacement character.
        ('\u{FFFD}'.len_utf8(), rest.len())
    }
}

fn count_characters(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

fn count_utf16_units(text: &[u8]) -> usize {
    count_characters(text) + text.iter().filter(|&&byte| byte >= 0xF0).count()
}

/// The whole content as text, without its byte order mark; newlines are left alone.
///
/// `raw` must be memory that nobody else writes to: bytes of a map are copied first.
///
/// # Errors
/// [`ErrorKind::Decode`], naming the first byte that is wrong: its offset in the file and its value.
pub fn decode_strict(raw: &[u8], encoding: TextEncoding) -> Result<Cow<'_, str>> {
    let body = raw.get(encoding.bom_bytes..).unwrap_or_default();
    if encoding.is_utf8() {
        return match std::str::from_utf8(body) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(error) => Err(wrong_byte(raw, encoding, encoding.bom_bytes + error.valid_up_to())),
        };
    }
    let mut decoder = encoding.decoder();
    let mut text = String::with_capacity(body.len());
    let mut read = 0;
    loop {
        let (result, consumed) = decoder.decode_to_string_without_replacement(&body[read..], &mut text, true);
        read += consumed;
        match result {
            DecoderResult::InputEmpty => return Ok(Cow::Owned(text)),
            DecoderResult::OutputFull => text.reserve((body.len() - read) * 2 + 16),
            DecoderResult::Malformed(bad, behind) => {
                let start = read.saturating_sub(usize::from(bad) + usize::from(behind));
                return Err(wrong_byte(raw, encoding, encoding.bom_bytes + start));
            }
        }
    }
}

/// The whole content as text, without its byte order mark; what is invalid becomes U+FFFD.
#[must_use]
pub fn decode_replacing(raw: &[u8], encoding: TextEncoding) -> Cow<'_, str> {
    let body = raw.get(encoding.bom_bytes..).unwrap_or_default();
    encoding.encoding.decode_without_bom_handling(body).0
}

fn wrong_byte(raw: &[u8], encoding: TextEncoding, at: usize) -> Error {
    let value = raw.get(at).map_or_else(|| "its end".to_owned(), |byte| format!("0x{byte:02x}"));
    let message = format!("not valid {} at byte {at} ({value})", encoding.label());
    Error::new(ErrorKind::Decode, message)
}

/// Where the first NUL is, if `head` holds one: what holds a NUL is binary.
#[must_use]
pub fn binary_offset(head: &[u8]) -> Option<usize> {
    memchr::memchr(0, head)
}

#[cfg(test)]
mod tests;
