//! The thread waits for a condition; for the caller it is a stream to itself, where event loops take one.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Result;

/// Rings for the thread when it is to look up.
#[derive(Debug, Default)]
pub struct ThreadBell {
    rings: Mutex<bool>,
    rang: Condvar,
}

impl ThreadBell {
    /// A silent one.
    ///
    /// # Errors
    /// None here.
    // On Linux the system may give no more.
    #[allow(clippy::unnecessary_wraps)]
    pub fn new() -> Result<Self> {
        Ok(Self::default())
    }

    /// Ring until it has been heard.
    pub fn ring(&self) {
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.rang.notify_all();
    }

    /// Wait until it rings, at most for `most`, and silence it.
    pub fn wait(&self, most: Duration) {
        let until = Instant::now() + most;
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if std::mem::take(&mut *rings) || left.is_zero() {
                return;
            }
            rings = self.rang.wait_timeout(rings, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(unix)]
pub use with_descriptor::CallerBell;
#[cfg(windows)]
pub use without_descriptor::CallerBell;

#[cfg(unix)]
mod with_descriptor {
    use std::io::{Read, Write};
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::net::UnixStream;

    use crate::error::{Error, Result};

    /// Rings for the caller when it would find something.
    #[derive(Debug)]
    pub struct CallerBell {
        heard: UnixStream,
        rung: UnixStream,
    }

    impl CallerBell {
        /// A silent one.
        ///
        /// # Errors
        /// If the system gives no more descriptors.
        pub fn new() -> Result<Self> {
            let pair = || {
                let (heard, rung) = UnixStream::pair()?;
                heard.set_nonblocking(true)?;
                rung.set_nonblocking(true)?;
                Ok(Self { heard, rung })
            };
            pair().map_err(|error: std::io::Error| Error::io("start a watcher", b"socketpair", error))
        }

        /// Ring until it is silenced.
        pub fn ring(&self) {
            // It can only be full, and then it rings already.
            let _ = (&self.rung).write(&[1]);
        }

        /// Ring no more.
        pub fn silence(&self) {
            while (&self.heard).read(&mut [0; 64]).is_ok_and(|read| read == 64) {}
        }

        /// Readable while it rings.
        pub fn descriptor(&self) -> BorrowedFd<'_> {
            self.heard.as_fd()
        }
    }

    #[cfg(test)]
    impl CallerBell {
        /// Whether it rings.
        pub fn rings(&self) -> bool {
            let rings = (&self.heard).read(&mut [0; 64]).is_ok();
            if rings {
                self.ring();
            }
            rings
        }
    }
}

#[cfg(windows)]
mod without_descriptor {
    use crate::error::Result;

    /// No event loop of Windows waits for what this could be: its caller asks again.
    #[derive(Debug)]
    pub struct CallerBell;

    impl CallerBell {
        /// A silent one.
        ///
        /// # Errors
        /// None here.
        // Elsewhere the system may give no more.
        #[allow(clippy::unnecessary_wraps)]
        pub fn new() -> Result<Self> {
            Ok(Self)
        }

        /// Nobody hears it.
        pub fn ring(&self) {}

        /// It never rings.
        pub fn silence(&self) {}
    }
}
