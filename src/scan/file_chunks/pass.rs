//! One reading of a file from its start: its bytes become text, the text parts, and the parts rows.

use std::ops::{ControlFlow, Range};

use memchr::{memchr, memchr_iter, memrchr};

use super::ChunkRows;
use crate::chunk::Chunker;
use crate::chunk::language::Language;
use crate::chunk::notebook;
use crate::chunk::parts::Parts;
use crate::error::Error;
use crate::io::content::Chunk;
use crate::io::counters;
use crate::io::decode::{Repaired, TextBuffer, TextEncoding, decode_replacing};
use crate::io::hash::hash_bytes_hex;
use crate::io::root::{FileStatus, status_of};
use crate::scan::control::{Control, Reach};
use crate::scan::file_search::OpenedFile;
use crate::scan::options::ChunkingOptions;
use crate::scan::read_text::{BINARY_HEAD, TextOutcome};
use crate::scan::worker::{Outbox, Output};
use crate::table::{ChunkRow, FileOfChunks, Place, Table};

/// What a pass works with.
pub(super) struct Work<'a> {
    pub(super) chunker: &'a mut Chunker,
    pub(super) rows: Option<&'a mut ChunkRows>,
    pub(super) control: &'a Control,
    pub(super) outbox: &'a dyn Outbox,
}

impl Work<'_> {
    fn spans(&mut self, part: &str, language: Option<Language>) -> Vec<Range<usize>> {
        let control = self.control;
        self.chunker.spans(part, language, &|| !matches!(control.reach(), Reach::Full | Reach::Limit))
    }
}

/// One reading of a file from its start.
// What is found out on the way, each for itself.
#[allow(clippy::struct_excessive_bools)]
pub(super) struct Pass<'a> {
    file: OpenedFile<'a>,
    language: Option<Language>,
    /// The content so far of a file that is chunked whole.
    held: Option<Vec<u8>>,
    /// Text before this holds no NUL.
    checked_to: usize,
    /// The text before this stands in chunks already, and is shown again for their overlap.
    covered: usize,
    /// The text begins inside of something.
    is_torn: bool,
    /// The line in which the text begins.
    line: i64,
    /// How many chunks there are so far.
    pub(super) chunk: i64,
    // Not yet asked for; or what was had, if anything.
    #[allow(clippy::option_option)]
    status: Option<Option<FileStatus>>,
    known_hash: Option<&'a str>,
    hash: Option<String>,
    hasher: blake3::Hasher,
    /// What was learned of the text.
    pub(super) outcome: TextOutcome,
    /// It ended at once, for its rows need a hash that is not known yet.
    pub(super) hash_wanted: bool,
    /// Some of its rows have left.
    pub(super) handed_over: bool,
    /// The scan stopped in the middle.
    pub(super) stopped: bool,
    /// Mapped pages were lost.
    pub(super) lost: bool,
    ended: bool,
    /// Why a batch could not be built.
    pub(super) defect: Option<Error>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(file: OpenedFile<'a>, known_hash: Option<&'a str>) -> Self {
        Self {
            file,
            language: None,
            held: None,
            checked_to: 0,
            covered: 0,
            is_torn: false,
            line: 1,
            chunk: 0,
            status: None,
            known_hash,
            hash: known_hash.map(str::to_owned),
            hasher: blake3::Hasher::new(),
            outcome: TextOutcome::default(),
            hash_wanted: false,
            handed_over: false,
            stopped: false,
            lost: false,
            ended: false,
            defect: None,
        }
    }

    pub(super) fn chunks(&self) -> u64 {
        u64::try_from(self.chunk).unwrap_or(0)
    }

    /// Whether what was read has another hash than what its rows carry.
    pub(super) fn is_other_content(&self) -> bool {
        self.ended && self.known_hash.is_some_and(|known| self.hasher.finalize().to_hex().as_str() != known)
    }

    /// The next bytes of the file.
    pub(super) fn take(
        &mut self,
        chunk: &Chunk<'_>,
        options: &ChunkingOptions,
        text: &mut Option<TextBuffer>,
        needs_hash: bool,
        work: &mut Work<'_>,
    ) -> ControlFlow<()> {
        let encoding = if let Some(encoding) = self.outcome.encoding {
            encoding
        } else {
            if needs_hash && self.hash.is_none() {
                if !chunk.whole && memchr(0, &chunk.bytes[..chunk.bytes.len().min(BINARY_HEAD)]).is_none() {
                    self.hash_wanted = true;
                    return ControlFlow::Break(());
                }
                self.hash = chunk.whole.then(|| hash_bytes_hex(chunk.bytes));
            }
            self.begin(chunk, options, text)
        };
        if self.known_hash.is_some() {
            self.hasher.update(chunk.bytes);
            self.ended |= chunk.last;
        }
        let skipped = if chunk.offset == 0 { encoding.bom_bytes() } else { 0 };
        if let Some(held) = &mut self.held {
            held.extend_from_slice(chunk.bytes);
            if held.len() <= notebook::MOST_BYTES && !chunk.last {
                return ControlFlow::Continue(());
            }
        }
        let Some(buffer) = text else { return ControlFlow::Break(()) };
        let flow = if let Some(held) = self.held.take() {
            self.finish_held(&held, encoding, buffer, chunk, work)
        } else {
            buffer.push(&chunk.bytes[skipped..], chunk.last);
            if chunk.intact() { self.push_text(buffer, chunk.last, work) } else { ControlFlow::Continue(()) }
        };
        if !chunk.intact() {
            self.lost = true;
            return ControlFlow::Break(());
        }
        flow
    }

    fn begin(&mut self, chunk: &Chunk<'_>, options: &ChunkingOptions, text: &mut Option<TextBuffer>) -> TextEncoding {
        let encoding = TextEncoding::detect(chunk.bytes, options.encoding);
        self.outcome.encoding = Some(encoding);
        let start = encoding.bom_bytes() as u64;
        match text {
            Some(buffer) => buffer.reset(encoding, start),
            None => *text = Some(TextBuffer::new(encoding, start)),
        }
        let head = chunk.bytes.get(encoding.bom_bytes()..).unwrap_or_default();
        self.language = Language::of_file(self.file.path.name, &head[..head.len().min(256)]);
        if self.language == Some(Language::Notebook) {
            self.held = Some(Vec::new());
        }
        encoding
    }

    /// A file that was held whole, or is too long for that.
    fn finish_held(
        &mut self,
        held: &[u8],
        encoding: TextEncoding,
        buffer: &mut TextBuffer,
        chunk: &Chunk<'_>,
        work: &mut Work<'_>,
    ) -> ControlFlow<()> {
        if !chunk.intact() {
            return ControlFlow::Break(());
        }
        if chunk.last && held.len() <= notebook::MOST_BYTES {
            let content = decode_replacing(held, encoding);
            if let Some(cells) = notebook::cells(&content) {
                for cell in cells {
                    self.push_displaced(&cell.text, cell.language, work);
                }
                return ControlFlow::Continue(());
            }
        }
        self.language = Some(Language::Json);
        buffer.push(&held[encoding.bom_bytes()..], chunk.last);
        self.push_text(buffer, chunk.last, work)
    }

    /// What of the text is chunked: all before the line with a NUL.
    fn before_nul(&mut self, buffer: &TextBuffer) -> usize {
        let text = buffer.text();
        let Some(nul) = memchr(0, &text[self.checked_to..]).map(|at| self.checked_to + at) else { return text.len() };
        let offset = buffer.raw_offset(nul);
        self.outcome.binary_offset.get_or_insert(offset);
        self.outcome.ends_at_nul = true;
        if offset < BINARY_HEAD as u64 {
            return 0;
        }
        let end = memrchr(b'\n', &text[..nul]).map_or(0, |newline| newline + 1);
        self.outcome.bytes_before_nul = buffer.raw_offset(end);
        end
    }

    /// The parts of the text that are complete become rows, and are discarded.
    fn push_text(&mut self, buffer: &mut TextBuffer, last: bool, work: &mut Work<'_>) -> ControlFlow<()> {
        let end = self.before_nul(buffer);
        let parts = Parts::new(work.chunker.options(), self.language);
        let is_end = last || self.outcome.ends_at_nul;
        let mut at = 0;
        while at < end && !self.must_stop(work) {
            let Some(part) = parts.first(&buffer.text()[at..end], is_end) else { break };
            self.push_part(buffer, at, at + part.end, work);
            self.covered = part.end - part.next;
            self.is_torn = !part.is_whole;
            self.line += newlines(&buffer.text()[at..at + part.next]);
            at += part.next;
        }
        buffer.discard(at);
        self.checked_to = buffer.text().len();
        let goes_on = !self.stopped && self.defect.is_none() && !self.outcome.ends_at_nul;
        if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn must_stop(&mut self, work: &Work<'_>) -> bool {
        self.stopped |= !matches!(work.control.reach(), Reach::Full | Reach::Limit);
        self.stopped || self.defect.is_some()
    }

    fn push_part(&mut self, buffer: &TextBuffer, from: usize, to: usize, work: &mut Work<'_>) {
        let bytes = &buffer.text()[from..to];
        let part = Repaired::of(bytes);
        let first_line = self.line;
        let mut counted = (0, first_line);
        let raw = |at: usize| i64::try_from(buffer.raw_offset(from + part.offset(at))).unwrap_or(i64::MAX);
        let text = part.text();
        let mut line_of = |at: usize| {
            // Chunks that overlap go back.
            let (from, line) = if at < counted.0 { (0, first_line) } else { counted };
            counted = (at, line + newlines(&text.as_bytes()[from..at]));
            counted.1
        };
        let syntax = self.language.filter(|language| !(self.is_torn && language.is_code()));
        let spans = work.spans(text, syntax);
        if self.must_stop(work) {
            return;
        }
        for span in spans {
            if self.covered > 0 && part.offset(span.end) <= self.covered {
                continue;
            }
            let place = Place {
                start_byte: raw(span.start),
                end_byte: raw(span.end),
                start_line: line_of(span.start),
                end_line: line_of(span.end),
            };
            self.push_row(&text[span], Some(place), self.language, work);
        }
        self.hand_over(work);
    }

    /// The chunks of a text that does not stand in the file as it is.
    pub(super) fn push_displaced(&mut self, text: &str, language: Option<Language>, work: &mut Work<'_>) {
        let parts = Parts::new(work.chunker.options(), language);
        let mut at = 0;
        let mut covered = 0;
        while at < text.len() && !self.must_stop(work) {
            let Some(part) = parts.first(&text.as_bytes()[at..], true) else { break };
            let shown = &text[at..at + part.end];
            for span in work.spans(shown, language) {
                if covered == 0 || span.end > covered {
                    self.push_row(&shown[span], None, language, work);
                }
            }
            covered = part.end - part.next;
            at += part.next;
            self.hand_over(work);
        }
    }

    fn push_row(&mut self, text: &str, place: Option<Place>, language: Option<Language>, work: &mut Work<'_>) {
        let chunk = self.chunk;
        self.chunk += 1;
        let Some(rows) = work.rows.as_deref_mut() else { return };
        let status = if rows.needs_status {
            *self.status.get_or_insert_with(|| {
                counters::FILES_DESCRIBED.add(1);
                status_of(self.file.content.handle).ok()
            })
        } else {
            None
        };
        let file = FileOfChunks { path: self.file.path, status: status.as_ref(), blake3: self.hash.as_deref() };
        let row = ChunkRow { chunk, text, place, language: language.map(Language::as_str) };
        rows.builder.push(&file, &row);
    }

    /// Hand over a batch that is large enough.
    fn hand_over(&mut self, work: &mut Work<'_>) {
        let Some(rows) = work.rows.as_deref_mut().filter(|rows| rows.is_divided) else { return };
        if !work.outbox.batch_limit().is_reached(rows.builder.rows(), rows.builder.bytes()) {
            return;
        }
        match rows.builder.finish() {
            Ok(batch) => {
                self.handed_over = true;
                let output = Output { batches: vec![(Table::Chunks, batch)], ..Output::default() };
                self.stopped |= work.outbox.send(output).is_break();
            }
            Err(defect) => self.defect = Some(defect),
        }
    }
}

fn newlines(text: &[u8]) -> i64 {
    i64::try_from(memchr_iter(b'\n', text).count()).unwrap_or(i64::MAX)
}
