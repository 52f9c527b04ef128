//! The system's watches everywhere but on Linux, by the crate `notify`.
//!
//! macOS and Windows watch a source with all that lies below it at once, and where it costs nothing; so there is one
//! watch for each source and for each folder that a link leads to, and what is said of folders that are not listed is
//! dropped where it arrives. Inotify has no such watch: where this code runs on Linux, each folder has one, which is
//! placed before the folder is listed, as on the other side.
//!
//! What is said comes by path, on a thread that must neither wait nor keep much. It is noted ([`notes`]) under the real
//! path of the folder that it happened in, and taken from there. Whoever swaps a folder for a link has hints given of
//! another one, which is never listed for them.

mod notes;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use notify::{Config, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher, WatcherKind};

use super::super::bell::ThreadBell;
use super::super::snapshot::FolderKey;
use super::{Hint, Watched};
use crate::error::{Error, ErrorKind, Result};
use crate::io::root::path_bytes::to_path;
use crate::io::root::spelling::{as_prefix, split_last};
use crate::io::root::{HandleRef, TimeSpec, status_of};
use notes::{Note, Notes, What};

/// Which folders are watched.
pub struct Watches {
    watcher: RecommendedWatcher,
    /// What an entered folder's watch reaches.
    reach: RecursiveMode,
    notes: Arc<Notes>,
    /// The folders that have a watch of their own, by real path.
    tops: BTreeMap<Arc<[u8]>, Top>,
    placed: HashMap<FolderKey, Placed>,
    /// Whether one of them was taken away, and a watch may be of no use any more.
    loose: bool,
    /// Folders that could not be watched.
    unwatched: BTreeSet<FolderKey>,
    /// Whether one of them is the first.
    trouble: bool,
}

/// A watch.
#[derive(Debug)]
struct Top {
    reach: RecursiveMode,
    /// The folder that it was placed on.
    identity: Identity,
    /// The folder has gone from there or been moved, and perhaps its watch with it.
    stale: bool,
}

/// A folder that is watched.
#[derive(Debug)]
struct Placed {
    real: Arc<[u8]>,
    /// What tells the folder from others of this path; nothing if it may have been elsewhere meanwhile.
    identity: Option<Identity>,
}

type Identity = (u64, u64, Option<TimeSpec>);

/// Whether a folder's number is never given to another one, so that the time at which it was made, which programs can
/// set on Windows, need not tell them apart.
const NUMBERS_ARE_NEVER_REUSED: bool = cfg!(windows);

impl std::fmt::Debug for Watches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watches").field("tops", &self.tops).field("unwatched", &self.unwatched).finish_non_exhaustive()
    }
}

impl Watches {
    /// No watches yet; the bell rings when there is something to read.
    ///
    /// # Errors
    /// If the system gives no more of these to this user.
    pub fn new(bell: &Arc<ThreadBell>) -> Result<Self> {
        let is_emulated = RecommendedWatcher::kind() == WatcherKind::Inotify;
        Self::of(bell, if is_emulated { RecursiveMode::NonRecursive } else { RecursiveMode::Recursive })
    }

    fn of(bell: &Arc<ThreadBell>, reach: RecursiveMode) -> Result<Self> {
        let notes = Arc::new(Notes::default());
        let (theirs, bell) = (Arc::clone(&notes), Arc::clone(bell));
        // Nothing is asked for that reading brings about, and no link is followed that the walk does not follow.
        let config = Config::default().with_follow_symlinks(false).with_event_kinds(EventKindMask::CORE);
        let hear = move |event: notify::Result<notify::Event>| {
            if theirs.note(event) {
                bell.ring();
            }
        };
        let watcher = RecommendedWatcher::new(hear, config).map_err(|error| match error.kind {
            notify::ErrorKind::Io(error) => Error::io("start a watcher", b"notify", error),
            _ => Error::new(ErrorKind::Limit, format!("the system gives no more watchers: {error}")),
        })?;
        let (tops, placed, unwatched) = (BTreeMap::new(), HashMap::new(), BTreeSet::new());
        Ok(Self { watcher, reach, notes, tops, placed, loose: false, unwatched, trouble: false })
    }

    /// Wait until there is something to read or the bell rings, at most for `most`.
    ///
    /// # Errors
    /// None here.
    // On Linux the system may refuse it.
    #[allow(clippy::unnecessary_wraps, clippy::unused_self)]
    pub fn wait(&self, bell: &ThreadBell, most: Duration) -> Result<()> {
        bell.wait(most);
        Ok(())
    }

    /// Watch this folder, which was opened under this path, and really lies under another. Whether it is the one that
    /// was watched under it before, and has been all the time.
    pub fn place(
        &mut self,
        key: &FolderKey,
        folder: HandleRef<'_>,
        watched: Watched,
        real: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> bool {
        let found = real().and_then(|real| {
            let status = status_of(folder)?;
            Ok((
                Arc::<[u8]>::from(real),
                (status.device, status.inode, status.created.filter(|_| !NUMBERS_ARE_NEVER_REUSED)),
            ))
        });
        let watched = found.and_then(|(real, identity)| {
            // Noted first, so that what is said of it from now on is kept.
            self.notes.listen(&real, key);
            let reach = if watched == Watched::Entered { self.reach } else { RecursiveMode::NonRecursive };
            match self.watch(&real, reach, identity) {
                Ok(()) => Ok((real, identity)),
                Err(error) => {
                    self.notes.leave(&real, key);
                    Err(error)
                }
            }
        });
        let (real, identity) = match watched {
            Ok(watched) => watched,
            Err(error) => {
                // What the system refuses of one folder it may give again later; it is looked at without until then.
                self.trouble |= self.unwatched.is_empty() && error.kind() != io::ErrorKind::NotFound;
                self.forget(key);
                self.unwatched.insert(key.clone());
                return false;
            }
        };
        self.unwatched.remove(key);
        let placed = Placed { real: Arc::clone(&real), identity: Some(identity) };
        let Some(before) = self.placed.insert(key.clone(), placed) else { return false };
        if before.real != real {
            self.notes.leave(&before.real, key);
            self.loose = true;
        }
        before.real == real && before.identity == Some(identity)
    }

    /// See to it that this folder is watched.
    fn watch(&mut self, real: &Arc<[u8]>, reach: RecursiveMode, identity: Identity) -> io::Result<()> {
        let path = to_path(real)?;
        match self.tops.get(real) {
            Some(top) if top.stale || top.identity != identity => {
                // It may have gone with the folder.
                let _ = self.watcher.unwatch(&path);
                self.tops.remove(real);
            }
            Some(top) if top.reach == reach || top.reach == RecursiveMode::Recursive => return Ok(()),
            None if self.is_covered(real) => return Ok(()),
            Some(_) | None => {}
        }
        if let Err(error) = self.watcher.watch(&path, reach) {
            // Why it was refused is told in other words on each system; whether it is there is not.
            std::fs::symlink_metadata(&path)?;
            return Err(io::Error::other(error));
        }
        self.tops.insert(Arc::clone(real), Top { reach, identity, stale: false });
        Ok(())
    }

    /// Whether a watch of a folder above reaches it.
    fn is_covered(&self, real: &[u8]) -> bool {
        let mut path = real;
        loop {
            let (above, name) = split_last(path);
            if name.is_empty() || above == b"." {
                return false;
            }
            if self.tops.get(above).is_some_and(|top| !top.stale && top.reach == RecursiveMode::Recursive) {
                return true;
            }
            path = above;
        }
    }

    /// Whether the folder under this path has a watch.
    pub fn has(&self, key: &FolderKey) -> bool {
        self.placed.contains_key(key)
    }

    /// A folder that has no watch, and is to be looked at now and then.
    pub fn look_without(&mut self, key: &FolderKey) {
        self.unwatched.insert(key.clone());
    }

    /// There is no such folder any more.
    pub fn forget(&mut self, key: &FolderKey) {
        self.unwatched.remove(key);
        if let Some(placed) = self.placed.remove(key) {
            self.notes.leave(&placed.real, key);
            self.loose = true;
        }
    }

    /// Give up the watches that no folder has.
    pub fn sweep(&mut self) {
        if !std::mem::take(&mut self.loose) {
            return;
        }
        let Self { tops, notes, watcher, .. } = self;
        tops.retain(|real, top| {
            let is_used = notes.hears(real, top.reach == RecursiveMode::Recursive);
            if !is_used && let Ok(path) = to_path(real) {
                // The watch of a folder that was deleted has gone with it.
                let _ = watcher.unwatch(&path);
            }
            is_used
        });
    }

    /// The folders without a watch.
    pub fn unwatched(&self) -> &BTreeSet<FolderKey> {
        &self.unwatched
    }

    /// Whether, since this was asked last, a folder could not be watched while all others were.
    pub fn take_trouble(&mut self) -> bool {
        std::mem::take(&mut self.trouble)
    }

    /// Take what the system had to say.
    ///
    /// # Errors
    /// None here.
    // On Linux the system may refuse it.
    #[allow(clippy::unnecessary_wraps)]
    pub fn read(&mut self, mut hear: impl FnMut(Hint<'_>)) -> Result<()> {
        let heard = self.notes.take();
        if heard.broken {
            self.tops.values_mut().for_each(|top| top.stale = true);
        }
        if heard.lost {
            hear(Hint::Lost);
        }
        for Note { folder, what, name } in &heard.notes {
            if *what == What::Moved {
                self.mistrust(folder);
            }
            // A folder that is listed is told apart where it is noted; one that could not be is still a folder.
            let is_folder = matches!(what, What::Entry | What::Content) && is_folder(folder, name);
            for key in self.notes.keys(folder) {
                hear(match what {
                    What::Entry if is_folder => Hint::Arrival(&key, name),
                    What::Entry => Hint::Entry(&key, name),
                    What::Content if is_folder => Hint::Folder(&key, name),
                    What::Content => Hint::Content(&key, name),
                    What::Itself => Hint::Itself(&key),
                    What::Moved => {
                        if let Some(placed) = self.placed.get_mut(&key) {
                            placed.identity = None;
                        }
                        Hint::Moved(&key)
                    }
                });
            }
        }
        Ok(())
    }

    /// A folder was moved or deleted: what was watched at or below its path may not be any more.
    fn mistrust(&mut self, real: &Arc<[u8]>) {
        if let Some(top) = self.tops.get_mut(real) {
            top.stale = true;
        }
        let below: Arc<[u8]> = as_prefix(real).into();
        for (_, top) in self.tops.range_mut(Arc::clone(&below)..).take_while(|(path, _)| path.starts_with(&below)) {
            top.stale = true;
        }
    }
}

fn is_folder(folder: &[u8], name: &[u8]) -> bool {
    let path = [&as_prefix(folder), name].concat();
    to_path(&path).and_then(std::fs::symlink_metadata).is_ok_and(|found| found.is_dir())
}

#[cfg(test)]
mod tests;
