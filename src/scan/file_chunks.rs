//! One file is chunked: read, made text of, and its chunks made rows, with what became of it.
//!
//! A file of any length takes bounded memory, because text is cut part by part ([`crate::chunk::parts`]) as it is read;
//! only notebooks and what the caller extracts text from are held whole.

use std::ops::{ControlFlow, Range};

use memchr::{memchr, memchr_iter, memrchr};

use super::control::{Control, Reach};
use super::extraction::Extracted;
use super::file_search::{OpenedFile, Verdict};
use super::options::ChunkingOptions;
use super::read_text::{BINARY_HEAD, TextOutcome};
use super::worker::{Outbox, Output};
use crate::chunk::Chunker;
use crate::chunk::language::Language;
use crate::chunk::notebook;
use crate::chunk::parts::Parts;
use crate::error::{Error, ErrorKind, Result};
use crate::io::content::{Chunk, ContentReader, ReadReport};
use crate::io::counters;
use crate::io::decode::{Repaired, TextBuffer, TextEncoding, decode_replacing};
use crate::io::hash::{blake3_of, hash_bytes_hex, hash_hex};
use crate::io::root::{FileStatus, status_of};
use crate::io::strategy::Thresholds;
use crate::table::{ChunkRow, ChunksBuilder, FileOfChunks, Place, Projection, Status, Table};

/// How often a file that changes is read before it is given up.
const TRIES: usize = 3;
/// What a text is extracted from is held in one piece.
const MOST_EXTRACTED_BYTES: u64 = 1 << 30;

/// The chunks table of one worker.
pub struct ChunkRows {
    /// The rows that have not been handed over.
    pub builder: ChunksBuilder,
    needs_status: bool,
    needs_hash: bool,
    is_divided: bool,
}

impl ChunkRows {
    /// No rows yet.
    pub fn new(projection: &Projection) -> Self {
        Self {
            builder: ChunksBuilder::new(projection),
            needs_status: projection.needs_status(),
            needs_hash: projection.has("file_blake3"),
            is_divided: true,
        }
    }

    /// The same for rows that are wanted all at once.
    pub fn undivided(projection: &Projection) -> Self {
        Self { is_divided: false, ..Self::new(projection) }
    }
}

/// Chunks one file after the other, with buffers that it keeps.
pub struct FileChunks {
    /// The rows, if they are wanted.
    pub rows: Option<ChunkRows>,
    options: ChunkingOptions,
    chunker: Chunker,
    reader: ContentReader,
    text: Option<TextBuffer>,
}

impl FileChunks {
    /// A chunker of files with these options.
    pub fn new(options: &ChunkingOptions, thresholds: Thresholds, rows: Option<ChunkRows>) -> Self {
        Self {
            rows,
            options: options.clone(),
            chunker: Chunker::new(&options.chunks),
            reader: ContentReader::new(thresholds),
            text: None,
        }
    }

    /// Chunk a file.
    ///
    /// # Errors
    /// A defect. What is wrong with the file is its verdict.
    pub fn chunk(&mut self, file: OpenedFile<'_>, control: &Control, outbox: &dyn Outbox) -> Result<Verdict> {
        if let Some(suffix) = self.options.suffix_of(file.path.name) {
            return self.extract(file, suffix, control, outbox);
        }
        let mut tries = 0;
        let mut known_hash = None;
        loop {
            tries += 1;
            let mark = self.begin_file();
            let mut pass = Pass::new(file, known_hash.as_deref());
            let read = self.read(file, &mut pass, control, outbox);
            if let Some(defect) = pass.defect.take() {
                return Err(defect);
            }
            let report = match read {
                Ok(report) => report,
                Err(error) => {
                    self.take_back(&mut pass, mark);
                    let mut verdict = Verdict::failed(&Error::io("read", file.path.name, error));
                    verdict.hits = pass.chunks();
                    return Ok(verdict);
                }
            };
            if pass.hash_wanted {
                // The rows carry the hash of a file that is too long to be held: it is read once before.
                let stopped = || !matches!(control.reach(), Reach::Full | Reach::Limit);
                match blake3_of(&mut self.reader, file.handle, file.short_read_is_end, file.path.name, &stopped) {
                    Ok(hash) => known_hash = Some(hash_hex(&hash)),
                    Err(error) if error.kind() == ErrorKind::Cancelled => {
                        return Ok(Verdict::unsearched(Status::NotReached, None));
                    }
                    Err(error) if error.kind() == ErrorKind::Changed => {
                        return Ok(Verdict::unsearched(Status::Changed, Some(error.row_text())));
                    }
                    Err(error) => return Ok(Verdict::failed(&error)),
                }
                continue;
            }
            let changed = report.changed || pass.lost || pass.is_other_content();
            if changed && !pass.stopped {
                let handed_over = self.take_back(&mut pass, mark);
                if !handed_over && tries < TRIES {
                    known_hash = None;
                    continue;
                }
            }
            counters::BYTES_READ.add(report.bytes);
            return Ok(verdict(&pass, &report, changed));
        }
    }

    /// Chunk a text that does not lie in the file.
    fn extract(
        &mut self,
        file: OpenedFile<'_>,
        suffix: usize,
        control: &Control,
        outbox: &dyn Outbox,
    ) -> Result<Verdict> {
        let path = file.path.name;
        let stopped = || !matches!(control.reach(), Reach::Full | Reach::Limit);
        let status = match status_of(file.handle) {
            Ok(status) => status,
            Err(error) => return Ok(Verdict::failed(&Error::io("describe", path, error))),
        };
        if status.size > MOST_EXTRACTED_BYTES {
            let text = format!("{} bytes, more than the 1 GiB from which text is extracted", status.size);
            return Ok(Verdict::unsearched(Status::TooLarge, Some(text)));
        }
        let read = self.reader.read_all(file.handle, file.short_read_is_end, &stopped);
        let (content, report) = match read {
            Ok(read) => read,
            Err(error) => return Ok(Verdict::failed(&Error::io("read", path, error))),
        };
        if stopped() {
            return Ok(Verdict::unsearched(Status::NotReached, None));
        }
        if report.changed {
            return Ok(Verdict::unsearched(Status::Changed, Some("changed while it was read".to_owned())));
        }
        control.bytes.fetch_add(report.bytes, std::sync::atomic::Ordering::Relaxed);
        counters::BYTES_READ.add(report.bytes);
        let hash = self.rows.as_ref().is_some_and(|rows| rows.needs_hash).then(|| hash_bytes_hex(&content));
        let shown = [file.path.folder, path].concat();
        let text = match outbox.extract(suffix, shown, content) {
            None => return Ok(Verdict::unsearched(Status::NotReached, None)),
            Some(Extracted::Err(error)) => return Ok(Verdict::unsearched(Status::Unreadable, Some(error))),
            Some(Extracted::Ok(text)) => text,
        };
        self.begin_file();
        let mut pass = Pass::new(file, hash.as_deref());
        let mut work = Work { chunker: &mut self.chunker, rows: self.rows.as_mut(), control, outbox };
        pass.push_displaced(&text, None, &mut work);
        match pass.defect.take() {
            Some(defect) => Err(defect),
            None => Ok(verdict(&pass, &report, false)),
        }
    }

    fn begin_file(&mut self) -> Option<crate::table::chunks::Mark> {
        let rows = self.rows.as_mut()?;
        rows.builder.begin_file();
        Some(rows.builder.mark())
    }

    /// Take back the rows that have not been handed over. Whether there are others.
    fn take_back(&mut self, pass: &mut Pass<'_>, mark: Option<crate::table::chunks::Mark>) -> bool {
        if let (Some(rows), Some(mark), false) = (&mut self.rows, mark, pass.handed_over) {
            rows.builder.truncate(mark);
            pass.chunk = 0;
        }
        pass.handed_over
    }

    fn read(
        &mut self,
        file: OpenedFile<'_>,
        pass: &mut Pass<'_>,
        control: &Control,
        outbox: &dyn Outbox,
    ) -> std::io::Result<ReadReport> {
        let Self { rows, options, chunker, reader, text, .. } = self;
        let needs_hash = rows.as_ref().is_some_and(|rows| rows.needs_hash);
        let mut work = Work { chunker, rows: rows.as_mut(), control, outbox };
        let sink = &mut |chunk: &Chunk<'_>| {
            control.bytes.fetch_add(chunk.bytes.len() as u64, std::sync::atomic::Ordering::Relaxed);
            pass.take(chunk, options, text, needs_hash, &mut work)
        };
        if needs_hash {
            let stopped = || !matches!(control.reach(), Reach::Full | Reach::Limit);
            reader.read_checked(file.handle, file.short_read_is_end, &stopped, sink)
        } else {
            reader.read(file.handle, file.short_read_is_end, sink)
        }
    }
}

fn verdict(pass: &Pass<'_>, report: &ReadReport, changed: bool) -> Verdict {
    let status = if pass.stopped {
        Status::NotReached
    } else if changed {
        Status::Changed
    } else if pass.outcome.ends_at_nul {
        Status::Binary
    } else {
        Status::Searched
    };
    Verdict {
        status,
        error: (status == Status::Changed).then(|| "changed while it was read".to_owned()),
        excluded_by: None,
        metadata: report.status,
        hits: pass.chunks(),
        matched_lines: 0,
        bytes_searched: if pass.outcome.ends_at_nul { pass.outcome.bytes_before_nul } else { report.bytes },
        text: pass.outcome,
        strategy: Some(report.strategy.as_str()),
    }
}

/// What a pass works with.
struct Work<'a> {
    chunker: &'a mut Chunker,
    rows: Option<&'a mut ChunkRows>,
    control: &'a Control,
    outbox: &'a dyn Outbox,
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
struct Pass<'a> {
    file: OpenedFile<'a>,
    language: Option<Language>,
    /// The content so far of a file that is chunked whole.
    held: Option<Vec<u8>>,
    /// Text before this holds no NUL.
    checked_to: usize,
    /// The text before this stands in chunks already, and is shown again for their overlap.
    covered: usize,
    /// The line in which the text begins.
    line: i64,
    chunk: i64,
    // Not yet asked for; or what was had, if anything.
    #[allow(clippy::option_option)]
    status: Option<Option<FileStatus>>,
    known_hash: Option<&'a str>,
    hash: Option<String>,
    hasher: blake3::Hasher,
    outcome: TextOutcome,
    hash_wanted: bool,
    handed_over: bool,
    stopped: bool,
    lost: bool,
    ended: bool,
    defect: Option<Error>,
}

impl<'a> Pass<'a> {
    fn new(file: OpenedFile<'a>, known_hash: Option<&'a str>) -> Self {
        Self {
            file,
            language: None,
            held: None,
            checked_to: 0,
            covered: 0,
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

    fn chunks(&self) -> u64 {
        u64::try_from(self.chunk).unwrap_or(0)
    }

    /// Whether what was read has another hash than what its rows carry.
    fn is_other_content(&self) -> bool {
        self.ended && self.known_hash.is_some_and(|known| self.hasher.finalize().to_hex().as_str() != known)
    }

    /// The next bytes of the file.
    fn take(
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
        let spans = work.spans(text, self.language);
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
    fn push_displaced(&mut self, text: &str, language: Option<Language>, work: &mut Work<'_>) {
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
                status_of(self.file.handle).ok()
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
