//! A large file that several threads read at once, in stretches of whole lines.
//!
//! A stretch fits into a core's own cache, and whoever reads one looks at it while it lies there: it counts the lines
//! and says whether the stretch must be looked at again. The file's owner takes the stretches in their order and works
//! on those that must, so what comes out does not depend on who read what, or on whether anybody helped.
//!
//! A line belongs to the stretch in which it begins. Who reads a stretch reads on to the end of its last line, but not
//! without end: at a line that is longer than a stretch the sharing ends, and the owner goes on alone from there.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use memchr::memchr;

use super::buffered::{fill, zeroed};
use super::root::{AsHandle, Handle, HandleRef, duplicate};

/// How long a stretch is: half of what a core's own cache holds today, or less.
pub(super) const STRETCH_BYTES: usize = 256 << 10;
/// How many stretches may be read and not yet taken.
const AHEAD: u64 = 8;
/// Most lines end within so many bytes; those that do not are read on for.
const TAIL_BYTES: usize = 4 << 10;
/// How long a helper waits for room before it looks for other work.
const PATIENCE: Duration = Duration::from_millis(10);

/// What a look at a stretch found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preview {
    /// How many `\n` its lines have.
    pub newlines: u64,
    /// Whether the lines themselves are wanted, or it is enough to know how many they are.
    pub wanted: bool,
}

/// Looks at whole lines: the bytes, where in them the lines begin (one byte in, unless the file begins there), and
/// whether the file ends with them.
pub type Look = Box<dyn FnMut(&[u8], usize, bool) -> Preview>;

/// Makes a look for one more thread.
pub type MakeLook = Box<dyn Fn() -> Look + Send + Sync>;

/// Who helps to read a large file.
pub trait Helpers {
    /// How the stretches of a file are looked at that begins so; `None`: it is not to be read in stretches.
    fn look_at(&self, head: &[u8]) -> Option<MakeLook>;
    /// Here is something to help with, as long as its owner keeps it.
    fn call(&self, work: Weak<SharedRead>);
}

/// Whole lines that were read.
#[derive(Debug)]
pub(super) struct Stretch {
    buffer: Vec<u8>,
    /// What of the buffer is shown: the lines, and what stands before them.
    shown: Range<usize>,
    /// How many bytes are shown before the lines: one, or none at the file's start.
    pub(super) before: usize,
    /// Where in the file that begins which is shown.
    pub(super) offset: u64,
    pub(super) last: bool,
    pub(super) preview: Preview,
}

impl Stretch {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.shown.clone()]
    }
}

/// What became of a stretch.
#[derive(Debug)]
enum Outcome {
    Lines(Stretch),
    /// No line begins in it.
    Nothing(Vec<u8>),
    /// The last line that begins in this stretch is too long; its first line begins here.
    TooLong(u64),
    /// The file has become shorter.
    Shorter,
    Failed(io::Error),
}

/// What the owner takes.
#[derive(Debug)]
pub(super) enum Taken {
    Lines(Stretch),
    /// All lines from here on are left to the owner.
    Rest(u64),
    /// There are no more, because the file ends here or has become shorter.
    End,
}

/// The reading of one file.
pub struct SharedRead {
    file: Handle,
    size: u64,
    stretch_bytes: usize,
    make_look: MakeLook,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    /// Stretches before this one are being read or were.
    claimed: u64,
    /// Stretches before this one were taken by the owner.
    taken: u64,
    /// Those between: what became of them, once they were read.
    read: VecDeque<Option<Outcome>>,
    spare: Vec<Vec<u8>>,
    closed: bool,
    /// Threads that wait for a change; where there are none, nobody is told.
    waiting: usize,
}

impl SharedRead {
    /// Nothing read yet. It holds the file open for itself, because helpers may outlive the owner's interest.
    pub(super) fn new(
        file: HandleRef<'_>,
        size: u64,
        stretch_bytes: usize,
        make_look: MakeLook,
    ) -> io::Result<Arc<Self>> {
        let file = duplicate(file)?;
        let (progress, changed) = (Mutex::default(), Condvar::new());
        Ok(Arc::new(Self { file, size, stretch_bytes, make_look, progress, changed }))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, mut progress: MutexGuard<'a, Progress>, most: Option<Duration>) -> MutexGuard<'a, Progress> {
        progress.waiting += 1;
        let mut progress = match most {
            Some(most) => self.changed.wait_timeout(progress, most).unwrap_or_else(PoisonError::into_inner).0,
            None => self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner),
        };
        progress.waiting -= 1;
        progress
    }

    fn tell(&self, progress: &Progress) {
        if progress.waiting > 0 {
            self.changed.notify_all();
        }
    }

    fn stretches(&self) -> u64 {
        self.size.div_ceil(self.stretch_bytes as u64)
    }

    /// Whether there is nothing left to help with.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let progress = self.progress();
        progress.closed || progress.claimed >= self.stretches()
    }

    /// Whether a helper would find something to do now.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let progress = self.progress();
        !progress.closed && progress.claimed < self.stretches() && progress.claimed - progress.taken < AHEAD
    }

    /// Help until there is nothing to help with, or no room for a while. Returns how long it waited for room.
    pub fn help(&self) -> Duration {
        let mut look = None;
        let mut waited = Duration::ZERO;
        let mut progress = self.progress();
        loop {
            if let Some((claim, buffer)) = self.claim(&mut progress) {
                drop(progress);
                claim.put(self.read(claim.stretch, buffer, look.get_or_insert_with(|| (self.make_look)())));
                progress = self.progress();
            } else if progress.closed || progress.claimed >= self.stretches() || waited >= PATIENCE {
                return waited;
            } else {
                let since = Instant::now();
                progress = self.wait(progress, Some(PATIENCE.saturating_sub(waited)));
                waited += since.elapsed();
            }
        }
    }

    fn claim(&self, progress: &mut Progress) -> Option<(Claim<'_>, Vec<u8>)> {
        let ahead = progress.claimed - progress.taken;
        if progress.closed || progress.claimed >= self.stretches() || ahead >= AHEAD {
            return None;
        }
        let claim = Claim { shared: self, stretch: progress.claimed };
        progress.claimed += 1;
        progress.read.push_back(None);
        Some((claim, progress.spare.pop().unwrap_or_default()))
    }

    fn read(&self, stretch: u64, buffer: Vec<u8>, look: &mut Look) -> Outcome {
        self.read_lines(stretch, buffer, look).unwrap_or_else(Outcome::Failed)
    }

    fn read_lines(&self, stretch: u64, mut buffer: Vec<u8>, look: &mut Look) -> io::Result<Outcome> {
        let room = 2 * self.stretch_bytes + 1;
        if buffer.is_empty() {
            buffer = zeroed(room as u64)?;
        }
        // With the byte before it, which says whether a line begins with its first.
        let start = stretch * self.stretch_bytes as u64;
        let from = start.saturating_sub(1);
        let in_buffer = |at: u64| usize::try_from(at - from).unwrap_or(usize::MAX).min(room);
        let end = in_buffer(self.size.min(start + self.stretch_bytes as u64));
        let file_end = in_buffer(self.size);
        let mut len = 0;
        let mut read_to = |buffer: &mut [u8], to: usize| -> io::Result<bool> {
            let filled = fill(self.file.as_handle(), &mut buffer[..to], len, from + len as u64, true)?;
            len = filled.len;
            Ok(!filled.ended)
        };
        let mut to = file_end.min(end + TAIL_BYTES);
        if !read_to(&mut buffer, to)? {
            return Ok(Outcome::Shorter);
        }
        let first = if start == 0 { Some(0) } else { memchr(b'\n', &buffer[..end - 1]).map(|at| at + 1) };
        let Some(first) = first else { return Ok(Outcome::Nothing(buffer)) };
        let mut looked_to = end - 1;
        let lines_end = loop {
            if let Some(at) = memchr(b'\n', &buffer[looked_to..to]) {
                break looked_to + at + 1;
            }
            if from + to as u64 == self.size {
                break to;
            }
            if to == room {
                return Ok(Outcome::TooLong(from + first as u64));
            }
            looked_to = to;
            to = file_end.min(to + self.stretch_bytes / 4 + 1);
            if !read_to(&mut buffer, to)? {
                return Ok(Outcome::Shorter);
            }
        };
        let before = usize::from(first > 0);
        let last = from + lines_end as u64 == self.size;
        let shown = first - before..lines_end;
        let preview = look(&buffer[shown.clone()], before, last);
        let offset = from + shown.start as u64;
        Ok(Outcome::Lines(Stretch { buffer, shown, before, offset, last, preview }))
    }
}

impl std::fmt::Debug for SharedRead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedRead").field("size", &self.size).finish_non_exhaustive()
    }
}

/// A stretch that a thread has undertaken to read.
struct Claim<'a> {
    shared: &'a SharedRead,
    stretch: u64,
}

impl Claim<'_> {
    fn put(&self, outcome: Outcome) {
        let mut progress = self.shared.progress();
        let place = self.stretch.checked_sub(progress.taken).and_then(|place| usize::try_from(place).ok());
        if let Some(slot) = place.and_then(|place| progress.read.get_mut(place)) {
            slot.get_or_insert(outcome);
        }
        self.shared.tell(&progress);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Only what was not put already: by a thread whose look at it panicked. The owner must not wait for it.
        if std::thread::panicking() {
            self.put(Outcome::Failed(io::Error::other("a helper panicked")));
        }
    }
}

/// The owner's end of a shared read; when it is dropped, helpers leave.
pub(super) struct Owner {
    shared: Arc<SharedRead>,
    look: Look,
}

impl Owner {
    pub(super) fn new(shared: Arc<SharedRead>) -> Self {
        let look = (shared.make_look)();
        Self { shared, look }
    }

    /// The next lines; reads some if nobody else does.
    pub(super) fn take(&mut self) -> io::Result<Taken> {
        let shared = &self.shared;
        let mut progress = shared.progress();
        loop {
            if let Some(outcome) = progress.read.front_mut().and_then(Option::take) {
                progress.read.pop_front();
                progress.taken += 1;
                shared.tell(&progress);
                match outcome {
                    Outcome::Lines(stretch) => return Ok(Taken::Lines(stretch)),
                    Outcome::Nothing(buffer) => progress.spare.push(buffer),
                    Outcome::TooLong(offset) => return Ok(Taken::Rest(offset)),
                    Outcome::Shorter => return Ok(Taken::End),
                    Outcome::Failed(error) => return Err(error),
                }
            } else if let Some((claim, buffer)) = shared.claim(&mut progress) {
                drop(progress);
                claim.put(shared.read(claim.stretch, buffer, &mut self.look));
                progress = shared.progress();
            } else if progress.taken >= shared.stretches() {
                return Ok(Taken::End);
            } else {
                progress = shared.wait(progress, None);
            }
        }
    }

    /// The lines have been worked on.
    pub(super) fn give_back(&self, stretch: Stretch) {
        self.shared.progress().spare.push(stretch.buffer);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut progress = self.shared.progress();
        progress.closed = true;
        progress.read.clear();
        progress.spare.clear();
        self.shared.tell(&progress);
    }
}

#[cfg(test)]
mod tests;
