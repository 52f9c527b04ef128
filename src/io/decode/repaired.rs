//! UTF-8 that may hold invalid bytes, as text: each invalid sequence is U+FFFD, and every position leads back.

use std::borrow::Cow;

/// A text, and the way back to the bytes that it was made of.
#[derive(Debug)]
pub struct Repaired<'a> {
    text: Cow<'a, str>,
    /// Behind each repair: where the text goes on, and the bytes do.
    behind: Vec<(usize, usize)>,
}

impl<'a> Repaired<'a> {
    /// These bytes as text.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Self { text: Cow::Borrowed(text), behind: Vec::new() };
        }
        let mut text = String::with_capacity(bytes.len());
        let mut behind = Vec::new();
        let mut read = 0;
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            read += chunk.valid().len() + chunk.invalid().len();
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                behind.push((text.len(), read));
            }
        }
        Self { text: Cow::Owned(text), behind }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the character at `text_offset` begins in the bytes; the end of the text is a position too.
    #[must_use]
    pub fn offset(&self, text_offset: usize) -> usize {
        let repairs = self.behind.partition_point(|(text, _)| *text <= text_offset);
        match repairs.checked_sub(1).map(|last| self.behind[last]) {
            Some((text, bytes)) => bytes + (text_offset - text),
            None => text_offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_piece_leads_back(bytes in proptest::collection::vec(prop_oneof![Just(b'a'), Just(0xC3), Just(0xA9), Just(0xFF), Just(0xF0), Just(0x9F)], 0..40)) {
            let repaired = Repaired::of(&bytes);
            prop_assert_eq!(repaired.text(), &*String::from_utf8_lossy(&bytes));
            prop_assert_eq!(repaired.offset(repaired.text().len()), bytes.len());
            let bounds: Vec<_> = repaired.text().char_indices().map(|(at, _)| at).chain([repaired.text().len()]).collect();
            for pair in bounds.windows(2) {
                let raw = &bytes[repaired.offset(pair[0])..repaired.offset(pair[1])];
                prop_assert_eq!(&*String::from_utf8_lossy(raw), &repaired.text()[pair[0]..pair[1]]);
            }
        }
    }
}
