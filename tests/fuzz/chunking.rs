//! Chunking: whatever the text and whatever its language, no chunk is larger than asked for or blank, they go forward,
//! and together they hold every character that is no white space.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use vespera_file_ops::chunk::language::Language;
use vespera_file_ops::chunk::measure::Measure;
use vespera_file_ops::chunk::{ChunkOptions, Chunker, notebook};

const NAMES: [&str; 16] = [
    "a.sh", "a.c", "a.cpp", "a.go", "A.java", "a.js", "a.json", "a.md", "a.ipynb", "a.py", "a.rs", "a.toml", "a.ts",
    "a.tsx", "a.yaml", "a.txt",
];

thread_local! {
    /// A parser is used again for text after text, as by a worker.
    static CHUNKERS: RefCell<Vec<Chunker>> = const { RefCell::new(Vec::new()) };
}

fuzz_target!(|data: &[u8]| {
    let [name, size, overlap, text @ ..] = data else { return };
    let text = String::from_utf8_lossy(text);
    let language = Language::of_file(NAMES[usize::from(*name) % NAMES.len()].as_bytes(), text.as_bytes());
    let sizes = [1_usize, 7, 40, 300];
    let which = usize::from(*size) % sizes.len();
    let chunk_size = sizes[which];
    let overlap = if *overlap < 128 { 0 } else { chunk_size / 3 };
    let spans = CHUNKERS.with_borrow_mut(|chunkers| {
        let at = chunkers.iter().position(|chunker| {
            (chunker.options().chunk_size, chunker.options().overlap) == (chunk_size, overlap)
        });
        let at = at.unwrap_or_else(|| {
            let options = ChunkOptions { chunk_size, overlap, measure: Measure::Characters };
            chunkers.push(Chunker::new(&options));
            chunkers.len() - 1
        });
        chunkers[at].spans(&text, language, &|| false)
    });
    let mut held = vec![false; text.len()];
    let mut before = 0..0;
    for span in spans {
        let chunk = &text[span.clone()];
        assert!(chunk.chars().count() <= chunk_size && !chunk.trim().is_empty(), "{chunk:?}");
        assert!(span.start >= before.start && span.end > before.end, "{span:?} after {before:?}");
        assert!(overlap > 0 || span.start >= before.end, "{span:?} after {before:?}");
        held[span.clone()].fill(true);
        before = span;
    }
    for (at, character) in text.char_indices() {
        assert!(held[at] || character.is_whitespace(), "{character:?} at {at} of {text:?}");
    }
    let _ = notebook::cells(&text);
});
