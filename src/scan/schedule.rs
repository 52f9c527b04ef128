//! The order of work: which folder is listed next, which files are worked on next, and which result may leave.
//!
//! Every folder, run of files and result has a [`Key`]: the places, source first, on the way down to it. Keys sort as
//! the table's rows do, so the work that lies first is done first, and a result leaves when nothing before it is
//! still to come. The unit of work is a *span*: neighbouring runs of files, where a run ends at a subfolder, because
//! the subfolder's contents stand between the files around it.
//!
//! The schedule is plain data under one lock. It bounds what is ahead: the files that are listed and not yet worked
//! on, the spans that are worked on and have not left, and the bytes of their results. Work at the head of the order is
//! always admitted, so the bounds cannot stop the flow.

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
    /// Work on these entries; those that do not pass the mask are left out.
    Work(Key, Arc<Vec<Run>>, Option<Vec<bool>>),
}

/// A span between its claim and its leaving.
#[derive(Debug)]
struct Slot<T> {
    runs: Arc<Vec<Run>>,
    outputs: VecDeque<(T, usize)>,
    done: bool,
}

/// What leaves at the head.
#[derive(Debug)]
pub enum Leaving<T> {
    /// One result of a span.
    Output(T),
    /// The span is finished; these were its entries.
    Finished(Arc<Vec<Run>>),
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

/// Listed folders ahead of the files that are worked on, in spans.
const LISTED_AHEAD: usize = 32;

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
    passed: BTreeMap<Key, Vec<bool>>,
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
            passed: BTreeMap::new(),
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
        if let Some((key, mask)) = self.passed.pop_first() {
            let runs = Arc::clone(&self.slots.get(&key)?.runs);
            return Some(Task::Work(key, runs, Some(mask)));
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
        // Nothing may be worked on now: walk further ahead, or to the head of the order, whatever waits.
        let folder_is_head = self.folders.first_key_value().is_some_and(|(key, _)| self.is_head(key));
        if self.waiting < listed_ahead * 4 || folder_is_head { self.claim_folder() } else { None }
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
        let within_bounds = self.slots.len() < self.bounds.spans && self.bytes < self.bounds.bytes;
        if !within_bounds && !(self.ordered && self.is_head(first)) {
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
        let runs = Arc::new(runs);
        self.slots.insert(key.clone(), Slot { runs: Arc::clone(&runs), outputs: VecDeque::new(), done: false });
        Some(if self.masked { Task::Describe(key, runs) } else { Task::Work(key, runs, None) })
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
        self.passed.insert(key, mask);
    }

    /// Whether a result of this span may be added now.
    #[must_use]
    pub fn admits(&self, key: &Key) -> bool {
        let empty_head = || self.is_head(key) && self.slots.get(key).is_some_and(|slot| slot.outputs.is_empty());
        self.bytes < self.bounds.bytes || (self.ordered && empty_head())
    }

    /// Add a result of a span.
    pub fn add_output(&mut self, key: &Key, output: T, bytes: usize) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.outputs.push_back((output, bytes));
            self.bytes += bytes;
        }
    }

    /// The span will give no more results.
    pub fn finish_span(&mut self, key: &Key) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.done = true;
        }
    }

    /// What may leave now. `whole`: a span's results leave only when it is finished.
    pub fn leave(&mut self, whole: bool) -> Option<Leaving<T>> {
        let key = if self.ordered {
            let (key, _) = self.slots.first_key_value()?;
            if !self.is_head(key) {
                return None;
            }
            key.clone()
        } else {
            let ready = |slot: &Slot<T>| slot.done || !slot.outputs.is_empty();
            self.slots.iter().find(|(_, slot)| ready(slot)).map(|(key, _)| key.clone())?
        };
        let slot = self.slots.get_mut(&key)?;
        if whole && !slot.done {
            return None;
        }
        if let Some((output, bytes)) = slot.outputs.pop_front() {
            self.bytes -= bytes;
            return Some(Leaving::Output(output));
        }
        if !slot.done {
            return None;
        }
        self.slots.remove(&key).map(|slot| Leaving::Finished(slot.runs))
    }

    /// Whether all work is done and everything has left.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.folders.is_empty() && self.being_listed.is_empty() && self.runs.is_empty() && self.slots.is_empty()
    }
}
