//! Ctrl-C while Rust works on the thread that called.
//!
//! A write is too short for a thread of its own, which would take longer than the write. So the work itself asks now and
//! then whether to go on, and takes the interpreter for that.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::errors::raised;
use super::options::PyCancelToken;
use crate::error::Result;
use crate::scan::CancelToken;

/// How often signals are looked for: an effect within 0.1 s is promised, and the interpreter may be busy.
const LOOK_EVERY: Duration = Duration::from_millis(25);

struct Signals {
    next_look: Instant,
    raised: Option<PyErr>,
}

/// Run `work` without the interpreter; a signal or the token ends it.
pub fn interruptible_here<T: Send>(
    py: Python<'_>,
    cancel: Option<PyCancelToken>,
    work: impl FnOnce(&dyn Fn() -> bool) -> Result<T> + Send,
) -> PyResult<T> {
    let token: CancelToken = cancel.map(|token| token.0).unwrap_or_default();
    let signals = Mutex::new(Signals { next_look: Instant::now() + LOOK_EVERY, raised: None });
    let stopped = || token.is_cancelled() || signals.lock().unwrap_or_else(PoisonError::into_inner).look();
    let done = py.detach(|| work(&stopped));
    match signals.into_inner().unwrap_or_else(PoisonError::into_inner).raised {
        Some(error) => Err(error),
        None => done.map_err(|error| raised(&error)),
    }
}

impl Signals {
    /// Whether a handler raised.
    fn look(&mut self) -> bool {
        if self.raised.is_none() && Instant::now() >= self.next_look {
            // Clippy's shorter form is not general enough in its lifetime.
            #[allow(clippy::redundant_closure_for_method_calls)]
            let looked = Python::attach(|py| py.check_signals());
            self.raised = looked.err();
            self.next_look = Instant::now() + LOOK_EVERY;
        }
        self.raised.is_some()
    }
}
