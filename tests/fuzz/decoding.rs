//! Decoding: chunks give the text of the whole, and every range of the text leads back to the bytes that decode to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vespera_file_ops::io::decode::{EncodingChoice, TextBuffer, TextEncoding, decode_replacing, decode_strict};

const NAMES: [&str; 12] = [
    "auto",
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1252",
    "shift_jis",
    "gbk",
    "gb18030",
    "big5",
    "euc-jp",
    "euc-kr",
    "koi8-r",
];

fuzz_target!(|data: &[u8]| {
    let [name, step, raw @ ..] = data else { return };
    let choice = EncodingChoice::parse(NAMES[usize::from(*name) % NAMES.len()]).unwrap();
    let encoding = TextEncoding::detect(raw, choice);
    let start = encoding.bom_bytes();
    let body = &raw[start..];
    let mut buffer = TextBuffer::new(encoding, start as u64);
    let pieces = body.chunks(usize::from(*step).max(1));
    for piece in pieces {
        buffer.push(piece, false);
    }
    buffer.push(&[], true);

    let whole = decode_replacing(raw, encoding);
    let strict = decode_strict(raw, encoding);
    if encoding.is_utf8() {
        assert_eq!(buffer.text(), body);
    } else {
        assert_eq!(buffer.text(), whole.as_bytes());
    }
    if let Ok(text) = &strict {
        assert_eq!(*text, whole);
    }
    let Ok(text) = std::str::from_utf8(buffer.text()) else {
        assert!(encoding.is_utf8() && strict.is_err());
        return;
    };
    let raw_of = |at| usize::try_from(buffer.raw_offset(at)).unwrap();
    let marks: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let places: Vec<usize> = marks.iter().map(|mark| raw_of(*mark)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!((places[0], places[places.len() - 1]), (start, raw.len()));
    // Four sequences of Big5 are two characters each.
    if strict.is_ok() && encoding.label() != "big5" {
        let plain = TextEncoding::detect(b"", EncodingChoice::parse(&encoding.label()).unwrap());
        for (nth, pair) in marks.windows(2).enumerate() {
            let decoded = decode_replacing(&raw[places[nth]..places[nth + 1]], plain);
            assert_eq!(decoded, text[pair[0]..pair[1]], "{pair:?} of {text:?}");
        }
    }
    // Letting go of the beginning moves nothing.
    let middle = marks[marks.len() / 2];
    let rest = text[middle..].to_owned();
    buffer.discard(middle);
    assert_eq!(buffer.text(), rest.as_bytes());
    assert_eq!(buffer.raw_offset(0), places[marks.len() / 2] as u64);
    assert_eq!(buffer.raw_offset(rest.len()), raw.len() as u64);
});
