//! The content of one file becomes text, and the text is searched: whole where it lies in one piece, else window by
//! window.
//!
//! Owns what is decided on the way: the encoding, and what a NUL byte means. A file that the walk found is left alone
//! if a NUL stands in its first 64 KiB, as ripgrep does; a later NUL ends its search before the line it stands in.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use memchr::{memchr, memrchr};

use super::hit_rows::{HitTarget, Offsets, RowSink};
use super::options::SearchOptions;
use crate::io::content::Chunk;
use crate::io::decode::{EncodingChoice, TextBuffer, TextEncoding};
use crate::io::shared_read::Preview;
use crate::search::pattern::Patterns;
use crate::search::text::{HitSink, SearchOptions as TextOptions, TextSearcher};
use crate::search::window::{Window, WindowOptions, Windows};

/// A NUL in so many first bytes says that the file is binary.
pub(crate) const BINARY_HEAD: usize = 64 << 10;

/// What was learned of a file's text.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextOutcome {
    /// How its bytes were read.
    pub encoding: Option<TextEncoding>,
    /// Where the first NUL lies, if one was seen.
    pub binary_offset: Option<u64>,
    /// Whether the search ended because of it.
    pub ends_at_nul: bool,
    /// How many bytes were searched before it.
    pub bytes_before_nul: u64,
    /// Where a line was cut that is too long to be held.
    pub cut_at: Option<u64>,
}

/// Searches the text of one file after the other, with buffers that it keeps.
pub struct TextReader {
    searcher: TextSearcher,
    choice: EncodingChoice,
    multiline: bool,
    window_options: WindowOptions,
    windows: Windows,
    encoding: Option<TextEncoding>,
    decoded: Option<TextBuffer>,
    /// Text of `decoded` before this holds no NUL.
    checked_to: usize,
    /// The number of the line that comes next, where the file is shared.
    next_line: i64,
    stops_at_nul: bool,
    named: bool,
    outcome: TextOutcome,
}

/// Whether a window ends inside a line, which a later window will continue.
fn is_cut(window: &Window<'_>) -> bool {
    let end = window.search.end;
    end > 0 && window.text[end - 1] != b'\n' && !(window.is_end && end == window.text.len())
}

/// Where the line starts that holds `at`.
fn line_start(text: &[u8], at: usize) -> usize {
    memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1)
}

impl TextReader {
    /// A reader for these patterns and options.
    pub fn new(patterns: &Patterns, options: &SearchOptions) -> Self {
        let text_options = TextOptions {
            invert_match: options.invert_match,
            captures: options.captures,
            // The ledger counts matched lines, which it tells apart by their numbers.
            line_numbers: true,
            max_hits: None,
        };
        let window_options = WindowOptions { context: options.context, line_numbers: true };
        Self {
            searcher: TextSearcher::new(patterns, text_options),
            choice: options.encoding,
            multiline: options.patterns.multiline,
            window_options,
            windows: Windows::new(window_options),
            encoding: None,
            decoded: None,
            checked_to: 0,
            next_line: 1,
            stops_at_nul: true,
            named: false,
            outcome: TextOutcome::default(),
        }
    }

    /// The chunks that follow are of another file.
    pub fn begin_file(&mut self, stops_at_nul: bool, named: bool) {
        self.searcher.begin_file();
        self.encoding = None;
        self.stops_at_nul = stops_at_nul;
        self.named = named;
        self.outcome = TextOutcome::default();
    }

    /// What was learned of the file.
    pub fn outcome(&self) -> TextOutcome {
        self.outcome
    }

    /// Search the next chunk of the file.
    pub fn search(&mut self, chunk: &Chunk<'_>, target: &mut HitTarget<'_>) -> ControlFlow<()> {
        let encoding = match self.encoding {
            Some(encoding) => encoding,
            None => self.first_chunk(chunk),
        };
        if chunk.repeated > 0 && chunk.preview.is_none() {
            self.windows = Windows::resuming(self.window_options, self.next_line);
            self.checked_to = chunk.repeated;
            self.decode_from(encoding, chunk.offset);
        }
        let searched = catch_unwind(AssertUnwindSafe(|| {
            if let Some(preview) = chunk.preview {
                self.search_lines(chunk, preview, encoding.bom_bytes(), target)
            } else if chunk.whole && encoding.is_utf8() {
                self.search_whole(chunk, encoding.bom_bytes(), target)
            } else {
                self.search_decoded(chunk, encoding, target)
            }
        }));
        if !chunk.intact() {
            // A search relies on bytes that it has seen before, and a map that is written to may show it others: what
            // it says then means nothing, and neither does its panic. The next file begins anew.
            target.hits.lost = true;
            self.outcome = TextOutcome::default();
            return ControlFlow::Break(());
        }
        searched.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn first_chunk(&mut self, chunk: &Chunk<'_>) -> TextEncoding {
        let encoding = TextEncoding::detect(chunk.bytes, self.choice);
        self.outcome.encoding = Some(encoding);
        self.windows = Windows::new(self.window_options);
        self.checked_to = 0;
        self.next_line = 1;
        if !(chunk.whole && encoding.is_utf8()) {
            self.decode_from(encoding, encoding.bom_bytes() as u64);
        }
        self.encoding = Some(encoding);
        encoding
    }

    fn decode_from(&mut self, encoding: TextEncoding, start: u64) {
        match &mut self.decoded {
            Some(buffer) => buffer.reset(encoding, start),
            None => self.decoded = Some(TextBuffer::new(encoding, start)),
        }
    }

    /// What of `text` is searched, given where its first NUL stands.
    fn before_nul(&mut self, text: &[u8], nul: Option<usize>, raw: impl Fn(usize) -> u64) -> usize {
        let Some(nul) = nul else { return text.len() };
        let offset = raw(nul);
        self.outcome.binary_offset.get_or_insert(offset);
        if !self.stops_at_nul || self.named {
            return text.len();
        }
        self.outcome.ends_at_nul = true;
        if offset < BINARY_HEAD as u64 {
            return 0;
        }
        let end = line_start(text, nul);
        self.outcome.bytes_before_nul = raw(end);
        end
    }

    fn search_whole(&mut self, chunk: &Chunk<'_>, bom: usize, target: &mut HitTarget<'_>) -> ControlFlow<()> {
        let text = &chunk.bytes[bom..];
        let end = self.before_nul(text, memchr(0, text), |at| (bom + at) as u64);
        let mut sink = RowSink::new(target, chunk, Offsets::Raw(bom as u64));
        self.searcher.search(&Window::whole(&text[..end]), &mut sink)
    }

    /// Searches the lines of a shared file, if the look at them found something in them.
    fn search_lines(
        &mut self,
        chunk: &Chunk<'_>,
        preview: Preview,
        bom: usize,
        target: &mut HitTarget<'_>,
    ) -> ControlFlow<()> {
        let skipped = if chunk.offset == 0 { bom } else { 0 };
        let text = &chunk.bytes[skipped..];
        let start = chunk.offset + skipped as u64;
        let first_line = self.next_line;
        self.next_line += preview.newlines.cast_signed();
        let mut sink = RowSink::new(target, chunk, Offsets::Raw(start));
        if !preview.wanted {
            return if sink.keep_going() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        }
        let nul = memchr(0, &text[chunk.repeated..]).map(|at| chunk.repeated + at);
        let end = self.before_nul(text, nul, |at| start + at as u64).max(chunk.repeated);
        let is_end = chunk.last || self.outcome.ends_at_nul;
        let search = chunk.repeated..end;
        let window = Window { text: &text[..end], search, first_line, line_prefix_chars: 0, is_end };
        let flow = self.searcher.search(&window, &mut sink);
        if self.outcome.ends_at_nul { ControlFlow::Break(()) } else { flow }
    }

    fn search_decoded(
        &mut self,
        chunk: &Chunk<'_>,
        encoding: TextEncoding,
        target: &mut HitTarget<'_>,
    ) -> ControlFlow<()> {
        let Some(mut buffer) = self.decoded.take() else { return ControlFlow::Break(()) };
        let skipped = if chunk.offset == 0 { encoding.bom_bytes() } else { 0 };
        buffer.push(&chunk.bytes[skipped..], chunk.last);
        let nul = memchr(0, &buffer.text()[self.checked_to..]).map(|at| self.checked_to + at);
        let end = self.before_nul(buffer.text(), nul, |at| buffer.raw_offset(at));
        let is_end = chunk.last || self.outcome.ends_at_nul;
        let mut flow = if self.outcome.ends_at_nul { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        if self.multiline {
            // Matches may span lines, so the file is held in one piece; the caller bounds its size.
            if is_end {
                let mut sink = RowSink::new(target, chunk, Offsets::Decoded(&buffer));
                flow = self.searcher.search(&Window::whole(&buffer.text()[..end]), &mut sink);
            }
        } else {
            while let Some(window) = self.windows.next(&buffer.text()[..end], is_end) {
                if is_cut(&window) {
                    self.outcome.cut_at.get_or_insert(buffer.raw_offset(window.search.end));
                }
                let offsets = Offsets::Decoded(&buffer);
                let mut sink = RowSink::new(target, chunk, offsets);
                if self.searcher.search(&window, &mut sink).is_break() {
                    flow = ControlFlow::Break(());
                    break;
                }
            }
            let done = self.windows.discard(buffer.text());
            buffer.discard(done);
        }
        self.checked_to = buffer.text().len();
        self.decoded = Some(buffer);
        flow
    }
}
