//! The kernel's watches on Linux: one for each folder, placed on its handle.
//!
//! A watch belongs to a folder and not to its path, so a folder is opened first, and watched and listed as what was
//! opened. Nothing is asked for that reading brings about: neither the walk nor a search of the tree wakes the watcher.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::super::bell::ThreadBell;
use super::super::snapshot::FolderKey;
use super::{Hint, Watched};
use crate::error::{Error, ErrorKind, Result};

/// Which folders are watched.
#[derive(Debug)]
pub struct Watches {
    inotify: OwnedFd,
    buffer: Vec<MaybeUninit<u8>>,
    /// The folders of each watch: one, unless a folder is reached by several paths.
    folders: HashMap<i32, Vec<FolderKey>>,
    watch_of: HashMap<FolderKey, i32>,
    /// Watches that no folder has any more. They are given up at the end of a round: within it, a folder that was
    /// renamed takes its watch over.
    loose: HashSet<i32>,
    /// Folders that could not be watched.
    unwatched: BTreeSet<FolderKey>,
    /// Whether one of them is the first.
    trouble: bool,
}

/// After so many events the thread looks up.
const MOST_EVENTS: usize = 1 << 16;

impl Watches {
    /// No watches yet.
    ///
    /// # Errors
    /// If the system gives no more of these to this user.
    pub fn new(_bell: &Arc<ThreadBell>) -> Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(|error| match error {
            Errno::MFILE => Error::new(
                ErrorKind::Limit,
                "the system gives no more watchers: close some, or raise fs.inotify.max_user_instances or the limit on \
                 open files",
            ),
            error => Error::io("start a watcher", b"inotify", error),
        })?;
        Ok(Self {
            inotify,
            buffer: vec![MaybeUninit::uninit(); 64 << 10],
            folders: HashMap::new(),
            watch_of: HashMap::new(),
            loose: HashSet::new(),
            unwatched: BTreeSet::new(),
            trouble: false,
        })
    }

    /// Wait until there is something to read or the bell rings, at most for `most`.
    ///
    /// # Errors
    /// The system's error.
    pub fn wait(&self, bell: &ThreadBell, most: Duration) -> Result<()> {
        let most = Timespec::try_from(most).unwrap_or_default();
        let (inotify, called) = (self.inotify.as_fd(), bell.descriptor());
        let mut descriptors = [PollFd::new(&inotify, PollFlags::IN), PollFd::new(&called, PollFlags::IN)];
        match poll(&mut descriptors, Some(&most)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Error::io("wait for changes", b"inotify", error)),
        }
        let [_, called] = descriptors.map(|descriptor| !descriptor.revents().is_empty());
        if called {
            bell.silence();
        }
        Ok(())
    }

    /// Watch this folder, which was opened under this path. Whether it is the one that was watched under it before.
    /// Where it really lies is not asked: a handle needs no path.
    pub fn place(
        &mut self,
        key: &FolderKey,
        folder: BorrowedFd<'_>,
        watched: Watched,
        _real: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> bool {
        // Relative to a handle there is no call; this path leads to what the handle holds, however long its own is.
        let path = format!("/proc/self/fd/{}", folder.as_raw_fd());
        let of_folder = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::EXCL_UNLINK
            // A folder that is reached twice is watched for what either way asks.
            | WatchFlags::MASK_ADD
            | WatchFlags::ONLYDIR;
        let wanted = match watched {
            Watched::Entered | Watched::Named => of_folder | WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE,
            Watched::Unentered => of_folder,
        };
        let before = self.watch_of.get(key).copied();
        let Ok(watch) = inotify::add_watch(&self.inotify, path, wanted) else {
            // What the system refuses of one folder it may give again later; it is looked at without until then.
            self.trouble |= self.unwatched.is_empty();
            self.forget(key);
            self.unwatched.insert(key.clone());
            return false;
        };
        self.unwatched.remove(key);
        if before == Some(watch) {
            return true;
        }
        self.forget(key);
        self.loose.remove(&watch);
        self.folders.entry(watch).or_default().push(key.clone());
        self.watch_of.insert(key.clone(), watch);
        false
    }

    /// Whether the folder under this path has a watch.
    pub fn has(&self, key: &FolderKey) -> bool {
        self.watch_of.contains_key(key)
    }

    /// A folder that has no watch, and is to be looked at now and then.
    pub fn look_without(&mut self, key: &FolderKey) {
        self.unwatched.insert(key.clone());
    }

    /// There is no such folder any more.
    pub fn forget(&mut self, key: &FolderKey) {
        self.unwatched.remove(key);
        let Some(watch) = self.watch_of.remove(key) else { return };
        if let Some(keys) = self.folders.get_mut(&watch) {
            keys.retain(|known| known != key);
            if keys.is_empty() {
                self.loose.insert(watch);
            }
        }
    }

    /// Give up the watches that no folder has.
    pub fn sweep(&mut self) {
        for watch in self.loose.drain() {
            self.folders.remove(&watch);
            // The watch of a folder that was deleted has gone with it.
            let _ = inotify::remove_watch(&self.inotify, watch);
        }
    }

    /// The folders without a watch.
    pub fn unwatched(&self) -> &BTreeSet<FolderKey> {
        &self.unwatched
    }

    /// Whether, since this was asked last, a folder could not be watched while all others were.
    pub fn take_trouble(&mut self) -> bool {
        std::mem::take(&mut self.trouble)
    }

    /// Take what the kernel has to say.
    ///
    /// # Errors
    /// The system's error.
    pub fn read(&mut self, mut hear: impl FnMut(Hint<'_>)) -> Result<()> {
        let Self { inotify, buffer, folders, watch_of, loose, .. } = self;
        let mut reader = inotify::Reader::new(inotify.as_fd(), buffer);
        let mut events = 0;
        // What was read and not taken would be lost.
        while events < MOST_EVENTS || !reader.is_buffer_empty() {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(Error::io("read what has changed", b"inotify", error)),
            };
            events += 1;
            let what = event.events();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                hear(Hint::Lost);
            } else if what.contains(ReadFlags::IGNORED) {
                loose.remove(&event.wd());
                for key in folders.remove(&event.wd()).unwrap_or_default() {
                    watch_of.remove(&key);
                    hear(Hint::Moved(&key));
                }
            } else {
                for key in folders.get(&event.wd()).into_iter().flatten() {
                    hear(hint(key, what, event.file_name().map(std::ffi::CStr::to_bytes)));
                }
            }
        }
        Ok(())
    }
}

fn hint<'a>(key: &'a FolderKey, what: ReadFlags, name: Option<&'a [u8]>) -> Hint<'a> {
    let moved = ReadFlags::MOVED_FROM | ReadFlags::MOVED_TO;
    let came = ReadFlags::CREATE | ReadFlags::MOVED_TO;
    match name {
        Some(name) if what.intersects(came) && what.contains(ReadFlags::ISDIR) => Hint::Arrival(key, name),
        Some(name) if what.intersects(ReadFlags::CREATE | ReadFlags::DELETE | moved) => Hint::Entry(key, name),
        Some(name) if what.contains(ReadFlags::ISDIR) => Hint::Folder(key, name),
        Some(name) => Hint::Content(key, name),
        None if what.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::UNMOUNT) => Hint::Moved(key),
        None => Hint::Itself(key),
    }
}
