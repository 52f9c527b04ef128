//! What the system has said and nobody has read yet: a bounded set, noted under the folder that it happened in.
//!
//! It is filled on the system's thread, which waits for nothing but the moment in which the set is taken.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::ModifyKind;
use notify::{Event, EventKind};

use crate::io::root::path_bytes::{of_path, to_path};
use crate::io::root::spelling::split_last;
use crate::watch::snapshot::FolderKey;

/// Above so much, something is lost.
const MOST_NOTES: usize = 1 << 16;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// Something of this name came or went.
    Entry,
    /// The entry of this name changed in itself.
    Content,
    /// The folder itself changed.
    Itself,
    /// The folder is no more where it was, or was not meanwhile.
    Moved,
}

/// Something that happened in a folder or to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Note {
    /// Its real path.
    pub folder: Arc<[u8]>,
    /// What.
    pub what: What,
    /// To which of its entries; nothing if to itself.
    pub name: Box<[u8]>,
}

/// What was noted since it was asked last.
#[derive(Debug, Default)]
pub struct Heard {
    /// In no order.
    pub notes: HashSet<Note>,
    /// More happened than this.
    pub lost: bool,
    /// A watch has failed.
    pub broken: bool,
}

/// What the system's thread and the watcher's share.
#[derive(Debug, Default)]
pub struct Notes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Under which paths each folder that is listed was reached, by its real path.
    folders: HashMap<Arc<[u8]>, Vec<FolderKey>>,
    heard: Heard,
}

impl Notes {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Note from now on what happens in this folder.
    pub fn listen(&self, real: &Arc<[u8]>, key: &FolderKey) {
        let mut state = self.state();
        let keys = state.folders.entry(Arc::clone(real)).or_default();
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }

    /// It is reached under this path no more.
    pub fn leave(&self, real: &[u8], key: &FolderKey) {
        let mut state = self.state();
        if let Some(keys) = state.folders.get_mut(real) {
            keys.retain(|known| known != key);
            if keys.is_empty() {
                state.folders.remove(real);
            }
        }
    }

    /// The paths under which this folder is reached.
    pub fn keys(&self, real: &[u8]) -> Vec<FolderKey> {
        self.state().folders.get(real).cloned().unwrap_or_default()
    }

    /// Whether what happens in this folder is noted, or in any below it.
    pub fn hears(&self, real: &[u8], or_below: bool) -> bool {
        let state = self.state();
        let is_below = |path: &Arc<[u8]>| {
            path.strip_prefix(real).is_some_and(|rest| real.ends_with(b"/") || rest.first() == Some(&b'/'))
        };
        state.folders.contains_key(real) || (or_below && state.folders.keys().any(is_below))
    }

    /// Take what was noted.
    pub fn take(&self) -> Heard {
        std::mem::take(&mut self.state().heard)
    }

    /// Note what the system says. Whether that is the first since it was taken.
    pub fn note(&self, event: notify::Result<Event>) -> bool {
        let mut state = self.state();
        let was_empty = state.heard.is_empty();
        match event {
            Err(_) => {
                state.heard.lose();
                state.heard.broken = true;
            }
            Ok(event) if event.need_rescan() => state.heard.lose(),
            Ok(Event { kind: EventKind::Access(_), .. }) => {}
            Ok(event) => {
                for path in &event.paths {
                    state.note(event.kind, &of_path(path));
                }
            }
        }
        was_empty && !state.heard.is_empty()
    }
}

impl Heard {
    fn is_empty(&self) -> bool {
        self.notes.is_empty() && !self.lost
    }

    fn lose(&mut self) {
        self.lost = true;
        self.notes = HashSet::new();
    }
}

impl State {
    fn note(&mut self, kind: EventKind, path: &[u8]) {
        let (folder, name) = split_last(path);
        let known = self.folders.get_key_value(folder).map(|(known, _)| Arc::clone(known));
        let parent = known.or_else(|| {
            let long = long_spelling(folder)?;
            self.folders.get_key_value(long.as_slice()).map(|(known, _)| Arc::clone(known))
        });
        let itself = self.folders.get_key_value(path).map(|(known, _)| Arc::clone(known));
        let (of_entry, of_itself) = match kind {
            EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => (Some(What::Entry), What::Moved),
            // That a folder was written to is told by its own listing.
            EventKind::Modify(_) if itself.is_some() => (None, What::Itself),
            EventKind::Modify(_) => (Some(What::Content), What::Itself),
            _ => (Some(What::Entry), What::Itself),
        };
        if let (Some(folder), Some(what)) = (parent, of_entry) {
            match what {
                What::Content if may_be_short(name) => self.add(folder, What::Itself, b""),
                what => self.add(folder, what, name),
            }
        }
        if let Some(folder) = itself {
            self.add(folder, of_itself, b"");
        }
    }

    fn add(&mut self, folder: Arc<[u8]>, what: What, name: &[u8]) {
        if self.heard.lost {
            return;
        }
        if self.heard.notes.len() >= MOST_NOTES {
            self.heard.lose();
        } else {
            self.heard.notes.insert(Note { folder, what, name: name.into() });
        }
    }
}

/// Whether Windows may have given the name of eight letters that an entry has beside its own.
fn may_be_short(name: &[u8]) -> bool {
    cfg!(windows) && name.contains(&b'~')
}

/// The path of a folder that may be spelled by such names.
fn long_spelling(folder: &[u8]) -> Option<Vec<u8>> {
    if !may_be_short(folder) {
        return None;
    }
    let path = std::fs::canonicalize(to_path(folder).ok()?).ok()?;
    Some(of_path(&path))
}
