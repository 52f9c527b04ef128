//! Where a file's text is not its content, the caller is asked for it, and the worker waits for the answer.
//!
//! Workers know nothing of who asks them; the caller takes the question as a [`super::Step`], between the results.

use std::sync::{Arc, Mutex, PoisonError};

/// What the caller makes of a content: its text, or why there is none.
pub type Extracted = std::result::Result<String, String>;

/// A question to the caller: which text is this content?
#[derive(Debug)]
pub struct ExtractRequest {
    /// Which of the suffixes in [`super::options::ChunkingOptions::extracted`] the name has.
    pub suffix: usize,
    /// The path of the file.
    pub path: Vec<u8>,
    /// Its content.
    pub content: Vec<u8>,
    pub(super) answer: Answer,
}

/// Where the answer is put, and waited for.
#[derive(Debug, Clone, Default)]
pub struct Answer(Arc<Mutex<Option<Extracted>>>);

impl Answer {
    /// Put it there.
    pub fn give(&self, extracted: Extracted) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(extracted);
    }

    /// Take it, if it has come.
    pub fn take(&self) -> Option<Extracted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
