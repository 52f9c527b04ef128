//! Paths as this library holds them, in bytes, and as the system takes them.
//!
//! On systems of the Unix family they are the same bytes. Windows holds 16-bit units, which are text with the exception
//! of lone surrogates: there the bytes are WTF-8, which is UTF-8 with a place for these, so that every name that a
//! folder can hold comes back as it was. Between components stands `/` on every system; what Windows gives or a caller
//! writes with `\` is turned.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

/// A path as the system takes it.
///
/// # Errors
/// On Windows, for bytes that are no WTF-8.
#[cfg(unix)]
pub fn to_path(bytes: &[u8]) -> io::Result<Cow<'_, Path>> {
    let path: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(bytes);
    Ok(Cow::Borrowed(Path::new(path)))
}

/// A path as the system takes it.
///
/// # Errors
/// On Windows, for bytes that are no WTF-8.
#[cfg(windows)]
pub fn to_path(bytes: &[u8]) -> io::Result<Cow<'_, Path>> {
    let Some(mut units) = wtf8::decode(bytes) else {
        let text = "the path is no text: on Windows its bytes are UTF-8, or WTF-8 for lone surrogates";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    };
    for unit in &mut units {
        if *unit == u16::from(b'/') {
            *unit = u16::from(b'\\');
        }
    }
    let path: std::ffi::OsString = std::os::windows::ffi::OsStringExt::from_wide(&units);
    Ok(Cow::Owned(path.into()))
}

/// A path that is only to be shown: bytes that no path has are repaired.
#[must_use]
pub fn to_shown(bytes: &[u8]) -> Cow<'_, OsStr> {
    match to_path(bytes) {
        Ok(Cow::Borrowed(path)) => Cow::Borrowed(path.as_os_str()),
        Ok(Cow::Owned(path)) => Cow::Owned(path.into_os_string()),
        Err(_) => Cow::Owned(String::from_utf8_lossy(bytes).into_owned().into()),
    }
}

/// The bytes of one name, or of a path that is only to be shown.
#[cfg(unix)]
#[must_use]
pub fn of_name(name: &OsStr) -> Cow<'_, [u8]> {
    Cow::Borrowed(std::os::unix::ffi::OsStrExt::as_bytes(name))
}

/// The bytes of one name, or of a path that is only to be shown.
#[cfg(windows)]
#[must_use]
pub fn of_name(name: &OsStr) -> Cow<'_, [u8]> {
    match name.to_str() {
        Some(text) => Cow::Borrowed(text.as_bytes()),
        None => Cow::Owned(wtf8::encode(std::os::windows::ffi::OsStrExt::encode_wide(name))),
    }
}

/// The bytes of a path: with `/` between its components, and without what Windows puts before long ones.
#[must_use]
pub fn of_path(path: &Path) -> Vec<u8> {
    let bytes = of_name(path.as_os_str());
    if cfg!(windows) { super::spelling::turned(&bytes) } else { bytes.into_owned() }
}

/// UTF-8 with a place for lone surrogates.
#[cfg(any(windows, test))]
mod wtf8 {
    /// 16-bit units as bytes.
    pub fn encode(units: impl Iterator<Item = u16>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(units.size_hint().0);
        for unit in char::decode_utf16(units) {
            match unit {
                Ok(text) => bytes.extend_from_slice(text.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(error) => {
                    let [high, low] = error.unpaired_surrogate().to_be_bytes();
                    bytes.extend([0xED, 0x80 | (high & 0x0F) << 2 | low >> 6, 0x80 | (low & 0x3F)]);
                }
            }
        }
        bytes
    }

    /// Bytes as 16-bit units; `None` for bytes that no units become.
    pub fn decode(bytes: &[u8]) -> Option<Vec<u16>> {
        let mut units = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        // A high and a low surrogate that follow each other are one character, which has bytes of its own.
        let mut after_high = false;
        loop {
            let (text, invalid) = match std::str::from_utf8(rest) {
                Ok(text) => (text, None),
                Err(error) => {
                    let (valid, invalid) = rest.split_at(error.valid_up_to());
                    (std::str::from_utf8(valid).ok()?, Some(invalid))
                }
            };
            after_high &= text.is_empty();
            units.extend(text.encode_utf16());
            let Some(invalid) = invalid else { return Some(units) };
            let &[0xED, middle @ 0xA0..=0xBF, last @ 0x80..=0xBF, ref behind @ ..] = invalid else { return None };
            let surrogate = 0xD000 | u16::from(middle & 0x3F) << 6 | u16::from(last & 0x3F);
            let is_high = surrogate < 0xDC00;
            if after_high && !is_high {
                return None;
            }
            units.push(surrogate);
            after_high = is_high;
            rest = behind;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_lone_surrogate_has_three_bytes_of_its_own() {
        assert_eq!(wtf8::encode([0x61, 0xD800, 0x62, 0xDFFF].into_iter()), b"a\xED\xA0\x80b\xED\xBF\xBF");
        assert_eq!(wtf8::encode([0xD83D, 0xDE00].into_iter()), "\u{1F600}".as_bytes());
        assert_eq!(wtf8::encode([0xDE00, 0xD83D].into_iter()), b"\xED\xB8\x80\xED\xA0\xBD");
    }

    #[test]
    fn bytes_that_no_name_has_are_refused() {
        let pair: &[u8] = b"\xED\xA0\xBD\xED\xB8\x80";
        for bytes in [b"\xFF".as_slice(), b"a\xC3", b"\xED\xA0", b"\xC0\x80", pair, b"\xF8\x88\x80\x80\x80"] {
            assert_eq!(wtf8::decode(bytes), None, "{bytes:x?}");
        }
        assert_eq!(wtf8::decode(b"\xED\xA0\xBDx\xED\xB8\x80").map(|units| units.len()), Some(3));
    }

    proptest! {
        #[test]
        fn every_name_comes_back(units in prop::collection::vec(prop_oneof![any::<u16>(), 0xD7F0_u16..0xE010], 0..20)) {
            let bytes = wtf8::encode(units.iter().copied());
            prop_assert_eq!(wtf8::decode(&bytes), Some(units));
        }

        #[test]
        fn what_is_taken_is_given_back(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Some(units) = wtf8::decode(&bytes) {
                prop_assert_eq!(wtf8::encode(units.into_iter()), bytes);
            }
        }

        #[test]
        fn text_is_its_own_bytes(text in ".{0,20}") {
            prop_assert_eq!(wtf8::encode(text.encode_utf16()), text.as_bytes());
            let path = to_path(text.as_bytes()).unwrap().into_owned();
            prop_assert_eq!(path.to_str().map(|path| path.replace('\\', "/")), Some(if cfg!(windows) { text.replace('\\', "/") } else { text.clone().replace('\\', "/") }));
        }
    }
}
