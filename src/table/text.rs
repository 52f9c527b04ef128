//! The text of one batch, checked once for all of its columns.
//!
//! Arrow asks of every cell whether it is UTF-8. The cells of our tables are pieces of one text, many of them of the
//! same bytes, so it is cheaper to check the text as a whole, and of each cell only that it lies in it and is cut at
//! characters: a quarter of the time that a row of the files table takes.
//!
//! # The contract of the unsafe code
//!
//! This is the only file with unsafe code in this room. Columns are made without Arrow's check where each view is known
//! to show whole characters: because `is_utf8` was found for the text that it points into, and the view was either
//! looked at here or made here of bytes between two ASCII characters. Both are private to this file.
#![allow(unsafe_code)]

use std::str::Utf8Error;

use arrow_array::builder::make_view;
use arrow_array::{BinaryViewArray, StringViewArray};
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::ArrowError;
use memchr::memchr_iter;

/// How many bytes an Arrow view holds itself.
pub(super) const INLINE: usize = 12;

/// The high bits of those bytes, as they lie in a view behind the length: none is set in ASCII.
const NOT_ASCII: u128 = 0x8080_8080_8080_8080_8080_8080_0000_0000;

/// The text that the views of a batch point into.
#[derive(Debug)]
pub struct Text {
    bytes: Buffer,
    /// Without it each view is asked; the exact bytes of what is no text may stand among the rest.
    is_utf8: bool,
}

impl Text {
    /// These bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let is_utf8 = std::str::from_utf8(&bytes).is_ok();
        Self { bytes: Buffer::from_vec(bytes), is_utf8 }
    }

    /// The text of these bytes.
    ///
    /// # Errors
    /// If they are none.
    pub(super) fn of_utf8(bytes: Buffer) -> Result<Self, Utf8Error> {
        std::str::from_utf8(&bytes)?;
        Ok(Self { bytes, is_utf8: true })
    }

    /// All of its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of a view.
    pub(super) fn bytes_of<'a>(&'a self, view: &'a View) -> &'a [u8] {
        match view.place() {
            None => view.inline(),
            Some((start, end)) => &self.bytes[start..end],
        }
    }

    /// Views as a column of text.
    ///
    /// # Errors
    /// If a view is not of this text, or not of whole characters, which would be a defect of its builder.
    pub(super) fn strings(&self, views: Vec<u128>, nulls: Option<NullBuffer>) -> Result<StringViewArray, ArrowError> {
        let fits = nulls.as_ref().is_none_or(|nulls| nulls.len() == views.len());
        let checked = fits && self.is_utf8 && views.iter().all(|view| self.shows_text(*view));
        let (views, buffers) = (ScalarBuffer::from(views), vec![self.bytes.clone()]);
        if !checked {
            // Arrow's own check, which also says what is wrong.
            return StringViewArray::try_new(views, buffers, nulls);
        }
        // SAFETY: the nulls are as many as the views, and each view shows valid UTF-8: `shows_text`.
        Ok(unsafe { StringViewArray::new_unchecked(views, buffers, nulls) })
    }

    /// The lines between two places as a column, without `\n` or `\r\n`; at most 4 GiB.
    ///
    /// # Errors
    /// If this is no text, or the places are not those of characters, which would be a defect of the caller.
    pub(super) fn lines(&self, from: usize, to: usize) -> Result<StringViewArray, ArrowError> {
        let is_fine = self.is_utf8 && from <= to && self.begins(from) && self.begins(to) && to <= self.bytes.len();
        if !is_fine || u32::try_from(to - from).is_err() {
            return Err(ArrowError::InvalidArgumentError(format!("no lines from {from} to {to}")));
        }
        let text = self.bytes.slice_with_length(from, to - from);
        let bytes = text.as_slice();
        // Counting is a tenth of the work, and growing the views would copy them as often as they double.
        let mut views = Vec::with_capacity(memchr_iter(b'\n', bytes).count() + 1);
        let mut push = |start: usize, end: usize| {
            let line = &bytes[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            views.push(make_view(line, 0, u32::try_from(start).unwrap_or(u32::MAX)));
        };
        let mut start = 0;
        for newline in memchr_iter(b'\n', bytes) {
            push(start, newline);
            start = newline + 1;
        }
        if start < bytes.len() {
            // Without a terminator a final carriage return belongs to the line, but nobody means it so.
            push(start, bytes.len());
        }
        // SAFETY: every view was made of bytes of `text`, with their place in it. The text is UTF-8, and its lines are
        // cut at ASCII characters. Arrow's own check asks for each line alone, which takes a quarter of the whole call.
        Ok(unsafe { StringViewArray::new_unchecked(ScalarBuffer::from(views), vec![text.clone()], None) })
    }

    /// Views as a column of bytes.
    ///
    /// # Errors
    /// If a view is not of this text, which would be a defect of its builder.
    pub(super) fn binary(&self, views: Vec<u128>, nulls: Option<NullBuffer>) -> Result<BinaryViewArray, ArrowError> {
        BinaryViewArray::try_new(ScalarBuffer::from(views), vec![self.bytes.clone()], nulls)
    }

    /// Whether a character begins here; in UTF-8 every byte but a continuation begins one.
    fn begins(&self, at: usize) -> bool {
        self.bytes.get(at).is_none_or(|byte| byte & 0xC0 != 0x80)
    }

    /// Whether a view is well formed and shows whole characters of this text, which is UTF-8.
    fn shows_text(&self, view: u128) -> bool {
        let view = View(view.to_le_bytes());
        let Some((start, end)) = view.place() else {
            let unused = view.length() < INLINE && u128::from_le_bytes(view.0) >> (32 + 8 * view.length()) != 0;
            let is_ascii = u128::from_le_bytes(view.0) & NOT_ASCII == 0;
            return !unused && (is_ascii || std::str::from_utf8(view.inline()).is_ok());
        };
        let is_ours = view.buffer() == 0 && end <= self.bytes.len();
        is_ours && self.begins(start) && self.begins(end) && self.bytes[start..].starts_with(&view.0[4..8])
    }
}

/// The parts of an Arrow view: the length, and either the bytes themselves or their first four, the buffer they are in
/// and where they start there (`Utf8View` in the Arrow columnar format).
pub(super) struct View([u8; 16]);

impl View {
    pub(super) fn new(view: u128) -> Self {
        Self(view.to_le_bytes())
    }

    fn number(&self, at: usize) -> usize {
        u32::from_le_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]]) as usize
    }

    fn length(&self) -> usize {
        self.number(0)
    }

    fn inline(&self) -> &[u8] {
        &self.0[4..4 + self.length().min(INLINE)]
    }

    fn buffer(&self) -> usize {
        self.number(8)
    }

    /// Where the bytes lie, if the view does not hold them itself.
    fn place(&self) -> Option<(usize, usize)> {
        let (start, length) = (self.number(12), self.length());
        // A sum that does not fit lies behind every text.
        (length > INLINE).then_some((start, start.saturating_add(length)))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::builder::make_view;
    use proptest::prelude::*;

    use super::*;

    /// The view of a piece of `text`, right or wrong by so much.
    fn view(text: &[u8], start: usize, length: usize, flip: Option<usize>) -> u128 {
        let piece = &text[start..start + length];
        let view = make_view(piece, 0, u32::try_from(start).unwrap());
        flip.map_or(view, |bit| view ^ (1 << bit))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn what_passes_is_what_arrow_lets_pass(
            text in "[a-cé😀]{0,40}",
            cut in any::<[prop::sample::Index; 2]>(),
            flip in prop::option::of(0_usize..128),
            broken in prop::bool::weighted(0.1),
        ) {
            let mut bytes = text.into_bytes();
            if broken {
                bytes.push(0xFF);
            }
            let mut ends = cut.map(|cut| cut.index(bytes.len() + 1));
            ends.sort_unstable();
            let view = view(&bytes, ends[0], ends[1] - ends[0], flip);
            let arrow = StringViewArray::try_new(
                ScalarBuffer::from(vec![view]), vec![Buffer::from_vec(bytes.clone())], None,
            );
            let text = Text::new(bytes);
            if text.is_utf8 {
                prop_assert_eq!(text.shows_text(view), arrow.is_ok());
            }
            let ours = text.strings(vec![view], None);
            prop_assert_eq!(ours.ok(), arrow.ok());
        }
    }

    #[test]
    fn nulls_must_be_as_many_as_views() {
        let text = Text::new(Vec::new());
        assert!(text.strings(vec![0, 0], Some(NullBuffer::new_null(1))).is_err());
        assert_eq!(text.strings(vec![0, 0], Some(NullBuffer::new_null(2))).unwrap().len(), 2);
    }
}
