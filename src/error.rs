//! One error type: what kind of failure, of which path, and what to do about it.
//!
//! A failure of the *call* (a bad argument, a source that does not exist) is an [`Error`]. A failure of one *file* in a
//! scan becomes a row instead; its text is [`Error::row_text`], because the path already stands in the row.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A path, or a link on its way, leads out of the root to which a call is confined.
///
/// Where the system's functions fail, this stands inside of their [`std::io::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutsideRoot;

impl OutsideRoot {
    /// Whether this is why one of the system's functions failed.
    #[must_use]
    pub fn is_in(error: &std::io::Error) -> bool {
        matches!(error.get_ref(), Some(inner) if inner.is::<Self>())
    }
}

impl fmt::Display for OutsideRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it leads outside of the root to which `within` confines this call")
    }
}

impl std::error::Error for OutsideRoot {}

impl From<OutsideRoot> for std::io::Error {
    fn from(outside: OutsideRoot) -> Self {
        Self::new(std::io::ErrorKind::PermissionDenied, outside)
    }
}

/// A path, or a link on its way, has a name that the root of a call denies.
///
/// Where the system's functions fail, this stands inside of their [`std::io::Error`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedName(pub String);

impl DeniedName {
    /// Whether this is why one of the system's functions failed.
    #[must_use]
    pub fn is_in(error: &std::io::Error) -> bool {
        matches!(error.get_ref(), Some(inner) if inner.is::<Self>())
    }
}

impl fmt::Display for DeniedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name '{}' is denied by the root to which `within` confines this call", self.0)
    }
}

impl std::error::Error for DeniedName {}

impl From<DeniedName> for std::io::Error {
    fn from(denied: DeniedName) -> Self {
        Self::new(std::io::ErrorKind::PermissionDenied, denied)
    }
}

/// What every fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of failure an [`Error`] is; the faces map each kind to one exception class.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// An argument has a value that the call does not take.
    Argument,
    /// A pattern or a glob does not parse, or would cost too much to run.
    Pattern,
    /// The path names nothing.
    PathNotFound,
    /// The system refused access, or the root denies the name.
    AccessDenied,
    /// The file changed while it was read, so no consistent content can be given.
    Changed,
    /// The content is not valid in the encoding it was read with.
    Decode,
    /// A bound of this library was reached; the message names the way around it.
    Limit,
    /// The path, or a link on its way, leads out of the root to which the call is confined.
    OutsideRoot,
    /// The file does not hold what the caller expected, so nothing was written.
    Conflict,
    /// A write failed before it took effect: the target is as it was, and nothing is left beside it.
    NotCommitted,
    /// A write took effect, but the system could not say that it survives a loss of power.
    CommittedNotDurable,
    /// The caller cancelled the work.
    Cancelled,
    /// A running scan was taken over by a forked child, which has none of its threads.
    Forked,
    /// Any other failure that the system reported.
    Io,
    /// A defect of this library, caught before it could harm its host.
    Internal,
}

impl ErrorKind {
    /// Every kind, so that a face can prove that it maps each of them.
    pub const ALL: [Self; 15] = [
        Self::Argument,
        Self::Pattern,
        Self::PathNotFound,
        Self::AccessDenied,
        Self::Changed,
        Self::Decode,
        Self::Limit,
        Self::OutsideRoot,
        Self::Conflict,
        Self::NotCommitted,
        Self::CommittedNotDurable,
        Self::Cancelled,
        Self::Forked,
        Self::Io,
        Self::Internal,
    ];

    /// The kind that a system error stands for.
    #[must_use]
    pub fn of_io(error: &std::io::Error) -> Self {
        if OutsideRoot::is_in(error) {
            return Self::OutsideRoot;
        }
        match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Self::PathNotFound,
            std::io::ErrorKind::PermissionDenied => Self::AccessDenied,
            _ => Self::Io,
        }
    }
}

/// A failure: its kind, what was being done, of which path, and the system's own error where there is one.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    path: Option<Vec<u8>>,
    source: Option<Arc<std::io::Error>>,
}

impl Error {
    /// A failure of `kind`, described by `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), path: None, source: None }
    }

    /// An argument that cannot be used: its name as the caller spells it, and what it may be.
    #[must_use]
    pub fn argument(name: &str, expected: &str) -> Self {
        Self::new(ErrorKind::Argument, format!("{name}: {expected}"))
    }

    /// A system error met while doing `step` (a verb phrase such as "open"); the empty path is none.
    pub fn io(step: &str, path: &[u8], error: impl Into<std::io::Error>) -> Self {
        let error = error.into();
        Self {
            kind: ErrorKind::of_io(&error),
            message: format!("cannot {step}"),
            path: (!path.is_empty()).then(|| path.to_vec()),
            source: Some(Arc::new(error)),
        }
    }

    /// The same failure, as another kind: what a system error means depends on what it stopped.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// A panic that was caught, so that the host lives and the next call works.
    #[must_use]
    pub fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(text), _) => text,
            (_, Some(text)) => text.as_str(),
            _ => "no message",
        };
        Self::new(ErrorKind::Internal, format!("a defect of this library: {text}; please report it"))
    }

    /// The same failure, of this path.
    #[must_use]
    pub fn with_path(mut self, path: &[u8]) -> Self {
        self.path = Some(path.to_vec());
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The bytes of the path it is about.
    #[must_use]
    pub fn path(&self) -> Option<&[u8]> {
        self.path.as_deref()
    }

    /// The system's error number, where the failure came from the system.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.source.as_ref().and_then(|error| error.raw_os_error())
    }

    /// The text for a table's `error` column, where the path stands beside it.
    #[must_use]
    pub fn row_text(&self) -> String {
        match &self.source {
            Some(source) => format!("{}: {}", self.message, system_text(source)),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.row_text())?;
        match &self.path {
            Some(path) => write!(f, " ({})", String::from_utf8_lossy(path)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}

/// The system's description without the "(os error N)" that the standard library appends.
fn system_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(at) => text[..at].to_lowercase(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_was_asked_and_of_which_path() {
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(Error::io("open", b"a/b", missing()).to_string(), "cannot open: entity not found (a/b)");
        assert_eq!(Error::io("open", b"a/b", missing()).row_text(), "cannot open: entity not found");
        assert_eq!(Error::io("start a thread", b"", missing()).to_string(), "cannot start a thread: entity not found");
        let outside = Error::io("open", b"..", OutsideRoot);
        assert_eq!(outside.kind(), ErrorKind::OutsideRoot);
        assert!(outside.to_string().starts_with("cannot open: it leads outside of the root"), "{outside}");
    }
}
