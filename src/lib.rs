//! A file tree is a data frame.
//!
//! The rooms, in the order in which data flows; each uses the rooms above it and none below:
//!
//! - [`error`]: one error type.
//! - [`io`]: a path becomes bytes.
//! - [`search`]: a root becomes files, and files become hits.

pub mod error;
pub mod io;
pub mod search;

pub use error::{Error, ErrorKind, Result};
