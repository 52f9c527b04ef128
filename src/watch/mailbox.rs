//! What lies between the watcher's thread and its caller: room for one answer, and the two ways to wake each other.
//!
//! There is no queue. While an answer waits to be taken, what happens is only noted as places to look at again.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;

use super::bell::{CallerBell, ThreadBell};
use crate::error::{Error, Result};

/// What the caller finds.
#[derive(Debug)]
pub enum WatchStep {
    /// The rows of one look, in as many record batches as their size asks for.
    Batch(Vec<RecordBatch>),
    /// Nothing within the time box.
    Idle,
    /// The watcher is closed.
    End,
}

// Four things that are so or not, each by itself.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default)]
struct State {
    answer: Option<Vec<RecordBatch>>,
    /// The first snapshot stands.
    started: bool,
    closed: bool,
    /// The thread has ended.
    ended: bool,
    failure: Option<Error>,
    /// The caller wants everything looked at.
    rescan: bool,
}

/// The shared state.
#[derive(Debug)]
pub struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
    /// Rings when the thread is to look up.
    for_thread: Arc<ThreadBell>,
    /// Rings while the caller would find something: it is rung and silenced with the state locked, because a ring that
    /// comes after its answer was taken would never be silenced.
    for_caller: CallerBell,
}

impl Mailbox {
    /// An empty one.
    ///
    /// # Errors
    /// If the system gives no more descriptors.
    pub fn new() -> Result<Self> {
        let (for_thread, for_caller) = (Arc::new(ThreadBell::new()?), CallerBell::new()?);
        Ok(Self { state: Mutex::default(), changed: Condvar::new(), for_thread, for_caller })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wait until `has` says that the state has it, at most until the time.
    fn wait(&self, until: Instant, has: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.state();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if has(&state) || left.is_zero() {
                return state;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The caller's side: what there is, waiting at most for `time_box`.
    pub fn take(&self, time_box: Duration) -> Result<WatchStep> {
        let until = Instant::now() + time_box;
        let mut state = self.wait(until, |state| state.answer.is_some() || state.closed || state.ended);
        if state.closed {
            return Ok(WatchStep::End);
        }
        if let Some(error) = &state.failure {
            return Err(error.clone());
        }
        if let Some(answer) = state.answer.take() {
            if !state.ended {
                self.for_caller.silence();
            }
            drop(state);
            self.for_thread.ring();
            return Ok(WatchStep::Batch(answer));
        }
        Ok(if state.ended { WatchStep::End } else { WatchStep::Idle })
    }

    /// The caller's side: whether [`Mailbox::take`] would find something, waiting for it at most for `time_box`.
    pub fn wait_ready(&self, time_box: Duration) -> bool {
        let has = |state: &State| state.answer.is_some() || state.closed || state.ended;
        has(&self.wait(Instant::now() + time_box, has))
    }

    /// The caller's side: whether the first snapshot stands, waiting at most for `time_box`.
    pub fn wait_started(&self, time_box: Duration) -> Result<bool> {
        let state = self.wait(Instant::now() + time_box, |state| state.started || state.ended);
        match &state.failure {
            Some(error) => Err(error.clone()),
            None => Ok(state.started || state.ended),
        }
    }

    /// The caller's side: nothing more is wanted. Waits for the thread, at most for `time_box`; whether it has ended.
    pub fn close(&self, time_box: Duration) -> bool {
        let mut state = self.state();
        state.closed = true;
        self.for_caller.ring();
        drop(state);
        self.changed.notify_all();
        self.for_thread.ring();
        self.wait(Instant::now() + time_box, |state| state.ended).ended
    }

    /// The caller's side: everything is to be looked at.
    pub fn ask_rescan(&self) {
        self.state().rescan = true;
        self.for_thread.ring();
    }

    /// Readable when [`Mailbox::take`] would find something.
    #[cfg(unix)]
    pub fn caller_descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
        self.for_caller.descriptor()
    }

    /// The thread's side: what rings when it is to look up.
    pub fn thread_bell(&self) -> &Arc<ThreadBell> {
        &self.for_thread
    }

    /// The thread's side: whether it is to end.
    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// The thread's side: whether an answer waits to be taken.
    pub fn is_full(&self) -> bool {
        self.state().answer.is_some()
    }

    /// The thread's side: whether the caller wants everything looked at.
    pub fn take_rescan(&self) -> bool {
        std::mem::take(&mut self.state().rescan)
    }

    /// The thread's side: the first snapshot stands.
    pub fn start(&self) {
        self.state().started = true;
        self.changed.notify_all();
    }

    /// The thread's side: here is an answer.
    pub fn put(&self, answer: Vec<RecordBatch>) {
        let mut state = self.state();
        state.answer = Some(answer);
        self.for_caller.ring();
        drop(state);
        self.changed.notify_all();
    }

    /// The thread's side: it ends.
    pub fn end(&self, failure: Option<Error>) {
        let mut state = self.state();
        state.ended = true;
        state.failure = failure;
        self.for_caller.ring();
        drop(state);
        self.changed.notify_all();
    }
}

#[cfg(all(test, unix))]
mod tests;
