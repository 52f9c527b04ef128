//! A large file is searched by whoever is idle: everybody looks for lines that have a hit, and the worker whose file it
//! is makes the rows, in order.

use std::ops::ControlFlow;
use std::sync::{Arc, Weak};

use memchr::{memchr, memchr_iter};

use super::options::SearchOptions;
use super::worker::Outbox;
use crate::io::decode::TextEncoding;
use crate::io::shared_read::{Helpers, MakeLook, Preview, SharedRead};
use crate::search::pattern::Patterns;
use crate::search::text::{Hit, HitSink, SearchOptions as TextOptions, TextSearcher};
use crate::search::window::Window;

/// One worker's way to the others.
pub struct SharedSearch<'a> {
    /// What is searched for.
    pub patterns: &'a Arc<Patterns>,
    /// What is to be told.
    pub options: &'a SearchOptions,
    /// Who helps.
    pub outbox: &'a dyn Outbox,
}

impl Helpers for SharedSearch<'_> {
    fn look_at(&self, head: &[u8]) -> Option<MakeLook> {
        let options = self.options;
        // A stretch must say everything about its lines: what stands around them is not there, nor what was decoded.
        let lines_are_enough = !options.patterns.multiline && options.context == 0;
        let encoding = TextEncoding::detect(head, options.encoding);
        if !lines_are_enough || !encoding.is_utf8() {
            return None;
        }
        let bom = encoding.bom_bytes();
        let patterns = Arc::clone(self.patterns);
        let text_options = TextOptions { invert_match: options.invert_match, ..TextOptions::default() };
        Some(Box::new(move || {
            let mut searcher = TextSearcher::new(&patterns, text_options);
            Box::new(move |bytes, lines_from, last| {
                // Only the file's first lines have nothing before them.
                let bytes = if lines_from == 0 { &bytes[bom..] } else { bytes };
                look(&mut searcher, bytes, lines_from, last)
            })
        }))
    }

    fn call(&self, work: Weak<SharedRead>) {
        self.outbox.call_for_help(work);
    }
}

/// Whether lines have a hit, or a NUL.
fn look(searcher: &mut TextSearcher, bytes: &[u8], lines_from: usize, last: bool) -> Preview {
    let lines = &bytes[lines_from..];
    let newlines = memchr_iter(b'\n', lines).count() as u64;
    let search = lines_from..bytes.len();
    let window = Window { text: bytes, search, first_line: 1, line_prefix_chars: 0, is_end: last };
    searcher.begin_file();
    let wanted = memchr(0, lines).is_some() || searcher.search(&window, &mut FirstHit).is_break();
    Preview { newlines, wanted }
}

/// Stops at the first hit.
struct FirstHit;

impl HitSink for FirstHit {
    fn hit(&mut self, _: &Window<'_>, _: &Hit<'_>) -> ControlFlow<()> {
        ControlFlow::Break(())
    }

    fn keep_going(&mut self) -> bool {
        true
    }
}
