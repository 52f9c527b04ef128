//! Work is booked, and now and then the caller is asked whether to go on.

use crate::error::{Error, ErrorKind, Result};
use crate::io::content::Stopped;

/// How much text is worked on between two questions. The slowest engine takes some 40 ms for so much.
pub(super) const WORK_BYTES: usize = 256 << 10;
/// What one step costs beside the text that it looks at, in bytes of work.
const WORK_PER_STEP: usize = 64;

pub(super) struct Patience<'s> {
    stopped: Stopped<'s>,
    work: usize,
}

impl<'s> Patience<'s> {
    pub(super) fn new(stopped: Stopped<'s>) -> Self {
        Self { stopped, work: 0 }
    }

    /// Books a step over so many bytes, before it is done or after.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] if the caller wants no more.
    #[inline]
    pub(super) fn spend(&mut self, bytes: usize) -> Result<()> {
        self.work = self.work.saturating_add(bytes).saturating_add(WORK_PER_STEP);
        if self.work < WORK_BYTES {
            return Ok(());
        }
        self.work = 0;
        if (self.stopped)() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled; nothing was written"));
        }
        Ok(())
    }
}
