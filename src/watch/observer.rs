//! The watcher's thread: it hears what the kernel says, waits until it is quiet, looks, and hands over what it found.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;

use super::WatchRequest;
use super::difference::Change;
use super::dirty::{Depth, Dirty};
use super::later::{Later, is_shortage};
use super::links;
use super::lister::Lister;
use super::mailbox::Mailbox;
use super::roots::{Check, Place, Request, Roots};
use super::round::{Round, Stopped};
use super::snapshot::{FolderKey, Folders, Linked, RowKey};
use super::watches::{Hint, Watches};
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;
use crate::io::root::spelling::of_prefix;
use crate::io::root::{FileKind, TimeSpec};
use crate::search::walk::{EntryPath, PendingFolder};
use crate::table::{Event, EventRow, EventsBuilder, Layout, Projection, Table};

/// Folders that have no watch, and what followed links lead to, are looked at this often, or less often where that takes long.
const LOOK_WITHOUT_WATCH: Duration = Duration::from_secs(2);

/// Such a look may take this part of the time: one in so many.
const SHARE: u32 = 10;

/// While somebody may cancel the watcher, the token is looked at this often.
const CANCEL_BOX: Duration = Duration::from_millis(50);

/// The rows of one record batch.
const BATCH_ROWS: usize = 1 << 16;

/// Names whose change puts other rules in force.
const RULE_NAMES: [&[u8]; 5] = [b".gitignore", b".ignore", b".rgignore", b".git", b".jj"];

/// The state of the thread.
pub struct Observer {
    asked: WatchRequest,
    request: Request,
    roots: Roots,
    folders: Folders,
    linked: Linked,
    watches: Watches,
    dirty: Dirty,
    later: Later,
    /// Whether links are followed.
    has_links: bool,
    mailbox: Arc<Mailbox>,
    /// When to look at what has no watch.
    next_look: Instant,
    /// How what lies in a place is shown: known also when the source has become something else.
    prefixes: BTreeMap<Place, Vec<u8>>,
}

impl Observer {
    /// Everything that may fail before the thread starts.
    ///
    /// # Errors
    /// If the system gives no watcher.
    pub fn new(asked: WatchRequest, request: Request, mailbox: Arc<Mailbox>) -> Result<Self> {
        Ok(Self {
            roots: request.resolve()?,
            asked,
            request,
            folders: Folders::new(),
            linked: Linked::new(),
            watches: Watches::new(mailbox.thread_bell())?,
            dirty: Dirty::default(),
            later: Later::default(),
            has_links: false,
            mailbox,
            next_look: Instant::now() + LOOK_WITHOUT_WATCH,
            prefixes: BTreeMap::new(),
        })
    }

    /// Watch until the caller closes the watcher.
    ///
    /// # Errors
    /// If it is cancelled, or the system fails.
    pub fn run(&mut self) -> Result<()> {
        self.dirty.mark_everything();
        self.look(self.asked.initial)?;
        self.ensure_wanted()?;
        if self.later.due().is_some() {
            // Began with less than what is there, it would not tell that the rest goes.
            return Err(Error::new(
                ErrorKind::Limit,
                "cannot take the first look: the system is short of open files or memory; close some, or raise the limit \
                 on open files",
            ));
        }
        self.mailbox.start();
        while !self.mailbox.is_closed() {
            self.ensure_wanted()?;
            self.listen()?;
            self.look_around();
            let is_due = self.dirty.due(self.asked.debounce).is_some_and(|due| due <= Instant::now());
            if is_due && !self.mailbox.is_full() {
                self.look(true)?;
            }
        }
        Ok(())
    }

    fn ensure_wanted(&self) -> Result<()> {
        match &self.asked.cancel {
            Some(cancel) if cancel.is_cancelled() => {
                Err(Error::new(ErrorKind::Cancelled, "cancelled through its CancelToken"))
            }
            _ => Ok(()),
        }
    }

    /// Wait for the next thing to do, and take what the kernel says.
    fn listen(&mut self) -> Result<()> {
        let mut until = self.roots.next_check();
        // With an answer waiting, nothing is due before it is taken.
        if !self.mailbox.is_full()
            && let Some(due) = self.dirty.due(self.asked.debounce)
        {
            until = until.min(due);
        }
        if self.has_unwatched() {
            until = until.min(self.next_look);
        }
        until = self.later.due().map_or(until, |due| until.min(due));
        let mut wait = until.saturating_duration_since(Instant::now());
        if self.asked.cancel.is_some() {
            wait = wait.min(CANCEL_BOX);
        }
        // A little more than asked for, so that it is not woken just before the time.
        self.watches.wait(self.mailbox.thread_bell(), wait + Duration::from_micros(200))?;
        self.hear()
    }

    /// Whether there is something that is to be looked at now and then.
    fn has_unwatched(&self) -> bool {
        self.has_links || !self.watches.unwatched().is_empty()
    }

    fn hear(&mut self) -> Result<()> {
        let Self { watches, dirty, roots, folders, .. } = self;
        let mut is_source_hit = false;
        watches.read(|hint| match hint {
            Hint::Lost => dirty.lose(),
            Hint::Moved(key) => {
                is_source_hit |= key.is_source();
                dirty.mark(key, Depth::Entries);
            }
            Hint::Itself(key) => dirty.mark(key, Depth::Entries),
            // What is left out by the rules may change as it likes.
            Hint::Folder(key, name) if !folders.get(key).is_some_and(|node| node.has_folder(name)) => {}
            Hint::Folder(key, name) => {
                dirty.mark(&key.child(name), Depth::Entries);
                dirty.mark(key, Depth::Entries);
            }
            Hint::Entry(key, name) | Hint::Arrival(key, name) | Hint::Content(key, name) => {
                let start = if key.is_source() { roots.start(key.source) } else { None };
                match start.and_then(PendingFolder::entry_name) {
                    Some(only) if only == name => dirty.mark(key, Depth::Entries),
                    Some(_) => {}
                    None if RULE_NAMES.contains(&name) => dirty.mark(key, Depth::Subtree),
                    None if matches!(hint, Hint::Content(..)) => dirty.mark_name(key, name),
                    None => {
                        dirty.mark(key, Depth::Entries);
                        if matches!(hint, Hint::Arrival(..)) {
                            // The one before may have had no watch that told of its end.
                            dirty.mark(&key.child(name), Depth::Entries);
                        }
                    }
                }
            }
        })?;
        if is_source_hit {
            roots.check_soon();
        }
        Ok(())
    }

    /// What no watch tells.
    fn look_around(&mut self) {
        if self.mailbox.take_rescan() {
            self.dirty.lose();
            self.dirty.hurry();
        }
        match self.request.check(&mut self.roots) {
            Some(Check::Anew) => self.dirty.mark_everything(),
            Some(Check::Entries(sources)) => {
                for source in sources {
                    self.dirty.mark(&FolderKey::of_source(source), Depth::Entries);
                }
            }
            None => {}
        }
        if self.watches.take_trouble() {
            self.dirty.lose();
        }
        if let Some(missed) = self.later.take() {
            self.dirty.absorb(missed);
        }
        if self.has_unwatched() && self.next_look <= Instant::now() {
            self.look_without_watch();
        }
    }

    fn look_without_watch(&mut self) {
        for key in self.watches.unwatched() {
            self.dirty.mark(key, Depth::Entries);
        }
        let began = Instant::now();
        if self.has_links {
            let lister = Lister::new(self.request.walker(&self.roots), self.request.options(), &|| false);
            for key in links::changed(&self.folders, &self.roots, &lister) {
                self.dirty.mark(&key, Depth::Entries);
            }
        }
        self.next_look = Instant::now() + LOOK_WITHOUT_WATCH.max(began.elapsed() * SHARE);
    }

    /// Look at what is dirty, and hand over what has changed, if it is to be `told`.
    fn look(&mut self, told: bool) -> Result<()> {
        FailPoint::Watching.pass();
        let began = Instant::now();
        let dirty = std::mem::take(&mut self.dirty);
        let everything = dirty.everything || self.roots.overlap;
        if everything {
            match self.request.resolve() {
                Ok(roots) => self.roots = roots,
                Err(error) if is_shortage(error.errno()) => {
                    self.later.put_everything(dirty.lost, began.elapsed());
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            for (place, start) in self.roots.places() {
                self.prefixes.insert(place, self.request.shown(start.origin()).to_vec());
            }
        }
        let (mailbox, cancel) = (&self.mailbox, &self.asked.cancel);
        let stopped = || mailbox.is_closed() || cancel.as_ref().is_some_and(crate::scan::CancelToken::is_cancelled);
        let lister = Lister::new(self.request.walker(&self.roots), self.request.options(), &stopped);
        let mut round = Round::new(&self.roots, lister, &mut self.folders, &mut self.watches, &mut self.linked);
        let looked = if everything { round.everything() } else { round.folders(dirty.folders.into_iter().collect()) };
        let (mut difference, unsure) = (round.difference, round.unsure);
        if let Err(Stopped) = looked {
            return Ok(());
        }
        match unsure.is_empty() {
            true => self.later.settle(),
            false if everything => {
                self.later.put_everything(dirty.lost, began.elapsed());
                return Ok(());
            }
            false => self.later.put(unsure, began.elapsed()),
        }
        self.watches.sweep();
        self.has_links = self.request.options().follow_symlinks && links::any(&self.folders);
        self.next_look = self.next_look.max(Instant::now() + began.elapsed() * SHARE);
        if told {
            if self.roots.overlap {
                difference.unite(|row| self.shown(row).ok());
            }
            let changes =
                difference.changes(|row| self.shown(row).is_ok_and(|path| std::str::from_utf8(&path).is_ok()));
            let batches = self.batches(&changes, dirty.lost)?;
            if !batches.is_empty() {
                self.mailbox.put(batches);
            }
        }
        Ok(())
    }

    /// The path of a row as the table shows it.
    fn shown(&self, row: &RowKey) -> Result<Vec<u8>> {
        Ok([self.prefix(row.source)?, &row.path].concat())
    }

    fn prefix(&self, place: Place) -> Result<&[u8]> {
        let missing = || Error::new(ErrorKind::Internal, "a change belongs to no source");
        self.prefixes.get(&place).map(Vec::as_slice).ok_or_else(missing)
    }

    /// The rows of the table.
    fn batches(&self, changes: &[Change], lost: bool) -> Result<Vec<RecordBatch>> {
        let mut builder = EventsBuilder::new(&Projection::all(Table::Events, &[], Layout::default()));
        let mut batches = Vec::new();
        let time = TimeSpec::now();
        if lost {
            for start in &self.roots.pending {
                let folder = self.request.shown(start.origin());
                let path = match (start.entry_name(), of_prefix(folder)) {
                    (Some(name), _) => entry_path(folder, name),
                    (None, b"") => entry_path(b".", b""),
                    (None, whole) => entry_path(whole, b""),
                };
                let (kind, event) = (FileKind::Unknown, Event::Rescan);
                builder.push(&EventRow { time, event, path, old_path: None, kind, size: None, modified: None });
            }
        }
        for Change { event, row, old, stamp } in changes {
            let old_path = match old {
                Some(old) => Some(String::from_utf8_lossy(&self.shown(old)?).into_owned()),
                None => None,
            };
            let (path, source_bytes) = (self.shown(row)?, self.prefix(row.source)?.len());
            let name_start = memchr::memrchr(b'/', &path).map_or(0, |slash| slash + 1).max(source_bytes);
            let (folder, name) = path.split_at(name_start);
            let folder_is_text = std::str::from_utf8(folder).is_ok();
            builder.push(&EventRow {
                time,
                event: *event,
                path: EntryPath { folder, source_bytes, name, folder_is_text },
                old_path: old_path.as_deref(),
                kind: stamp.kind,
                size: stamp.seen.map(|seen| seen.size),
                modified: stamp.seen.map(|seen| seen.modified),
            });
            if builder.rows() >= BATCH_ROWS {
                batches.push(builder.finish()?);
            }
        }
        if builder.rows() > 0 {
            batches.push(builder.finish()?);
        }
        Ok(batches)
    }
}

/// A path that stands for itself, in front of all that is relative to it.
fn entry_path<'a>(folder: &'a [u8], name: &'a [u8]) -> EntryPath<'a> {
    EntryPath { folder, source_bytes: folder.len(), name, folder_is_text: std::str::from_utf8(folder).is_ok() }
}
