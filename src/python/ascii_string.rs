//! A Python string whose characters are read from a file straight into their place.
//!
//! Most large texts are ASCII, and a new page costs more than what is written into it: the kernel clears it first. Read
//! into a buffer and decoded from there, a text is written to new pages twice.
//!
//! All calls are of the stable ABI: `PyUnicode_Resize` makes room in a string that nobody else has seen, and for a
//! string of ASCII `PyUnicode_AsUTF8AndSize` gives the place of the characters themselves.
//!
//! # The contract of the unsafe code
//!
//! This is the only file with unsafe code in this room. The place of the characters is written to only through
//! `&mut self`, while this holds the one reference to the string, whose length was compared with the room asked for.
#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// A string of ASCII of a given length that nobody has seen, and whose characters are not written yet.
pub struct UnwrittenString {
    // Held alone: no other reference is made before `written`.
    string: Py<PyString>,
    place: *mut u8,
    length: usize,
}

// SAFETY: the place belongs to the string, which is held alone and is not moved or freed before this is.
unsafe impl Send for UnwrittenString {}

impl UnwrittenString {
    /// Room for `length` characters; `None` if there is no memory for it, or the interpreter has not made it in place.
    pub fn new(py: Python<'_>, length: usize) -> Option<Self> {
        let wanted = ffi::Py_ssize_t::try_from(length).ok()?;
        // Two characters: the strings of one or none are shared by everybody.
        // SAFETY: the pointer is owned and of a new string; `PyUnicode_Resize` owns and replaces it, or takes it away
        // and leaves NULL with an exception. The length is asked for and compared, so the place has room for it.
        unsafe {
            let mut string = ffi::PyUnicode_FromStringAndSize(c"--".as_ptr(), 2);
            if !string.is_null() && ffi::PyUnicode_Resize(&raw mut string, wanted) != 0 {
                PyErr::take(py);
            }
            let string = Bound::from_owned_ptr_or_opt(py, string)?.cast_into::<PyString>().ok()?;
            let mut size = 0;
            let place = ffi::PyUnicode_AsUTF8AndSize(string.as_ptr(), &raw mut size);
            let fits = !place.is_null() && size == wanted && ffi::Py_REFCNT(string.as_ptr()) == 1;
            fits.then(|| Self { string: string.unbind(), place: place.cast_mut().cast(), length })
        }
    }

    /// The place of the characters.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the place holds so many bytes and nobody else knows it. The allocator is the interpreter's, so to Rust
        // what lies there has some value, whatever it is.
        unsafe { std::slice::from_raw_parts_mut(self.place, self.length) }
    }

    /// The string, if all that was written is ASCII.
    ///
    /// # Errors
    /// Gives itself back.
    pub fn written(mut self, py: Python<'_>) -> Result<Bound<'_, PyString>, Self> {
        if self.bytes().is_ascii() { Ok(self.string.into_bound(py)) } else { Err(self) }
    }
}
