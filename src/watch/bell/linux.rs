//! One bell for both, which is a descriptor that is readable while it rings.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

use crate::error::{Error, Result};

/// Rings for the caller when it would find something.
pub type CallerBell = Bell;

/// Rings for the thread when it is to look up.
pub type ThreadBell = Bell;

/// A bell.
#[derive(Debug)]
pub struct Bell(OwnedFd);

impl Bell {
    /// A silent one.
    ///
    /// # Errors
    /// If the system gives no more descriptors.
    pub fn new() -> Result<Self> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        bell.map(Self).map_err(|error| Error::io("start a watcher", b"eventfd", error))
    }

    /// Ring until it is silenced.
    pub fn ring(&self) {
        // It can only be full, and then it rings already.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Ring no more.
    pub fn silence(&self) {
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }

    /// Readable while it rings.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
impl Bell {
    /// Whether it rings.
    pub fn rings(&self) -> bool {
        let rings = rustix::io::read(&self.0, &mut [0_u8; 8]).is_ok();
        if rings {
            self.ring();
        }
        rings
    }
}
