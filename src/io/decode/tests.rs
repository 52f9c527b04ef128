//! Whatever the encoding and wherever the chunks are cut: the text is the same, and every range of it leads back.

use encoding_rs::{BIG5, EUC_JP, EUC_KR, GB18030, GBK, SHIFT_JIS, WINDOWS_1252};
use proptest::prelude::*;

use super::*;

const ENCODINGS: [&Encoding; 9] = [UTF_16LE, UTF_16BE, WINDOWS_1252, SHIFT_JIS, GBK, GB18030, BIG5, EUC_JP, EUC_KR];

fn named(encoding: &'static Encoding) -> TextEncoding {
    TextEncoding { encoding, bom_bytes: 0 }
}

/// `encoding_rs` encodes UTF-16 as UTF-8, as the web does, so that is done here.
fn encode(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    match encoding {
        e if e == UTF_16LE => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        e if e == UTF_16BE => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        // Characters that the encoding lacks become numeric references, which are text like any other.
        e => e.encode(text).0.into_owned(),
    }
}

fn pushed(raw: &[u8], encoding: TextEncoding, cuts: &[usize]) -> TextBuffer {
    let mut buffer = TextBuffer::new(encoding, 7);
    let mut at = 0;
    for &cut in cuts {
        let cut = at + cut % (raw.len() - at + 1);
        buffer.push(&raw[at..cut], false);
        at = cut;
    }
    buffer.push(&raw[at..], true);
    buffer
}

fn boundaries(text: &str) -> Vec<usize> {
    text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()
}

fn check_ranges(raw: &[u8], buffer: &TextBuffer, encoding: TextEncoding) {
    let text = std::str::from_utf8(buffer.text()).unwrap();
    let raw_of = |at| usize::try_from(buffer.raw_offset(at) - 7).unwrap();
    let marks = boundaries(text);
    assert_eq!((raw_of(0), raw_of(text.len())), (0, raw.len()));
    for (nth, &a) in marks.iter().enumerate() {
        for &b in &marks[nth..] {
            assert_eq!(decode_replacing(&raw[raw_of(a)..raw_of(b)], encoding), text[a..b], "{a}..{b} of {text:?}");
        }
    }
}

/// Characters that every one of the encodings can say in its own way, and those that hurt.
fn texts() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        Just('\r'),
        Just('\n'),
        Just('\0'),
        Just('a'),
        Just('7'),
        Just('é'),
        Just('漢'),
        Just('字'),
        Just('あ'),
        Just('한'),
        Just('€'),
        Just('𝄞'),
        Just('\u{FFFD}'),
        Just('\u{20000}'),
        any::<char>(),
    ];
    prop::collection::vec(character, 0..24).prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_range_of_valid_text_leads_back(text in texts(), cuts in prop::collection::vec(0_usize..9, 0..9)) {
        for encoding in ENCODINGS {
            let raw = encode(&text, encoding);
            let buffer = pushed(&raw, named(encoding), &cuts);
            prop_assert_eq!(std::str::from_utf8(buffer.text()).unwrap(), decode_replacing(&raw, named(encoding)));
            check_ranges(&raw, &buffer, named(encoding));
        }
    }

    #[test]
    fn invalid_bytes_decode_alike_in_any_chunks_and_offsets_ascend(
        raw in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x81), Just(0x30), Just(0xD8), Just(0x8F)], 0..40),
        cuts in prop::collection::vec(0_usize..9, 0..9),
    ) {
        for encoding in ENCODINGS {
            let buffer = pushed(&raw, named(encoding), &cuts);
            let text = std::str::from_utf8(buffer.text()).unwrap();
            prop_assert_eq!(text, decode_replacing(&raw, named(encoding)));
            let offsets: Vec<u64> = boundaries(text).into_iter().map(|at| buffer.raw_offset(at)).collect();
            prop_assert!(offsets.is_sorted());
            prop_assert_eq!((offsets[0], offsets[offsets.len() - 1]), (7, 7 + raw.len() as u64));
            for (nth, at) in boundaries(text).into_iter().enumerate().rev() {
                prop_assert_eq!(buffer.raw_offset(at), offsets[nth], "asked backwards");
            }
        }
    }

    #[test]
    fn what_is_discarded_moves_the_rest_and_nothing_else(text in texts(), cuts in prop::collection::vec(0_usize..9, 0..9), part in 0_usize..30) {
        for encoding in ENCODINGS.into_iter().chain([UTF_8]) {
            let raw = encode(&text, encoding);
            let mut buffer = pushed(&raw, named(encoding), &cuts);
            let whole = String::from_utf8(buffer.text().to_vec()).unwrap();
            let marks = boundaries(&whole);
            let cut = marks[part % marks.len()];
            let offsets: Vec<u64> = marks.iter().map(|&at| buffer.raw_offset(at)).collect();
            buffer.discard(cut);
            prop_assert_eq!(buffer.text(), &whole.as_bytes()[cut..]);
            for (nth, &at) in marks.iter().enumerate().filter(|&(_, &at)| at >= cut) {
                prop_assert_eq!(buffer.raw_offset(at - cut), offsets[nth]);
            }
        }
    }

    #[test]
    fn strict_text_is_the_text_or_names_the_first_wrong_byte(raw in prop::collection::vec(any::<u8>(), 0..40)) {
        for encoding in ENCODINGS.into_iter().chain([UTF_8]) {
            let encoding = named(encoding);
            match decode_strict(&raw, encoding) {
                Ok(text) => prop_assert_eq!(text, decode_replacing(&raw, encoding)),
                Err(error) => {
                    let message = error.to_string();
                    let at: usize = message.split("at byte ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
                    prop_assert!(decode_strict(&raw[..at], encoding).is_ok(), "{} of {:?}", message, raw);
                    let replaced = decode_replacing(&raw, encoding).contains('\u{FFFD}');
                    prop_assert!(replaced);
                }
            }
        }
    }
}

/// Hazards 25 and 26: what hurts, at every offset around the seam of two chunks.
#[test]
fn seams_inside_a_character_change_nothing() {
    for encoding in ENCODINGS.into_iter().chain([UTF_8]) {
        for needle in ["𝄞", "漢", "\r\n", "\0", "é𝄞é"] {
            for before in 0..12 {
                let text = format!("{}{needle}tail", "x".repeat(before));
                let raw = encode(&text, encoding);
                for seam in 0..=raw.len() {
                    let buffer = pushed(&raw, named(encoding), &[seam]);
                    assert_eq!(buffer.text(), decode_replacing(&raw, named(encoding)).as_bytes());
                    check_ranges(&raw, &buffer, named(encoding));
                }
            }
        }
    }
}

#[test]
fn long_texts_lead_back_from_anywhere() {
    for encoding in ENCODINGS {
        let raw = encode(&"aé漢𝄞\r\n".repeat(2000), encoding);
        let buffer = pushed(&raw, named(encoding), &[1000, 3001]);
        let text = std::str::from_utf8(buffer.text()).unwrap();
        let marks = boundaries(text);
        let ascending: Vec<u64> = marks.iter().map(|&at| buffer.raw_offset(at)).collect();
        for step in [7919, 104_729] {
            for nth in (0..500).map(|nth| nth * step % marks.len()) {
                assert_eq!(buffer.raw_offset(marks[nth]), ascending[nth]);
            }
        }
        let fresh = pushed(&raw, named(encoding), &[]);
        for nth in [9000, 100, 5000].map(|nth| nth % marks.len()) {
            assert_eq!(fresh.raw_offset(marks[nth]), ascending[nth]);
        }
    }
}

#[test]
fn a_byte_order_mark_decides() {
    let utf8 = EncodingChoice::parse("latin-1").unwrap();
    for (head, label, bom) in [
        (&b"\xEF\xBB\xBFa"[..], "utf-8", 3),
        (b"\xFF\xFEa\0", "utf-16le", 2),
        (b"\xFE\xFF\0a", "utf-16be", 2),
        (b"ab", "windows-1252", 0),
        (b"", "windows-1252", 0),
    ] {
        let encoding = TextEncoding::detect(head, utf8);
        assert_eq!((encoding.label().as_str(), encoding.bom_bytes()), (label, bom));
    }
    assert!(TextEncoding::detect(b"ab", EncodingChoice::Auto).is_utf8());
    let marked = b"\xFF\xFEa\0\r\0\n\0";
    assert_eq!(decode_strict(marked, TextEncoding::detect(marked, EncodingChoice::Auto)).unwrap(), "a\r\n");
    let marked = b"\xEF\xBB\xBFok\xFF";
    let error = decode_strict(marked, TextEncoding::detect(marked, EncodingChoice::Auto)).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Decode, "not valid utf-8 at byte 5 (0xff)"));
}

#[test]
fn names_are_those_of_the_web_and_of_python() {
    for (name, label) in [
        ("UTF-8", "utf-8"),
        ("latin_1", "windows-1252"),
        ("utf_16_le", "utf-16le"),
        ("sjis", "shift_jis"),
        ("euc_jp", "euc-jp"),
    ] {
        let choice = EncodingChoice::parse(name).unwrap();
        assert_eq!(TextEncoding::detect(b"", choice).label(), label);
    }
    assert_eq!(EncodingChoice::parse("auto").unwrap(), EncodingChoice::Auto);
    for name in ["iso-2022-jp", "hz-gb-2312", "klingon", ""] {
        assert_eq!(EncodingChoice::parse(name).unwrap_err().kind(), ErrorKind::Argument, "{name}");
    }
}

#[test]
fn a_buffer_is_reused_for_another_encoding() {
    let mut buffer = pushed(b"\x93\xFA\x96", named(SHIFT_JIS), &[]);
    buffer.reset(named(UTF_8), 3);
    buffer.push(b"a\xFFb", true);
    assert_eq!((buffer.text(), buffer.raw_offset(2)), (&b"a\xFFb"[..], 5));
    buffer.reset(named(UTF_16LE), 2);
    buffer.push(b"a\0\0\xD8b", true);
    assert_eq!((buffer.text(), buffer.raw_offset(1), buffer.raw_offset(4)), ("a\u{FFFD}".as_bytes(), 4, 7));
}

#[test]
fn a_nul_makes_binary() {
    assert_eq!((binary_offset(b"ab\0c\0"), binary_offset(b"abc")), (Some(2), None));
}
