//! The order of work: which folder is listed next, which files are worked on next, and which result may leave.
//!
//! Every folder, run of files and result has a [`Key`]: the places, source first, on the way down to it. Keys sort as
//! the table's rows do, so the work that lies first is done first, and a result leaves when nothing before it is
//! still to come. The unit of work is a *span*: neighbouring runs of files, where a run ends at a subfolder, because
//! the subfolder's contents stand between the files around it.
//!
//! The schedule is plain data under one lock. It bounds what is ahead: the files that are listed and not yet worked
//! on, the spans that are worked on and have not left, and the bytes of their results.
//!
//! Why the bounds cannot stop the flow: a worker that holds a result which may not leave yet waits, so it must never
//! be the last one while work before it has not been taken. Hence files are worked on only when no folder, file or
//! answer that waits to be taken lies before them, and work at the head of the order is always admitted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::search::walk::{Listing, PendingFolder, Role};

/// A place in the order of rows.
pub type Key = Vec<u32>;

/// Neighbouring entries of one listing.
#[derive(Debug, Clone)]
pub struct Run {
    /// The listing.
    pub listing: Arc<Listing>,
    /// The first entry.
    pub from: usize,
    /// The entry after the last.
    pub to: usize,
}

impl Run {
    fn len(&self) -> usize {
        self.to - self.from
    }
}

/// Something for a worker to do.
#[derive(Debug)]
pub enum Task {
    /// List this folder.
    List(Key, PendingFolder),
    /// Describe these entries for the caller, who then says which of them pass.
    Describe(Key, Arc<Vec<Run>>),
    /// Work on these entries.
    Work(Key, SpanWork),
}

/// Entries to be worked on.
#[derive(Debug, Clone)]
pub struct SpanWork {
    /// The entries.
    pub runs: Arc<Vec<Run>>,
    /// Which of them pass; `None`: all.
    pub mask: Option<Arc<[bool]>>,
    /// The limit on hits falls into these entries, and so many hits are left for them: they are worked on once more,
    /// to the end, whatever the limits of the scan say by now.
    pub exact_hits: Option<u64>,
}

/// A span between its claim and its leaving.
#[derive(Debug)]
struct Slot<T> {
    work: SpanWork,
    outputs: VecDeque<(T, usize)>,
    stage: Stage,
}

/// How far a span has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is being described, or waits for the caller's answer, or for a worker.
    Claimed,
    /// A worker has it.
    InWork,
    /// A worker has it, but what it finds counts no more.
    Void,
    /// It will give no more results.
    Done,
}

/// What leaves at the head.
#[derive(Debug)]
pub enum Leaving<T> {
    /// One result of a span.
    Output(Key, T),
    /// The span is finished. Its work is given away, so that handles and names are let go outside of the lock.
    Finished(SpanWork),
}

/// How far work may run ahead of what has left.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Entries of the first spans; they double from span to span.
    pub first_span: usize,
    /// The most entries of a span.
    pub most_span: usize,
    /// Spans that have not left.
    pub spans: usize,
    /// Bytes of results that have not left.
    pub bytes: usize,
}

/// How many listed entries wait for a worker, in spans: enough that spans are whole, few enough that the folders'
/// handles are still open when their files are.
const LISTED_AHEAD: usize = 4;

/// The work of one scan.
#[derive(Debug)]
pub struct Schedule<T> {
    ordered: bool,
    masked: bool,
    bounds: Bounds,
    span: usize,
    folders: BTreeMap<Key, PendingFolder>,
    being_listed: BTreeSet<Key>,
    runs: BTreeMap<Key, Run>,
    waiting: usize,
    slots: BTreeMap<Key, Slot<T>>,
    /// Spans that are being described or wait for the caller's answer.
    awaited: BTreeSet<Key>,
    /// Spans that a worker may take: answered, or to be worked on once more.
    ready: BTreeSet<Key>,
    bytes: usize,
}

impl<T> Schedule<T> {
    /// A schedule without work. `masked`: entries are described, and the caller says which pass.
    #[must_use]
    pub fn new(ordered: bool, masked: bool, bounds: Bounds) -> Self {
        Self {
            ordered,
            masked,
            bounds,
            span: bounds.first_span,
            folders: BTreeMap::new(),
            being_listed: BTreeSet::new(),
            runs: BTreeMap::new(),
            waiting: 0,
            slots: BTreeMap::new(),
            awaited: BTreeSet::new(),
            ready: BTreeSet::new(),
            bytes: 0,
        }
    }

    /// Add a folder where a walk starts.
    pub fn add_folder(&mut self, key: Key, folder: PendingFolder) {
        self.folders.insert(key, folder);
    }

    /// Add what a folder turned out to hold.
    pub fn add_listing(&mut self, key: &Key, listing: Listing) {
        self.being_listed.remove(key);
        let listing = Arc::new(listing);
        let place = |at: usize| {
            let mut place = key.clone();
            place.push(u32::try_from(at).unwrap_or(u32::MAX));
            place
        };
        let mut from = 0;
        let entries = listing.entries.len();
        for at in 0..=entries {
            let descends = at < entries && listing.entries[at].role == Role::Descend;
            if (at == entries || descends) && at > from {
                self.waiting += at - from;
                self.runs.insert(place(from), Run { listing: Arc::clone(&listing), from, to: at });
            }
            if descends {
                self.folders.insert(place(at), PendingFolder::below(&listing, &listing.entries[at]));
                from = at + 1;
            }
        }
    }

    /// The next thing to do, if something may be done now.
    pub fn next_task(&mut self) -> Option<Task> {
        if let Some(task) = self.claim_ready() {
            return Some(task);
        }
        let listed_ahead = self.span * LISTED_AHEAD;
        if self.waiting < listed_ahead
            && let Some(task) = self.claim_folder()
        {
            return Some(task);
        }
        if let Some(task) = self.claim_span() {
            return Some(task);
        }
        // Nothing may be worked on now: walk to what comes first, or further ahead, but not without end.
        let holds_up = self.folder_comes_first() && self.has_room();
        let may_list = holds_up || self.waiting < listed_ahead * 4 || self.folder_is_head();
        if may_list { self.claim_folder() } else { None }
    }

    fn has_room(&self) -> bool {
        self.slots.len() < self.bounds.spans && self.bytes < self.bounds.bytes
    }

    /// Whether the first folder to be listed stands before the first files to be worked on.
    fn folder_comes_first(&self) -> bool {
        self.folders
            .first_key_value()
            .is_some_and(|(folder, _)| self.runs.first_key_value().is_none_or(|(run, _)| folder < run))
    }

    fn folder_is_head(&self) -> bool {
        self.folders.first_key_value().is_some_and(|(key, _)| self.is_head(key))
    }

    fn claim_ready(&mut self) -> Option<Task> {
        let key = self.ready.first()?;
        let waits_for = |first: Option<&Key>| self.ordered && first.is_some_and(|first| first < key);
        if waits_for(self.folders.keys().next())
            || waits_for(self.runs.keys().next())
            || waits_for(self.awaited.first())
        {
            return None;
        }
        let key = self.ready.pop_first()?;
        let slot = self.slots.get_mut(&key)?;
        slot.stage = Stage::InWork;
        Some(Task::Work(key, slot.work.clone()))
    }

    fn claim_folder(&mut self) -> Option<Task> {
        let (key, pending) = self.folders.first_key_value()?;
        if pending.in_order && self.being_listed.first().is_some_and(|first| first < key) {
            return None;
        }
        let (key, pending) = self.folders.pop_first()?;
        self.being_listed.insert(key.clone());
        Some(Task::List(key, pending))
    }

    fn claim_span(&mut self) -> Option<Task> {
        let (first, _) = self.runs.first_key_value()?;
        if self.ordered && self.folder_comes_first() {
            return None;
        }
        let may_work = self.has_room() || (self.ordered && self.is_head(first));
        if !may_work {
            return None;
        }
        let (key, mut run) = self.runs.pop_first()?;
        let mut runs = Vec::new();
        let mut room = self.span;
        let mut last = key.clone();
        loop {
            if run.len() > room {
                let cut = run.from + room;
                let mut rest = last.clone();
                if let Some(place) = rest.last_mut() {
                    *place = u32::try_from(cut).unwrap_or(u32::MAX);
                }
                self.runs.insert(rest, Run { listing: Arc::clone(&run.listing), from: cut, to: run.to });
                run.to = cut;
            }
            room -= run.len();
            self.waiting -= run.len();
            runs.push(run);
            let Some((next, _)) = self.runs.first_key_value() else { break };
            if room == 0 || !self.adjacent(&last, next) {
                break;
            }
            let Some((next, next_run)) = self.runs.pop_first() else { break };
            last = next;
            run = next_run;
        }
        self.span = (self.span * 2).min(self.bounds.most_span);
        let work = SpanWork { runs: Arc::new(runs), mask: None, exact_hits: None };
        let stage = if self.masked { Stage::Claimed } else { Stage::InWork };
        self.slots.insert(key.clone(), Slot { work: work.clone(), outputs: VecDeque::new(), stage });
        Some(if self.masked {
            self.awaited.insert(key.clone());
            Task::Describe(key, work.runs)
        } else {
            Task::Work(key, work)
        })
    }

    /// Whether nothing that is still to come lies between two places.
    fn adjacent(&self, a: &Key, b: &Key) -> bool {
        !self.ordered
            || (self.folders.range::<Key, _>(a..b).next().is_none()
                && self.being_listed.range::<Key, _>(a..b).next().is_none()
                && self.slots.range::<Key, _>(a..b).next().is_none())
    }

    /// Whether nothing lies before this place.
    fn is_head(&self, key: &Key) -> bool {
        self.folders.first_key_value().is_none_or(|(first, _)| key <= first)
            && self.being_listed.first().is_none_or(|first| key <= first)
            && self.runs.first_key_value().is_none_or(|(first, _)| key <= first)
            && self.slots.first_key_value().is_none_or(|(first, _)| key <= first)
    }

    /// The caller's answer: which entries of a described span pass.
    pub fn pass(&mut self, key: Key, mask: Vec<bool>) {
        if self.awaited.remove(&key)
            && let Some(slot) = self.slots.get_mut(&key)
        {
            slot.work.mask = Some(mask.into());
            self.ready.insert(key);
        }
    }

    /// Whether a result of this span may be added now.
    #[must_use]
    pub fn admits(&self, key: &Key) -> bool {
        let Some(slot) = self.slots.get(key) else { return true };
        self.bytes < self.bounds.bytes
            || slot.stage == Stage::Void
            || (self.ordered && slot.outputs.is_empty() && self.is_head(key))
    }

    /// Add a result of a span.
    pub fn add_output(&mut self, key: &Key, output: T, bytes: usize) {
        if let Some(slot) = self.slots.get_mut(key)
            && slot.stage != Stage::Void
        {
            slot.outputs.push_back((output, bytes));
            self.bytes += bytes;
        }
    }

    /// The span will give no more results.
    pub fn finish_span(&mut self, key: &Key) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        if slot.stage == Stage::Void {
            slot.stage = Stage::Claimed;
            self.ready.insert(key.clone());
        } else {
            slot.stage = Stage::Done;
        }
    }

    /// The limit on hits falls into the span at the head, with so many hits left for it: that span and what was found
    /// after it is worked on once more.
    pub fn work_again(&mut self, head: &Key, hits: u64) {
        for (key, slot) in &mut self.slots {
            self.bytes -= slot.outputs.drain(..).map(|(_, bytes)| bytes).sum::<usize>();
            if key == head {
                slot.work.exact_hits = Some(hits);
            }
            match slot.stage {
                Stage::Claimed | Stage::Void => {}
                Stage::InWork => slot.stage = Stage::Void,
                Stage::Done => {
                    slot.stage = Stage::Claimed;
                    self.ready.insert(key.clone());
                }
            }
        }
    }

    /// The span of which something may leave now.
    fn leaving(&self) -> Option<&Key> {
        let has_something = |slot: &Slot<T>| slot.stage == Stage::Done || !slot.outputs.is_empty();
        if self.ordered {
            self.slots.first_key_value().filter(|(key, slot)| has_something(slot) && self.is_head(key))
        } else {
            self.slots.iter().find(|(_, slot)| has_something(slot))
        }
        .map(|(key, _)| key)
    }

    /// Whether something may leave now.
    #[must_use]
    pub fn may_leave(&self) -> bool {
        self.leaving().is_some()
    }

    /// What may leave now.
    pub fn leave(&mut self) -> Option<Leaving<T>> {
        let key = self.leaving()?.clone();
        let slot = self.slots.get_mut(&key)?;
        if let Some((output, bytes)) = slot.outputs.pop_front() {
            self.bytes -= bytes;
            return Some(Leaving::Output(key, output));
        }
        self.slots.remove(&key).map(|slot| Leaving::Finished(slot.work))
    }

    /// Whether all work is done and everything has left.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.folders.is_empty() && self.being_listed.is_empty() && self.runs.is_empty() && self.slots.is_empty()
    }
}

#[cfg(test)]
mod tests;
