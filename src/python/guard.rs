//! The one place where a panic becomes an exception.
//!
//! A panic that reaches `PyO3` becomes a `PanicException`, which is no `Exception`: it passes every `except Exception` and
//! ends a server that had promised to survive its tools. One that reaches a C callback aborts the process. So every
//! entry of this face runs inside a guard, and a defect is an `InternalError` like any other error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::PyErr;

use super::errors::raised;
use crate::error::{Error, Result};
use crate::fail_point::FailPoint;

/// Run an entry; its panic is an `InternalError`.
///
/// What a panic left half done stays usable: no lock of this library is refused because its holder panicked, and a scan
/// that failed is closed.
pub fn guarded<T, E: From<PyErr>>(entry: impl FnOnce() -> std::result::Result<T, E>) -> std::result::Result<T, E> {
    catch_unwind(AssertUnwindSafe(|| {
        FailPoint::Entry.pass();
        entry()
    }))
    .unwrap_or_else(|panic| Err(raised(&Error::of_panic(panic.as_ref())).into()))
}

/// Run a part of an entry that Python is not told of: another thread's work, a callback from C.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Error::of_panic(panic.as_ref())))
}
