//! One file is chunked: read, made text of, and its chunks made rows, with what became of it.
//!
//! A file of any length takes bounded memory, because text is cut part by part ([`crate::chunk::parts`]) as it is read;
//! only notebooks and what the caller extracts text from are held whole.

mod pass;

use super::control::{Control, Reach};
use super::extraction::Extracted;
use super::file_search::{OpenedFile, Verdict};
use super::options::ChunkingOptions;
use super::worker::Outbox;
use crate::chunk::Chunker;
use crate::error::{Error, ErrorKind, Result};
use crate::io::content::{Chunk, ContentReader, ReadReport, Readable};
use crate::io::counters;
use crate::io::decode::TextBuffer;
use crate::io::hash::{blake3_of, hash_bytes_hex, hash_hex};
use crate::io::root::status_of;
use crate::io::strategy::Thresholds;
use crate::table::chunks::Mark;
use crate::table::{ChunksBuilder, Projection, Status};
use pass::{Pass, Work};

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
    pub fn chunk(&mut self, mut file: OpenedFile<'_>, control: &Control, outbox: &dyn Outbox) -> Result<Verdict> {
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
            file.content = file.content.again();
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
                match blake3_of(&mut self.reader, file.content, file.path.name, &stopped) {
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
        let status = match status_of(file.content.handle) {
            Ok(status) => status,
            Err(error) => return Ok(Verdict::failed(&Error::io("describe", path, error))),
        };
        if status.size > MOST_EXTRACTED_BYTES {
            let text = format!("{} bytes, more than the 1 GiB from which text is extracted", status.size);
            return Ok(Verdict::unsearched(Status::TooLarge, Some(text)));
        }
        let read = self.reader.read_all(Readable { status: Some(status), ..file.content }, &stopped);
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

    fn begin_file(&mut self) -> Option<Mark> {
        let rows = self.rows.as_mut()?;
        rows.builder.begin_file();
        Some(rows.builder.mark())
    }

    /// Take back the rows that have not been handed over. Whether there are others.
    fn take_back(&mut self, pass: &mut Pass<'_>, mark: Option<Mark>) -> bool {
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
            reader.read_checked(file.content, &stopped, sink)
        } else {
            reader.read(file.content, sink)
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
