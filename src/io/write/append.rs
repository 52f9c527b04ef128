//! Something is put at a file's end.
//!
//! An append takes effect as it is written, so it cannot be undone by doing nothing. What fails in the middle is cut off
//! again, if nobody has written behind it; if somebody has, the error says how much stands there. Appends hold the
//! folder's lock alone, so that they neither mix with each other nor fall between another writer's check and rename.

use std::io;

use super::folder_lock::{FolderLock, Sharing};
use super::target::{Target, failed};
use super::{
    Content, NEW_FILE_MODE, Written, attributes, cancelled, not_committed, not_durable, write_all, write_hashed,
};
use crate::error::{Error, ErrorKind, Result};
use crate::fail_point::FailPoint;
use crate::io::content::Stopped;
use crate::io::root::{AsHandle, FileKind, Handle, Root, changes, is_link, status_of};

/// How often the file may come and go while it is opened.
const TRIES: usize = 8;

/// How something is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendOptions {
    /// Do not return before the content, and the name of a new file, survive a loss of power.
    pub durable: bool,
    /// The permission bits of a new file; `None` takes those that the process's mask leaves.
    pub mode: Option<u32>,
    /// Append to where a link in the last place leads; otherwise a link is refused.
    pub follow_symlinks: bool,
}

/// Puts `content` at the end of the file to which `path` leads from `root`; makes the file if there is none.
///
/// # Errors
/// As [`super::write_file`], without conflicts; [`ErrorKind::Io`] if a part of the content stands in the file and could
/// not be cut off again.
pub fn append_file(
    root: &Root,
    path: &[u8],
    content: &(impl Content + ?Sized),
    options: &AppendOptions,
    stopped: Stopped<'_>,
) -> Result<Written> {
    for _ in 0..TRIES {
        let target = Target::find(root, path, options.follow_symlinks)?;
        // All names of a file of several see what is appended to it.
        target.refuse_unfit(false, true)?;
        let lock = FolderLock::take(&target, Sharing::Alone, stopped)?;
        // Not only between the pieces: there may be none, and opening the file can make it.
        if stopped() {
            return Err(cancelled(&target));
        }
        let Some(append) = Append::open(&target, options)? else { continue };
        let mut undone = Undone { append: &append, written: 0, is_needed: true };
        let written = match undone.write(content, stopped) {
            Ok(written) => written,
            Err(error) => return Err(undone.take_back(error)),
        };
        undone.is_needed = false;
        drop(lock);
        append.flush(options)?;
        return Ok(written);
    }
    Err(failed("open", path, io::ErrorKind::WouldBlock.into()))
}

/// A file that is open at its end.
struct Append<'t> {
    target: &'t Target,
    file: Handle,
    is_new: bool,
    length_before: u64,
}

impl<'t> Append<'t> {
    /// `None` if the file has come, or has become a link, since it was looked for.
    fn open(target: &'t Target, options: &AppendOptions) -> Result<Option<Self>> {
        let opened = match target.open_end() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => target
                .create_end(options.mode.map_or(NEW_FILE_MODE, |mode| mode & NEW_FILE_MODE))
                .map(|file| (file, true)),
            file => file.map(|file| (file, false)),
        };
        let (file, is_new) = match opened {
            Err(error) if is_another_now(&error) => return Ok(None),
            opened => opened.map_err(|error| not_committed("open", target, error))?,
        };
        let mut append = Self { target, file, is_new, length_before: 0 };
        if let Err(error) = append.begin(options) {
            append.remove_new();
            return Err(error);
        }
        Ok(Some(append))
    }

    fn begin(&mut self, options: &AppendOptions) -> Result<()> {
        if let (true, Some(mode)) = (self.is_new, options.mode) {
            let set = attributes::set_mode(self.file.as_handle(), mode);
            set.map_err(|(step, error)| not_committed(&step, self.target, error))?;
        }
        let status = status_of(self.file.as_handle()).map_err(|error| not_committed("describe", self.target, error))?;
        if status.kind != FileKind::File {
            let text = format!("path: a {} cannot be written to; only regular files are", status.kind.as_str());
            return Err(Error::new(ErrorKind::Argument, text).with_path(self.target.path()));
        }
        self.length_before = status.size;
        Ok(())
    }

    fn flush(&self, options: &AppendOptions) -> Result<()> {
        if !options.durable {
            return Ok(());
        }
        changes::flush(self.file.as_handle()).map_err(|error| not_durable("flush", self.target, error))?;
        if self.is_new {
            let flushed = self.target.flush_folder(self.file.as_handle());
            flushed.map_err(|error| not_durable("flush its folder", self.target, error))?;
        }
        Ok(())
    }

    /// Removes a file that this call made, if it still has its name.
    fn remove_new(&self) {
        let mine = status_of(self.file.as_handle()).ok().map(|status| (status.device, status.inode));
        let there = self.target.describe().ok().flatten().map(|status| (status.device, status.inode));
        if self.is_new && mine.is_some() && mine == there {
            let _ = self.target.remove();
        }
    }
}

fn is_another_now(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AlreadyExists || is_link(error)
}

/// Cuts off what was written, also when a panic leaves it half done.
struct Undone<'a> {
    append: &'a Append<'a>,
    written: u64,
    is_needed: bool,
}

impl Undone<'_> {
    fn write(&mut self, content: &(impl Content + ?Sized), stopped: Stopped<'_>) -> Result<Written> {
        let Append { target, file, .. } = self.append;
        FailPoint::Writing.pass();
        let written = &mut self.written;
        let blake3 = write_hashed(content, &mut |piece| {
            if stopped() {
                return Err(cancelled(target));
            }
            write_all(file.as_handle(), piece, written).map_err(|error| not_committed("append", target, error))
        })?;
        let size = status_of(file.as_handle()).map_err(|error| not_committed("describe", target, error))?.size;
        if size < self.append.length_before + self.written {
            let text = format!(
                "cannot append: {} bytes were written behind {}, and the file has {size}",
                self.written, self.append.length_before
            );
            return Err(Error::new(ErrorKind::NotCommitted, text).with_path(target.path()));
        }
        Ok(Written { bytes: self.written, blake3 })
    }

    fn take_back(&mut self, why: Error) -> Error {
        self.is_needed = false;
        match self.cut_off() {
            Ok(()) => why,
            Err(reason) => {
                let (bytes, start) = (self.written, self.append.length_before);
                let text =
                    format!("{why}; {bytes} bytes of it stand in the file from byte {start} on, because {reason}");
                Error::new(ErrorKind::Io, text).with_path(self.append.target.path())
            }
        }
    }

    fn cut_off(&self) -> std::result::Result<(), String> {
        let Append { file, length_before, .. } = self.append;
        let size = status_of(file.as_handle()).map_err(|error| format!("it cannot be described: {error}"))?.size;
        if size > length_before + self.written {
            return Err("somebody else has written behind it".to_owned());
        }
        if size > *length_before {
            changes::cut(file.as_handle(), *length_before).map_err(|error| format!("it cannot be cut off: {error}"))?;
        }
        if *length_before == 0 {
            self.append.remove_new();
        }
        Ok(())
    }
}

impl Drop for Undone<'_> {
    fn drop(&mut self) {
        if self.is_needed {
            let _ = self.cut_off();
        }
    }
}
