//! Fail points: the places where a test makes the library panic, to prove that its host survives a defect there.
//!
//! Nothing but a test arms one. While none is armed, passing one costs a relaxed load and a branch that is never taken;
//! an armed one fires once and is disarmed by it, so that the next call shows whether the library recovered. They stand
//! in released builds too, because it is the released build whose promise is tested.

use std::sync::atomic::{AtomicU8, Ordering};

/// The armed point as its number; zero for none.
static ARMED: AtomicU8 = AtomicU8::new(0);

/// A place where the library can be made to panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FailPoint {
    /// A call enters from another language.
    Entry = 1,
    /// A folder is listed.
    Listing,
    /// A span of files is worked on.
    Span,
    /// The caller's thread takes the next step of a scan.
    Step,
    /// Entries are described, so that the caller can say which of them to open.
    Mask,
    /// A whole file is read for its content.
    Reading,
    /// The next piece of a file is read.
    Piece,
    /// A file is hashed.
    Hashing,
    /// A file's content becomes text.
    Decoding,
    /// Text becomes lines.
    Lines,
    /// Columns become a batch.
    Batch,
    /// Gathered batches are handed over.
    Taking,
    /// A piece of new content is written to a file.
    Writing,
    /// A watcher looks at what may have changed.
    Watching,
    /// A part of a text is cut where its language says.
    Chunking,
}

impl FailPoint {
    /// Every point.
    pub const ALL: [Self; 15] = [
        Self::Entry,
        Self::Listing,
        Self::Span,
        Self::Step,
        Self::Mask,
        Self::Reading,
        Self::Piece,
        Self::Hashing,
        Self::Decoding,
        Self::Lines,
        Self::Batch,
        Self::Taking,
        Self::Writing,
        Self::Watching,
        Self::Chunking,
    ];

    /// Its name.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Listing => "listing",
            Self::Span => "span",
            Self::Step => "step",
            Self::Mask => "mask",
            Self::Reading => "reading",
            Self::Piece => "piece",
            Self::Hashing => "hashing",
            Self::Decoding => "decoding",
            Self::Lines => "lines",
            Self::Batch => "batch",
            Self::Taking => "taking",
            Self::Writing => "writing",
            Self::Watching => "watching",
            Self::Chunking => "chunking",
        }
    }

    /// Make the next pass of this point panic, whichever thread it is in. Only one point is armed at a time.
    pub fn arm(self) {
        ARMED.store(self as u8, Ordering::SeqCst);
    }

    /// Stand here.
    ///
    /// # Panics
    /// If a test armed this point.
    #[inline]
    pub fn pass(self) {
        if ARMED.load(Ordering::Relaxed) != 0 {
            self.fire();
        }
    }

    #[cold]
    fn fire(self) {
        let mine = ARMED.compare_exchange(self as u8, 0, Ordering::SeqCst, Ordering::Relaxed).is_ok();
        assert!(!mine, "the fail point {:?} fired", self.label());
    }
}
