//! A file's content, pushed to whoever wants it, whichever reader brings it.
//!
//! The three readers stand behind one interface. Chunks are pushed into a sink that may say stop, so limits and
//! cancellation need no flags here. The cheap path is the heart of the library's speed: a small file costs exactly one
//! read into a reused buffer, and neither a stat nor a seek.
//!
//! The answer to "did it change while I read it?" is [`ReadReport::changed`]; `observation` says how it is known.

mod observation;

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use self::observation::Observation;
use super::buffered::{self, ReadBuffer};
use super::mmap::MappedFile;
use super::root::{self, FileKind, FileStatus, HandleRef};
use super::shared_read::{Helpers, Owner, Preview, STRETCH_BYTES, SharedRead, Taken};
use super::strategy::{Strategy, Thresholds};
use super::stream;
use crate::fail_point::FailPoint;

/// What says how a file is encoded.
const HEAD: usize = 4;
/// Files above this are worth the help of others.
const SHARED_FROM: u64 = 8 * STRETCH_BYTES as u64;
/// What is read before anything is asked. It fits into a core's own cache, and holds all but a few files of a tree.
const FIRST_READ: usize = 256 << 10;
/// A search does not wait longer than this for a write that may be under way.
const MOST_SEARCH_WAIT: Duration = Duration::from_millis(100);

/// Asked now and then whether to go on.
pub type Stopped<'a> = &'a dyn Fn() -> bool;

/// A part of a file's content.
///
/// Its bytes may come from a memory map: look at them as bytes, copy what is validated, and believe nothing before
/// [`Chunk::intact`] has said so *afterwards*.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Where they begin in the file.
    pub offset: u64,
    /// Whether no bytes follow them.
    pub last: bool,
    /// Whether they are the whole file.
    pub whole: bool,
    /// How many of them were shown before: the byte before the lines that a shared read hands over.
    pub repeated: usize,
    /// What a look at them found: then they are whole lines, in a shared read.
    pub preview: Option<Preview>,
    map: Option<Mapped<'a>>,
}

/// What is needed to know whether a map still shows what the file holds.
#[derive(Debug)]
struct Mapped<'a> {
    map: &'a MappedFile,
    file: HandleRef<'a>,
    before: Observation,
}

impl<'a> Chunk<'a> {
    /// A whole content that lies in memory already.
    #[must_use]
    pub fn of_bytes(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, last: true, whole: true, repeated: 0, preview: None, map: None }
    }

    fn of_stream(bytes: &'a [u8], offset: u64, last: bool) -> Self {
        Self { bytes, offset, last, whole: last && offset == 0, repeated: 0, preview: None, map: None }
    }

    /// Whether what was read from these bytes so far was the file's.
    ///
    /// False once mapped pages were lost or the mapped file changed; always true for bytes that were read, where a
    /// change can only show when the whole file has been.
    #[must_use]
    pub fn intact(&self) -> bool {
        let Some(mapped) = &self.map else { return true };
        mapped.map.intact() && mapped.before.still_holds(mapped.file)
    }
}

/// An open file, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Readable<'a> {
    /// The file. It is read from its start, wherever its position is.
    pub handle: HandleRef<'a>,
    /// What [`root::is_known_disk`] says of its device.
    pub short_read_is_end: bool,
    /// What the system has said of it since it was opened, if it was asked: then it need not be asked again.
    pub status: Option<FileStatus>,
}

impl<'a> Readable<'a> {
    /// A file of which nothing else is known.
    #[must_use]
    pub fn new(handle: HandleRef<'a>, short_read_is_end: bool) -> Self {
        Self { handle, short_read_is_end, status: None }
    }

    /// The same file, once more, after it was read: it may have changed.
    #[must_use]
    pub fn again(self) -> Self {
        Self { status: None, ..self }
    }

    fn status(&self) -> io::Result<FileStatus> {
        self.status.map_or_else(|| root::status_of(self.handle), Ok)
    }
}

/// What reading a file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadReport {
    /// The reader that was used.
    pub strategy: Strategy,
    /// How many bytes were handed to the sink.
    pub bytes: u64,
    /// What the system said of the file before it was read, if it had to be asked.
    pub status: Option<FileStatus>,
    /// Whether the bytes may be a mixture of two contents. Promised for files of at least the size that is mapped, for
    /// every map, and for [`ContentReader::read_checked`]; a small file is what its one read returned.
    pub changed: bool,
}

/// Takes the chunks of one file, in order; the last one is marked.
pub type Sink<'a> = &'a mut dyn FnMut(&Chunk<'_>) -> ControlFlow<()>;

/// What a reading needs besides the file.
#[derive(Clone, Copy)]
struct ReadWith<'a> {
    helpers: Option<&'a dyn Helpers>,
    /// The caller wants to know of every change, and this ends the wait for a file to be quiet.
    checked: Option<Stopped<'a>>,
}

/// Reads one file after the other with buffers that it keeps. One a worker.
#[derive(Debug)]
pub struct ContentReader {
    thresholds: Thresholds,
    buffer: ReadBuffer,
}

impl ContentReader {
    /// A reader with these thresholds; buffers are allocated when a file needs them.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, buffer: ReadBuffer::default() }
    }

    /// The thresholds it was made with.
    #[must_use]
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// Reads a file. There is always one last chunk unless the sink stops earlier; that of an empty file is empty.
    ///
    /// # Errors
    /// Whatever the system reports, and `InvalidInput` for what is no regular file.
    pub fn read(&mut self, file: Readable<'_>, sink: Sink<'_>) -> io::Result<ReadReport> {
        self.read_with(None, file, sink)
    }

    /// The same, where others may help with what is streamed: `helpers` are called if they want to see the file in
    /// whole lines, and then each chunk has a [`Chunk::preview`]. From a line on that is too long for that, chunks come
    /// without one again, the first of them with the byte before the line. A file that becomes shorter meanwhile may end
    /// without a last chunk; it has changed.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_with(
        &mut self,
        helpers: Option<&dyn Helpers>,
        file: Readable<'_>,
        sink: Sink<'_>,
    ) -> io::Result<ReadReport> {
        let with = ReadWith { helpers, checked: None };
        if self.thresholds.forced.is_some() {
            return self.read_described(file, &with, 0, sink);
        }
        // A file that is smaller than the buffer ends in it; one that fills it may be large enough for a map.
        let room = usize::try_from(self.thresholds.mmap_from).unwrap_or(usize::MAX).clamp(1, FIRST_READ);
        let bytes = self.buffer.with_len(room, 0)?;
        let filled = buffered::fill(file.handle, bytes, 0, 0, file.short_read_is_end)?;
        if !filled.ended {
            return self.read_described(file, &with, filled.len, sink);
        }
        let _ = sink(&Chunk::of_bytes(&bytes[..filled.len]));
        Ok(ReadReport { strategy: Strategy::Buffered, bytes: filled.len as u64, status: None, changed: false })
    }

    /// The same, with [`ReadReport::changed`] promised whatever the size: for content and hashes that are handed out.
    ///
    /// This waits as long as one call may take to write a file of this size, if the file changed that recently;
    /// `stopped` ends the wait, and then the file counts as changed.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_checked(&mut self, file: Readable<'_>, stopped: Stopped<'_>, sink: Sink<'_>) -> io::Result<ReadReport> {
        let with = ReadWith { helpers: None, checked: Some(stopped) };
        self.read_described(file, &with, 0, sink)
    }

    /// Reads a whole file into memory of its own, with [`ReadReport::changed`] promised whatever the size.
    ///
    /// What would be streamed is read in two halves at once: most of the time goes into memory that nobody has touched.
    /// What was read when `stopped` ended it is not whole.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_all(&mut self, file: Readable<'_>, stopped: Stopped<'_>) -> io::Result<(Vec<u8>, ReadReport)> {
        let status = file.status()?;
        let file = Readable { status: Some(status), ..file };
        let strategy = self.thresholds.choose(status.size);
        if strategy == Strategy::Stream && file.short_read_is_end && status.kind == FileKind::File {
            let mut content = buffered::zeroed(status.size)?;
            let changed = !self.read_into(file, &mut content, stopped)?;
            let bytes = content.len() as u64;
            return Ok((content, ReadReport { strategy, bytes, status: Some(status), changed }));
        }
        let mut content = buffered::with_room(status.size)?;
        let mut whole = true;
        let mut report = self.read_checked(file, stopped, &mut |chunk| {
            FailPoint::Reading.pass();
            content.extend_from_slice(chunk.bytes);
            whole = chunk.intact();
            if stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        report.changed |= !whole;
        Ok((content, report))
    }

    /// Reads a file of a known disk into `content`, in two halves at once. Whether that is the whole of it, and it did not
    /// change meanwhile.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_into(&self, file: Readable<'_>, content: &mut [u8], stopped: Stopped<'_>) -> io::Result<bool> {
        let before = Observation::settled(file.handle, file.status()?, Duration::MAX, stopped)?;
        if before.status.size != content.len() as u64 {
            return Ok(false);
        }
        let read = stream::read_halves(file.handle, content, self.thresholds.chunk_bytes, stopped)?;
        Ok(read == content.len() && before.still_holds(file.handle))
    }

    /// Reads a file whose size decides, of which the first `read` bytes are in the buffer.
    fn read_described(
        &mut self,
        file: Readable<'_>,
        with: &ReadWith<'_>,
        read: usize,
        sink: Sink<'_>,
    ) -> io::Result<ReadReport> {
        let status = file.status()?;
        let Readable { handle: file, short_read_is_end, .. } = file;
        if status.kind != FileKind::File {
            return Err(buffered::not_a_regular_file());
        }
        // A file that has more than its size is one that the system makes up as it is read.
        let made_up = !short_read_is_end && status.size < read.max(1) as u64;
        let mut strategy = match self.thresholds.choose(status.size) {
            _ if made_up => Strategy::Stream,
            strategy => strategy,
        };
        let promised = !made_up
            && (with.checked.is_some() || strategy == Strategy::Mmap || status.size >= self.thresholds.mmap_from);
        let before = match with.checked {
            _ if !promised => Observation::of(status),
            Some(stopped) => Observation::settled(file, status, Duration::MAX, stopped)?,
            None => Observation::settled(file, status, MOST_SEARCH_WAIT, &|| false)?,
        };
        let status = before.status;
        // What was read before the first look at the file's times does not count for a promise about them.
        let keep = if promised { 0 } else { read };

        let map = if strategy == Strategy::Mmap { MappedFile::open(file, status.size) } else { None };
        if map.is_none() && strategy == Strategy::Mmap {
            strategy = Strategy::Buffered;
        }
        let mut lost = false;
        let mut stopped = false;
        // A shared read knows its end from the size, so a file that ends sooner has changed, promised or not.
        let mut shared = false;
        let bytes = match strategy {
            Strategy::Mmap | Strategy::Buffered => {
                let bytes = if let Some(map) = &map {
                    map.bytes()
                } else {
                    let slack = self.thresholds.stream_above;
                    let len =
                        buffered::read_whole(file, &mut self.buffer, keep, status.size, slack, short_read_is_end)?;
                    self.buffer.get(len)
                };
                let mapped = map.as_ref().map(|map| Mapped { map, file, before });
                let chunk = Chunk { map: mapped, ..Chunk::of_bytes(bytes) };
                stopped = sink(&chunk).is_break();
                lost = map.as_ref().is_some_and(|map| !map.intact());
                bytes.len() as u64
            }
            Strategy::Stream => {
                let mut sink = |chunk: &Chunk<'_>| {
                    let flow = sink(chunk);
                    stopped |= flow.is_break();
                    flow
                };
                let helpers = with.helpers.filter(|_| short_read_is_end && status.size > SHARED_FROM);
                shared = helpers.is_some();
                match helpers {
                    Some(helpers) => self.read_shared(file, status.size, helpers, &mut sink)?,
                    None => self.read_stream(file, keep, (0, short_read_is_end.then_some(status.size)), &mut sink)?,
                }
            }
        };
        let wrong_length = short_read_is_end && !stopped && bytes != status.size;
        let changed = (promised && (lost || wrong_length || !before.still_holds(file))) || (shared && wrong_length);
        self.give_back();
        Ok(ReadReport { strategy, bytes, status: Some(status), changed })
    }

    fn read_stream(
        &mut self,
        file: HandleRef<'_>,
        keep: usize,
        range: (u64, Option<u64>),
        sink: Sink<'_>,
    ) -> io::Result<u64> {
        let mut emit = |bytes: &[u8], offset, last| {
            // A file that has become shorter may end before the byte that is repeated.
            let repeated = usize::from(offset > 0 && offset == range.0).min(bytes.len());
            sink(&Chunk { repeated, ..Chunk::of_stream(bytes, offset, last) })
        };
        stream::read_chunks(file, &mut self.buffer, keep, self.thresholds.chunk_bytes, range, &mut emit)
    }

    /// Reads a large file in stretches of whole lines, with others if they have nothing better to do. Returns where it
    /// ended.
    fn read_shared(
        &mut self,
        file: HandleRef<'_>,
        size: u64,
        helpers: &dyn Helpers,
        sink: Sink<'_>,
    ) -> io::Result<u64> {
        let head = self.buffer.with_len(HEAD, 0)?;
        let filled = buffered::fill(file, head, 0, 0, true)?;
        let Some(make_look) = helpers.look_at(&head[..filled.len]) else {
            return self.read_stream(file, 0, (0, Some(size)), sink);
        };
        // It holds a descriptor of its own; one reader needs none.
        let Ok(shared) = SharedRead::new(file, size, STRETCH_BYTES, make_look) else {
            return self.read_stream(file, 0, (0, Some(size)), sink);
        };
        helpers.call(std::sync::Arc::downgrade(&shared));
        let mut owner = Owner::new(shared);
        let mut end = 0;
        loop {
            match owner.take()? {
                Taken::Lines(stretch) => {
                    let (bytes, preview) = (stretch.bytes(), Some(stretch.preview));
                    end = stretch.offset + bytes.len() as u64;
                    let chunk = Chunk::of_stream(bytes, stretch.offset, stretch.last);
                    if sink(&Chunk { repeated: stretch.before, preview, ..chunk }).is_break() {
                        return Ok(end);
                    }
                    owner.give_back(stretch);
                }
                Taken::Rest(line) => {
                    drop(owner);
                    return self.read_stream(file, 0, (line.saturating_sub(1), Some(size)), sink);
                }
                Taken::End => return Ok(end),
            }
        }
    }

    /// A buffer that one forced or growing file needed is not kept for the rest of the worker's life.
    fn give_back(&mut self) {
        let streamed = self.thresholds.chunk_bytes.max(FIRST_READ + 1);
        let mapped = usize::try_from(self.thresholds.mmap_from).unwrap_or(usize::MAX);
        self.buffer.shrink_above(streamed.max(mapped.saturating_add(1)));
    }
}

#[cfg(test)]
mod tests;
