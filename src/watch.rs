//! Monitoring: what changes in a tree, as rows. Watching is a hint, scanning is the truth.
//!
//! The watcher keeps a snapshot of what the files table would show ([`snapshot`]). What the system says ([`watches`])
//! only marks folders ([`dirty`]); when it has been quiet for a moment, those are listed again by the walk of the scans
//! ([`lister`], [`round`]), and the difference ([`difference`]) is what the caller gets. So the changes, applied in turn
//! to the first snapshot, give the tree as it is, whatever the system has told, merged or dropped: where it says that it
//! could not tell everything, everything is listed again.
//!
//! What no watch tells is looked at now and then: what could not be watched, what followed links lead to ([`links`]), the
//! sources themselves ([`roots`]). What could not be looked at for want of descriptors or memory is not taken for gone, and
//! is tried again ([`later`]).
//!
//! One thread does it ([`observer`]). It keeps one answer ready at the most ([`mailbox`]), and rings for it ([`bell`]);
//! while that waits for the caller, what happens is noted as folders to look at, whose number is bounded.

mod bell;
mod difference;
mod dirty;
mod later;
mod links;
mod lister;
mod mailbox;
mod observer;
mod roots;
mod round;
mod snapshot;
mod watches;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub use mailbox::WatchStep;

use crate::error::{Error, ErrorKind, Result};
use crate::scan::{CancelToken, DescribeOptions, Operation, ScanOptions, ScanRequest};
use mailbox::Mailbox;
use observer::Observer;
use roots::Request;

/// What is to be watched.
#[derive(Debug, Clone)]
pub struct WatchRequest {
    /// Where, and which entries: those that a scan with these options describes. How a scan runs (order, threads, time)
    /// does not matter here.
    pub scan: ScanOptions,
    /// How long it must have been quiet before the changes are looked at.
    pub debounce: Duration,
    /// Begin with what is there, as created.
    pub initial: bool,
    /// A token with which another thread can end it.
    pub cancel: Option<CancelToken>,
}

/// Nobody waits longer than this for quiet.
const LONGEST_DEBOUNCE: Duration = Duration::from_hours(24);

/// A running watcher.
#[derive(Debug)]
pub struct Watch {
    mailbox: Arc<Mailbox>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The process whose thread it is.
    process: u32,
}

impl Watch {
    /// Start to watch. What changes from the moment at which [`Watch::wait_started`] has said yes is told.
    ///
    /// # Errors
    /// An argument that cannot be used, a single source that does not exist, or a limit of the system.
    pub fn start(asked: WatchRequest) -> Result<Self> {
        if asked.debounce > LONGEST_DEBOUNCE {
            return Err(Error::argument("debounce", "expected a number of seconds of at most a day, 86400"));
        }
        ScanRequest::new(asked.scan.clone(), Operation::Describe(DescribeOptions::default()))?;
        let mailbox = Arc::new(Mailbox::new()?);
        let request = Request::new(&asked.scan)?;
        let mut observer = Observer::new(asked, request, Arc::clone(&mailbox))?;
        let theirs = Arc::clone(&mailbox);
        let work = move || {
            let done = catch_unwind(AssertUnwindSafe(|| observer.run()));
            // Its descriptors are closed before anybody is told that it has ended.
            drop(observer);
            theirs.end(match done {
                Ok(done) => done.err(),
                Err(panic) => Some(Error::of_panic(panic.as_ref())),
            });
        };
        let thread = std::thread::Builder::new()
            .name("vespera-watch".to_owned())
            .spawn(work)
            .map_err(|error| Error::io("start the thread", b"vespera-watch", error))?;
        Ok(Self { mailbox, thread: Mutex::new(Some(thread)), process: std::process::id() })
    }

    /// Whether the first snapshot stands, waiting for it at most for `time_box`.
    ///
    /// # Errors
    /// Why it could not be taken.
    pub fn wait_started(&self, time_box: Duration) -> Result<bool> {
        self.ensure_own()?;
        self.mailbox.wait_started(time_box)
    }

    /// What has changed, waiting for it at most for `time_box`. Any thread may ask, and close meanwhile.
    ///
    /// # Errors
    /// A cancelled watcher, a failure of the system, a defect; and a forked child's copy.
    pub fn next(&self, time_box: Duration) -> Result<WatchStep> {
        self.ensure_own()?;
        self.mailbox.take(time_box)
    }

    /// Look at everything at once, as after a loss of what the kernel said.
    pub fn rescan(&self) {
        if !self.is_inherited() {
            self.mailbox.ask_rescan();
        }
    }

    /// Whether [`Watch::next`] would find something, waiting for it at most for `time_box`. Nothing is taken.
    ///
    /// # Errors
    /// A forked child's copy.
    pub fn wait_ready(&self, time_box: Duration) -> Result<bool> {
        self.ensure_own()?;
        Ok(self.mailbox.wait_ready(time_box))
    }

    /// A descriptor that is readable while [`Watch::next`] would find something; for event loops.
    #[cfg(unix)]
    #[must_use]
    pub fn descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
        self.mailbox.caller_descriptor()
    }

    /// End it: whoever waits in [`Watch::next`] is told at once. The thread ends by itself and is waited for, but not for
    /// long: it may hang in a file system that does not answer. Dropping waits for its end.
    pub fn close(&self) {
        if !self.is_inherited() && self.mailbox.close(Duration::from_secs(1)) {
            self.join();
        }
    }

    fn join(&self) {
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A panic in it was told already.
            let _ = thread.join();
        }
    }

    /// Whether this is a forked child's copy of its parent's watcher, whose thread stayed behind.
    fn is_inherited(&self) -> bool {
        self.process != std::process::id()
    }

    fn ensure_own(&self) -> Result<()> {
        if self.is_inherited() {
            let text = "a watcher cannot be used in a forked process, which has not its thread; start a new one";
            return Err(Error::new(ErrorKind::Forked, text));
        }
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.is_inherited() {
            return;
        }
        self.close();
        self.join();
    }
}
