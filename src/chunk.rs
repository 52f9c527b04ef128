//! Text becomes spans for retrieval: pieces of at most so many characters or tokens, cut where the text itself pauses.
//!
//! Source code is cut between the nodes of its syntax tree ([`syntax`]), Markdown between its sections and everything else
//! between paragraphs and sentences by the `text-splitter` crate. That takes quadratic time in the length of a text, so a
//! text is split in bounded parts ([`parts`]); a part with lines that nobody wrote is cut into windows ([`windows`]). Where a
//! text is cut depends on the text, its language and the options alone.

pub mod language;
pub mod measure;
pub mod notebook;
pub mod parts;
mod syntax;
mod windows;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use memchr::memchr_iter;
use text_splitter::{ChunkConfig, MarkdownSplitter, TextSplitter};

use crate::error::{Error, Result};
use crate::fail_point::FailPoint;
use language::Language;
use measure::Measure;
use syntax::SyntaxSplitter;

/// What a chunk is depends on this code: an index that was made by another version is not mixed with it. A test holds
/// the chunks of known files; raise the number when it has to be changed.
pub const CHUNKER_VERSION: &str = "1";

/// The largest size of a chunk, in characters or tokens.
pub const MOST_CHUNK_SIZE: usize = 1 << 20;

/// A part with a longer line is cut into windows: nobody wrote that line.
const LONG_LINE: usize = 16 << 10;

/// How large chunks become.
#[derive(Debug, Clone)]
pub struct ChunkOptions {
    /// At most so many characters or tokens.
    pub chunk_size: usize,
    /// Neighbours share up to so many of them.
    pub overlap: usize,
    /// What is counted.
    pub measure: Measure,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self { chunk_size: 1600, overlap: 0, measure: Measure::Characters }
    }
}

impl ChunkOptions {
    /// Refuses sizes that cannot be kept.
    ///
    /// # Errors
    /// An argument error that names the option.
    pub fn validate(&self) -> Result<()> {
        if self.chunk_size == 0 || self.chunk_size > MOST_CHUNK_SIZE {
            let text = format!("expected 1 to {MOST_CHUNK_SIZE}, got {}", self.chunk_size);
            return Err(Error::argument("chunk_size", &text));
        }
        if self.overlap >= self.chunk_size {
            let text = format!("expected less than chunk_size ({}), got {}", self.chunk_size, self.overlap);
            return Err(Error::argument("overlap", &text));
        }
        Ok(())
    }

    fn config(&self) -> ChunkConfig<Measure> {
        let config = ChunkConfig::new(self.chunk_size).with_sizer(self.measure.clone());
        // It refuses an overlap that is not below the size, which was validated.
        config
            .with_overlap(self.overlap)
            .unwrap_or_else(|_| ChunkConfig::new(self.chunk_size).with_sizer(self.measure.clone()))
    }

    fn without_any_overlap(&self) -> Self {
        Self { overlap: 0, ..self.clone() }
    }
}

/// Cuts one text after the other. One a worker.
pub struct Chunker {
    options: ChunkOptions,
    text: TextSplitter<Measure>,
    markdown: MarkdownSplitter<Measure>,
    code: SyntaxSplitter,
}

impl std::fmt::Debug for Chunker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunker").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Chunker {
    /// A chunker with these options.
    #[must_use]
    pub fn new(options: &ChunkOptions) -> Self {
        Self {
            text: TextSplitter::new(options.config()),
            markdown: MarkdownSplitter::new(options.config()),
            code: SyntaxSplitter::default(),
            options: options.clone(),
        }
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> &ChunkOptions {
        &self.options
    }

    /// The chunks of one part of a text, in their order, without the blank lines around them. When `stopped` says so, what
    /// they are is of no interest any more.
    pub fn spans(&mut self, part: &str, language: Option<Language>, stopped: &dyn Fn() -> bool) -> Vec<Range<usize>> {
        let is_written = !has_long_line(part.as_bytes());
        let split = if is_written {
            // A defect of a parser must not take the scan of a tree down with it; what it leaves behind is not used again.
            let split = catch_unwind(AssertUnwindSafe(|| self.split(part, language, stopped)));
            split.inspect_err(|_| self.code = SyntaxSplitter::default()).ok()
        } else {
            None
        };
        forward(split.unwrap_or_else(|| windows::spans(part, &self.options)))
    }

    fn split(&mut self, part: &str, language: Option<Language>, stopped: &dyn Fn() -> bool) -> Vec<Range<usize>> {
        FailPoint::Chunking.pass();
        let spans = |chunks: &mut dyn Iterator<Item = (usize, &str)>| -> Vec<Range<usize>> {
            chunks.filter(|(_, text)| !text.trim().is_empty()).map(|(at, text)| at..at + text.len()).collect()
        };
        match language {
            Some(Language::Markdown) => spans(&mut self.markdown.chunk_indices(part)),
            language => language
                .and_then(|language| self.code.spans(part, language, &self.options, stopped))
                .unwrap_or_else(|| spans(&mut self.text.chunk_indices(part))),
        }
    }
}

/// Spans that overlap may begin before the one before them, by white space, or add nothing but that to it.
fn forward(spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut before = 0..0;
    let spans = spans.into_iter().filter_map(|span| {
        (span.end > before.end).then(|| {
            before = span.start.max(before.start)..span.end;
            before.clone()
        })
    });
    spans.collect()
}

fn has_long_line(part: &[u8]) -> bool {
    let mut start = 0;
    memchr_iter(b'\n', part).chain([part.len()]).any(|newline| {
        let length = newline - start;
        start = newline + 1;
        length > LONG_LINE
    })
}
