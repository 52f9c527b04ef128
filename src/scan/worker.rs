//! What every worker thread does: take the next task, list or work, and hand results over.

use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use arrow_array::RecordBatch;

use super::control::{Control, Reach};
use super::crew::{Crew, Hired, Pace};
use super::extraction::{Answer, ExtractRequest, Extracted};
use super::neglect::Neglect;
use super::schedule::{Key, Run, Schedule, SpanWork, Task};
use super::signal::Signal;
use super::summary::Summary;
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;
use crate::io::root::{AsHandle, HandleRef};
use crate::io::shared_read::SharedRead;
use crate::search::walk::{Entry, Folder, FolderHandle, Listing, ListingBuffers, Walker};
use crate::table::{Table, bytes_of};

/// One result of a span: a batch of each table that has rows, and the counts that belong to them.
#[derive(Debug, Default)]
pub struct Output {
    /// The batches.
    pub batches: Vec<(Table, RecordBatch)>,
    /// What was counted.
    pub summary: Summary,
}

impl Output {
    fn bytes(&self) -> usize {
        self.batches.iter().map(|(_, batch)| bytes_of(batch)).sum()
    }
}

/// How large a batch becomes before it is handed over.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimit {
    /// So many rows at the most.
    pub rows: usize,
    /// And about so many bytes.
    pub bytes: usize,
}

impl BatchLimit {
    /// Of a worker that has a core.
    const OF_CORES: Self = Self { rows: 65_536, bytes: 16 << 20 };
    /// Of a worker that was hired: there may be many of them, and all their batches together are to be no more.
    const OF_HIRED: Self = Self { rows: 2_048, bytes: 512 << 10 };

    /// Whether a batch of so many rows and bytes is handed over.
    pub fn is_reached(self, rows: usize, bytes: usize) -> bool {
        rows >= self.rows || bytes >= self.bytes
    }
}

/// An operation's way to the rest of its scan.
pub trait Outbox {
    /// How large a batch becomes here.
    fn batch_limit(&self) -> BatchLimit;
    /// Hand over a result; waits while too much is waiting to leave. Break: nobody wants more.
    fn send(&self, output: Output) -> ControlFlow<()>;
    /// Here is something that workers may help with who have nothing else to do.
    fn call_for_help(&self, work: Weak<SharedRead>);
    /// Ask the caller for the text of a content, and wait for it. Nothing: the scan has ended.
    fn extract(&self, suffix: usize, path: Vec<u8>, content: Vec<u8>) -> Option<Extracted>;
}

/// An entry in front of an operation.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// The listing it stands in.
    pub listing: &'a Listing,
    /// The entry.
    pub entry: &'a Entry,
    /// Its folder, which is opened when somebody asks for the handle.
    folder: &'a OpenedOnce<'a>,
    /// How far the scan still goes.
    pub reach: Reach,
}

impl Item<'_> {
    /// The handle of its folder.
    ///
    /// # Errors
    /// Why the folder could not be opened, to all who ask.
    pub fn folder(&self) -> std::result::Result<HandleRef<'_>, &Error> {
        self.folder.handle.get_or_init(|| self.folder.open()).as_ref().map(AsHandle::as_handle)
    }
}

/// The folder of a run of entries.
struct OpenedOnce<'a> {
    folder: &'a Folder,
    /// Whether the scan goes so far.
    may_open: bool,
    handle: OnceCell<Result<FolderHandle<'a>>>,
}

impl<'a> OpenedOnce<'a> {
    fn open(&self) -> Result<FolderHandle<'a>> {
        if self.may_open {
            self.folder.open().map_err(|error| Error::io("open folder", &self.folder.shown, error))
        } else {
            Err(Error::new(ErrorKind::Cancelled, "not reached"))
        }
    }
}

/// What is done with entries. Each worker has its own.
pub trait Operate: Send {
    /// A span begins. `exact_hits`: so many hits are left for it, and it is worked on to its end.
    fn begin(&mut self, control: &Control, exact_hits: Option<u64>);
    /// Work on one entry. A failure is a defect and ends the scan; what is wrong with a file is a row.
    fn work(&mut self, item: &Item<'_>, control: &Control, outbox: &dyn Outbox) -> Result<ControlFlow<()>>;
    /// The span is over: hand over what is left.
    fn finish(&mut self, outbox: &dyn Outbox) -> Result<ControlFlow<()>>;
}

/// Entries that wait for the caller to say which of them pass.
#[derive(Debug)]
pub struct MaskRequest {
    /// Their span.
    pub key: Key,
    /// One row an entry.
    pub rows: RecordBatch,
}

/// What is under the lock.
pub struct State {
    /// The work.
    pub schedule: Schedule<Output>,
    /// Spans that wait for a mask, in the order in which they were described.
    pub mask_requests: VecDeque<MaskRequest>,
    /// Workers that wait for a text.
    pub extract_requests: VecDeque<ExtractRequest>,
    /// The first failure that ends the scan.
    pub failure: Option<Error>,
    /// Large files that workers are reading, where others may help.
    help_wanted: Vec<Weak<SharedRead>>,
}

/// What a worker does next.
enum Next {
    /// Its own task.
    Task(Task),
    /// Somebody else's.
    Help(Arc<SharedRead>),
}

/// What workers and caller share.
pub struct Shared {
    /// The signals.
    pub control: Control,
    /// Lists folders.
    pub walker: Walker,
    /// The threads.
    pub crew: Crew,
    /// Whether the caller still asks.
    pub neglect: Neglect,
    state: Mutex<State>,
    /// Work may have become available.
    pub work: Signal,
    /// Something may have become ready to leave.
    pub ready: Signal,
}

impl State {
    /// Whether the caller would find something; most folders that are listed change nothing for it.
    fn has_news(&self) -> bool {
        let asks = !self.mask_requests.is_empty() || !self.extract_requests.is_empty();
        self.failure.is_some() || asks || self.schedule.may_leave() || self.schedule.is_over()
    }
}

impl Shared {
    /// The shared state over this work.
    pub fn new(control: Control, walker: Walker, crew: Crew, schedule: Schedule<Output>) -> Self {
        let (mask_requests, extract_requests) = (VecDeque::new(), VecDeque::new());
        let state = State { schedule, mask_requests, extract_requests, failure: None, help_wanted: Vec::new() };
        Self {
            control,
            walker,
            crew,
            neglect: Neglect::new(),
            state: Mutex::new(state),
            work: Signal::default(),
            ready: Signal::default(),
        }
    }

    /// Lock the state.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: Error) {
        let mut state = self.state();
        state.failure.get_or_insert(error);
        // Under the lock, so that no worker is between its look at the signal and its wait.
        self.control.lower(Reach::Closed);
        drop(state);
        self.work.notify_all();
        self.ready.notify_all();
    }

    /// What to do next; waits for it. `None`: there will be nothing.
    fn next(&self, pace: &RefCell<Pace<'_>>) -> Option<Next> {
        let mut state = self.state();
        loop {
            if self.control.reach() == Reach::Closed {
                return None;
            }
            if let Some(task) = state.schedule.next_task() {
                return Some(Next::Task(task));
            }
            if state.schedule.is_over() {
                return None;
            }
            let work = || state.help_wanted.iter().filter_map(Weak::upgrade).filter(|work| !work.is_over());
            if let Some(work) = work().find(|work| work.has_room()).or_else(|| work().next()) {
                return Some(Next::Help(work));
            }
            let since = Instant::now();
            state = self.work.wait(state, self.neglect.patience());
            pace.borrow_mut().add_wait(since.elapsed());
            self.neglect.look();
        }
    }
}

/// Hands the results of one span to the schedule.
struct SpanOutbox<'a, 'b> {
    shared: &'a Shared,
    key: &'a Key,
    pace: &'a RefCell<Pace<'b>>,
}

impl Outbox for SpanOutbox<'_, '_> {
    fn batch_limit(&self) -> BatchLimit {
        if self.pace.borrow().is_hired() { BatchLimit::OF_HIRED } else { BatchLimit::OF_CORES }
    }

    fn send(&self, output: Output) -> ControlFlow<()> {
        let bytes = output.bytes();
        self.shared.neglect.look();
        let mut state = self.shared.state();
        while !state.schedule.admits(self.key) {
            if self.shared.control.reach() == Reach::Closed {
                return ControlFlow::Break(());
            }
            let since = Instant::now();
            state = self.shared.work.wait(state, self.shared.neglect.patience());
            self.pace.borrow_mut().add_wait(since.elapsed());
            self.shared.neglect.look();
        }
        state.schedule.add_output(self.key, output, bytes);
        drop(state);
        self.shared.ready.notify_all();
        ControlFlow::Continue(())
    }

    fn call_for_help(&self, work: Weak<SharedRead>) {
        let mut state = self.shared.state();
        state.help_wanted.retain(|work| work.strong_count() > 0);
        state.help_wanted.push(work);
        drop(state);
        self.shared.work.notify_all();
    }

    fn extract(&self, suffix: usize, path: Vec<u8>, content: Vec<u8>) -> Option<Extracted> {
        let answer = Answer::default();
        let mut state = self.shared.state();
        state.extract_requests.push_back(ExtractRequest { suffix, path, content, answer: answer.clone() });
        self.shared.ready.notify_all();
        loop {
            if let Some(extracted) = answer.take() {
                return Some(extracted);
            }
            if self.shared.control.reach() == Reach::Closed {
                return None;
            }
            let since = Instant::now();
            state = self.shared.work.wait(state, self.shared.neglect.patience());
            self.pace.borrow_mut().add_wait(since.elapsed());
            self.shared.neglect.look();
        }
    }
}

/// A worker looks at how it spends its time after so many entries; each look asks for the time.
const LOOK_AFTER: usize = 16;

/// Describes the entries of a span for the caller's predicate.
pub type Describe = Box<dyn FnMut(&[Run]) -> Result<RecordBatch> + Send>;

/// Work until there is none. `hired`: only as long as the others wait for a disk.
pub fn run(
    shared: &Arc<Shared>,
    mut operation: Box<dyn Operate>,
    mut describe: Option<Describe>,
    hired: Option<Hired>,
) {
    let mut buffers = ListingBuffers::default();
    let pace = RefCell::new(Pace::new(shared, hired));
    while !pace.borrow().leaves()
        && let Some(next) = shared.next(&pace)
    {
        let done = catch_unwind(AssertUnwindSafe(|| match next {
            Next::Help(work) => {
                pace.borrow_mut().add_wait(work.help());
                Ok(())
            }
            Next::Task(Task::List(key, pending)) => {
                let stopped = || matches!(shared.control.reach(), Reach::Stopped | Reach::Closed);
                let listing = shared.walker.list(&pending, &mut buffers, &stopped);
                shared.state().schedule.add_listing(&key, listing);
                Ok(())
            }
            Next::Task(Task::Describe(key, runs)) => describe.as_mut().map_or(Ok(()), |describe| {
                let rows = describe(&runs)?;
                shared.state().mask_requests.push_back(MaskRequest { key, rows });
                Ok(())
            }),
            Next::Task(Task::Work(key, span)) => {
                let outbox = SpanOutbox { shared, key: &key, pace: &pace };
                work_on(&span, operation.as_mut(), &shared.control, &outbox, &|| pace.borrow_mut().look())?;
                shared.state().schedule.finish_span(&key);
                Ok(())
            }
        }));
        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) => shared.fail(error),
            Err(panic) => shared.fail(Error::of_panic(panic.as_ref())),
        }
        shared.work.notify_all();
        if shared.state().has_news() {
            shared.ready.notify_all();
        }
        pace.borrow_mut().look();
    }
}

/// Work on the entries of one span, and look up now and then. An error is a defect of the operation.
fn work_on(
    span: &SpanWork,
    operation: &mut dyn Operate,
    control: &Control,
    outbox: &dyn Outbox,
    look: &dyn Fn(),
) -> Result<()> {
    operation.begin(control, span.exact_hits);
    FailPoint::Span.pass();
    let mut defect = None;
    let reach = || match control.reach() {
        Reach::Limit | Reach::Stopped if span.exact_hits.is_some() => Reach::Full,
        reach => reach,
    };
    let mut entries = 0_usize;
    let flow = each_entry(&span.runs, span.mask.as_deref(), reach, |item| {
        entries += 1;
        if entries.is_multiple_of(LOOK_AFTER) {
            look();
        }
        operation.work(item, control, outbox).unwrap_or_else(|error| {
            defect = Some(error);
            ControlFlow::Break(())
        })
    });
    if let Some(defect) = defect {
        return Err(defect);
    }
    if flow.is_continue() {
        let _ = operation.finish(outbox)?;
    }
    Ok(())
}

/// Show every entry of a span that passes, with the handle of its folder.
pub fn each_entry(
    runs: &[Run],
    mask: Option<&[bool]>,
    reach: impl Fn() -> Reach,
    mut visit: impl FnMut(&Item<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut row = 0;
    for run in runs {
        let entries = &run.listing.entries[run.from..run.to];
        let first_row = row;
        row += entries.len();
        let passes = |at: usize| mask.is_none_or(|mask| mask.get(first_row + at).copied().unwrap_or(false));
        if !(0..entries.len()).any(passes) {
            continue;
        }
        // With the limit on hits used up, files are still described.
        let may_open = matches!(reach(), Reach::Full | Reach::Limit);
        let folder = OpenedOnce { folder: &run.listing.folder, may_open, handle: OnceCell::new() };
        for (_, entry) in entries.iter().enumerate().filter(|(at, _)| passes(*at)) {
            let reach = reach();
            if reach == Reach::Closed {
                return ControlFlow::Break(());
            }
            visit(&Item { listing: &run.listing, entry, folder: &folder, reach })?;
        }
    }
    ControlFlow::Continue(())
}
