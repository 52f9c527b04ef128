//! The way back: text becomes the bytes of a file's encoding.

use std::borrow::Cow;

use encoding_rs::{EncoderResult, UTF_16BE, UTF_16LE};

use super::TextEncoding;

impl TextEncoding {
    /// The bytes of `text` in this encoding, without a byte order mark; the first character that it has not, if so.
    ///
    /// # Errors
    /// The character.
    pub fn encode<'t>(&self, text: &'t str) -> Result<Cow<'t, [u8]>, char> {
        let bytes = self.encode_as_on_the_web(text)?;
        // The standard writes some characters as others that look alike: a yen sign in Shift_JIS becomes a backslash.
        let stays = |text: &str| self.encode_as_on_the_web(text).is_ok_and(|bytes| self.decode_part(&bytes) == text);
        if !self.is_utf8() && self.decode_part(&bytes) != text {
            let changed = text.chars().find(|character| !stays(character.encode_utf8(&mut [0; 4])));
            return changed.or(text.chars().next()).map_or(Ok(bytes), Err);
        }
        Ok(bytes)
    }

    fn encode_as_on_the_web<'t>(&self, text: &'t str) -> Result<Cow<'t, [u8]>, char> {
        if self.is_utf8() {
            return Ok(Cow::Borrowed(text.as_bytes()));
        }
        // What may not be sent over the web is not encoded by the library that browsers use.
        if self.encoding == UTF_16LE {
            return Ok(Cow::Owned(text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        }
        if self.encoding == UTF_16BE {
            return Ok(Cow::Owned(text.encode_utf16().flat_map(u16::to_be_bytes).collect()));
        }
        let mut encoder = self.encoding.new_encoder();
        let room = encoder.max_buffer_length_from_utf8_without_replacement(text.len());
        let mut bytes = Vec::with_capacity(room.unwrap_or(4 * text.len()));
        let mut rest = text;
        loop {
            let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut bytes, true);
            rest = &rest[read..];
            match result {
                EncoderResult::InputEmpty => return Ok(Cow::Owned(bytes)),
                EncoderResult::OutputFull => bytes.reserve(4 * rest.len() + 16),
                EncoderResult::Unmappable(character) => return Err(character),
            }
        }
    }

    /// A part of a file as text; what is invalid becomes U+FFFD.
    #[must_use]
    pub fn decode_part<'b>(&self, bytes: &'b [u8]) -> Cow<'b, str> {
        self.encoding.decode_without_bom_handling(bytes).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::decode::EncodingChoice;

    fn named(label: &str) -> TextEncoding {
        TextEncoding::detect(b"", EncodingChoice::parse(label).unwrap())
    }

    #[test]
    fn what_is_encoded_is_decoded_to_the_same() {
        let cases = [
            ("utf-8", "größer 漢字 🎈"),
            ("utf-16le", "größer 漢字 🎈"),
            ("utf-16be", "größer 漢字 🎈"),
            ("windows-1252", "größer €"),
            ("shift_jis", "漢字 かな"),
            ("gb18030", "größer 漢字 🎈"),
            ("big5", "漢字"),
        ];
        for (label, text) in cases {
            let encoding = named(label);
            assert_eq!(encoding.decode_part(&encoding.encode(text).unwrap()), text, "{label}");
            assert_eq!(encoding.encode("").unwrap().len(), 0);
        }
    }

    #[test]
    fn the_character_that_an_encoding_has_not_is_told() {
        assert_eq!(named("windows-1252").encode("ab漢c"), Err('漢'));
        assert_eq!(named("shift_jis").encode("🎈"), Err('🎈'));
        for (label, character) in [("shift_jis", '¥'), ("shift_jis", '‾'), ("euc-jp", '¥'), ("euc-jp", '\u{2212}')]
        {
            assert_eq!(named(label).encode(&format!("ab{character}")), Err(character), "{label}");
        }
    }
}
