//! Replacing: what the edits table says is what happens to the file, and nothing else does.
#![no_main]

use std::sync::LazyLock;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use libfuzzer_sys::fuzz_target;
use vespera_file_ops::ErrorKind;
use vespera_file_ops::edit::{EditOptions, Rules, replace_in_file};
use vespera_file_ops::io::decode::{EncodingChoice, TextEncoding, decode_replacing};
use vespera_file_ops::io::root::Root;
use vespera_file_ops::io::write::WriteOptions;
use vespera_file_ops::search::pattern::{CaseMatching, PatternOptions};

const ENCODINGS: [&str; 9] =
    ["auto", "utf-8", "utf-16le", "windows-1252", "shift_jis", "gb18030", "big5", "euc-jp", "euc-kr"];

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir_in("/dev/shm").unwrap());

fuzz_target!(|data: &[u8]| {
    let [encoding, flags, lengths, rest @ ..] = data else { return };
    let flag = |bit: u8| flags & (1 << bit) != 0;
    let (pattern, rest) = rest.split_at(usize::from(lengths >> 4).min(rest.len()));
    let (replacement, raw) = rest.split_at(usize::from(lengths & 15).min(rest.len()));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut patterns = PatternOptions {
        patterns: vec![text(pattern)],
        fixed_strings: flag(0),
        case: if flag(1) { CaseMatching::Insensitive } else { CaseMatching::Sensitive },
        whole_word: flag(2),
        multiline: flag(3),
    };
    let mut replacements = vec![text(replacement)];
    if flag(4) {
        // Two patterns in one pass.
        patterns.patterns.push("a".to_owned());
        replacements.push("bb".to_owned());
    }
    let rules = match Rules::compile(&patterns, &replacements) {
        Ok(rules) => rules,
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Pattern | ErrorKind::Argument), "{error}");
            return;
        }
    };
    let choice = EncodingChoice::parse(ENCODINGS[usize::from(*encoding) % ENCODINGS.len()]).unwrap();
    let options = |dry_run| EditOptions {
        encoding: choice,
        binary: flag(5),
        max_replacements: flag(6).then_some(2),
        expected: None,
        dry_run,
        write: WriteOptions { durable: false, ..WriteOptions::default() },
    };
    let path = FOLDER.path().join("file");
    std::fs::write(&path, raw).unwrap();
    let bytes = path.as_os_str().as_encoded_bytes();
    let edit = |dry_run| replace_in_file(&Root::free(), bytes, &rules, &options(dry_run), &|| false);
    let foreseen = match edit(true) {
        Ok(foreseen) => foreseen,
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Argument), "{error}");
            return;
        }
    };
    assert_eq!(std::fs::read(&path).unwrap(), raw, "a dry run wrote");
    let edits = edit(false).unwrap();
    assert_eq!(edits, foreseen);
    let content = std::fs::read(&path).unwrap();

    let (starts, ends) = (edits.column(0).as_primitive::<Int64Type>(), edits.column(1).as_primitive::<Int64Type>());
    let (matched, new) = (edits.column(2).as_string_view(), edits.column(3).as_string_view());
    let encoding = TextEncoding::detect(raw, choice);
    let plain = TextEncoding::detect(b"", EncodingChoice::parse(&encoding.label()).unwrap());
    let mut kept_from = 0;
    let mut spliced = Vec::new();
    // What the file must read as: what was read before, with the matches replaced.
    let mut promised = String::new();
    let body = |from: usize, to: usize| {
        let from = from.max(encoding.bom_bytes());
        encoding.decode_part(&raw[from..to.max(from)]).into_owned()
    };
    for row in 0..edits.num_rows() {
        let (start, end) = (usize::try_from(starts.value(row)).unwrap(), usize::try_from(ends.value(row)).unwrap());
        assert!(kept_from <= start && start <= end && end <= raw.len(), "{edits:?}");
        if encoding.is_utf8() {
            assert_eq!(decode_replacing(&raw[start..end], plain), matched.value(row));
        }
        spliced.extend_from_slice(&raw[kept_from..start]);
        spliced.extend_from_slice(new.value(row).as_bytes());
        promised.push_str(&body(kept_from, start));
        promised.push_str(new.value(row));
        kept_from = end;
    }
    spliced.extend_from_slice(&raw[kept_from..]);
    promised.push_str(&body(kept_from, raw.len()));
    assert!(content.ends_with(&raw[kept_from..]));
    assert_eq!(TextEncoding::detect(&content, choice).label(), encoding.label());
    if encoding.is_utf8() {
        let is_exact = (0..edits.num_rows()).all(|row| !new.value(row).contains('\u{FFFD}'));
        if is_exact {
            assert_eq!(content, spliced);
        }
    } else if !decode_replacing(raw, encoding).contains('\u{FFFD}') {
        assert_eq!(encoding.decode_part(&content[encoding.bom_bytes()..]), promised);
    }
});
