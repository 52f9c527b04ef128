//! The interface of Polars' plugins, as `polars-ffi` 0.1 defines it: a column is an Arrow schema and arrays of the C data
//! interface, and a function is a symbol of the library.
//!
//! It is written down here, because the crates that know it bring all of Polars along: thirteen minutes of compiling, once
//! more for each Python that it is built with, and ten times the library.
//!
//! # The contract of the unsafe code
//!
//! This is the only file with unsafe code in this room. Polars calls the functions below with what its interface says:
//! inputs that are valid and are given away (an array is moved out of its place, which is then released), arguments that
//! are valid for the call, and a place for the answer that holds none. What is given back owns all that it points to until
//! its `release` is called. Nothing unwinds through it: a panic is an error as any other.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_void};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use arrow_array::{ArrayRef, make_array};
use arrow_schema::{ArrowError, Field};

use super::{evaluate, field};
use crate::error::{Error, ErrorKind, Result};

/// The version of the interface: the major part above, the minor one below.
const VERSION: u32 = 1;

thread_local! {
    /// Why the last call of this thread gave nothing.
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// A column on its way, `SeriesExport` of `polars-ffi`.
#[repr(C)]
#[derive(Debug)]
pub struct SeriesExport {
    field: *mut FFI_ArrowSchema,
    arrays: *mut *mut FFI_ArrowArray,
    len: usize,
    release: Option<unsafe extern "C" fn(*mut SeriesExport)>,
    private_data: *mut c_void,
}

impl Drop for SeriesExport {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: whoever made it said how it is released, and nobody has done so yet.
            unsafe { release(self) };
        }
    }
}

/// What an exported column owns. The arrays are moved out by whoever takes them, so only their places are freed.
struct Owned {
    field: *mut FFI_ArrowSchema,
    arrays: Box<[*mut FFI_ArrowArray]>,
}

unsafe extern "C" fn release(column: *mut SeriesExport) {
    // SAFETY: Polars hands back what `export` made, once: `release` is taken out then.
    unsafe {
        let column = &mut *column;
        let owned = Box::from_raw(column.private_data.cast::<Owned>());
        drop(Box::from_raw(owned.field));
        for array in &owned.arrays {
            drop(Box::from_raw(array.cast::<ManuallyDrop<FFI_ArrowArray>>()));
        }
        column.release = None;
    }
}

fn defect(error: &ArrowError) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot pass a column: {error}"))
}

fn exported(name: &str, arrays: &[ArrayRef]) -> Result<SeriesExport> {
    let data_type = arrays.first().map(|array| array.data_type().clone());
    let data_type = data_type.ok_or_else(|| Error::new(ErrorKind::Internal, "a column without an array"))?;
    let field = FFI_ArrowSchema::try_from(&Field::new(name, data_type, true)).map_err(|error| defect(&error))?;
    let moved = |array: &ArrayRef| to_ffi(&array.to_data()).map(|(array, _)| Box::into_raw(Box::new(array)));
    let arrays: Vec<_> =
        arrays.iter().map(moved).collect::<std::result::Result<_, _>>().map_err(|error| defect(&error))?;
    let mut owned = Box::new(Owned { field: Box::into_raw(Box::new(field)), arrays: arrays.into_boxed_slice() });
    let (field, places, len) = (owned.field, owned.arrays.as_mut_ptr(), owned.arrays.len());
    let private_data = Box::into_raw(owned).cast();
    Ok(SeriesExport { field, arrays: places, len, release: Some(release), private_data })
}

/// The one column that a function is given.
///
/// # Safety
/// `columns` points to as many columns as `count` says, which are given away.
unsafe fn imported(columns: *mut SeriesExport, count: usize) -> Result<(Field, Vec<ArrayRef>)> {
    // SAFETY: they are ours, and each is read once; dropping one releases what was not moved out of it.
    let columns: Vec<SeriesExport> = (0..count).map(|at| unsafe { ptr::read(columns.add(at)) }).collect();
    let [column] = columns.as_slice() else {
        return Err(Error::new(ErrorKind::Argument, format!("expected one column of paths, got {}", columns.len())));
    };
    // SAFETY: the schema and the places of the arrays are the column's, and valid until it is released.
    let (schema, places) = unsafe { (&*column.field, slice::from_raw_parts(column.arrays, column.len)) };
    let field = Field::try_from(schema).map_err(|error| defect(&error))?;
    let array = |place: &*mut FFI_ArrowArray| {
        // SAFETY: an array is moved out of its place, which keeps an empty one; its schema is the column's.
        unsafe { from_ffi(FFI_ArrowArray::from_raw(*place), schema) }.map(make_array)
    };
    let arrays = places.iter().map(array).collect::<std::result::Result<_, _>>().map_err(|error| defect(&error))?;
    Ok((field, arrays))
}

/// Does it, and keeps what went wrong for Polars to ask for.
fn told<T>(work: impl FnOnce() -> Result<T>) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Error::of_panic(panic.as_ref())));
    match done {
        Ok(done) => Some(done),
        Err(error) => {
            let text = error.to_string().replace('\0', "\u{fffd}");
            LAST_ERROR.with(|last| *last.borrow_mut() = CString::new(text).unwrap_or_default());
            None
        }
    }
}

/// # Safety
/// As Polars calls it.
unsafe fn call(
    expression: &str,
    columns: *mut SeriesExport,
    count: usize,
    pickled: (*const u8, usize),
    answer: *mut SeriesExport,
) {
    let done = told(|| {
        // SAFETY: the caller's word.
        let ((field, chunks), pickled) = unsafe { (imported(columns, count)?, bytes(pickled)) };
        exported(field.name(), &evaluate(expression, &field, &chunks, pickled)?)
    });
    if let Some(column) = done {
        // SAFETY: the place for the answer holds an empty one, which owns nothing.
        unsafe { ptr::write(answer, column) };
    }
}

/// # Safety
/// As Polars calls it.
unsafe fn tell_field(
    expression: &str,
    fields: *const FFI_ArrowSchema,
    count: usize,
    pickled: (*const u8, usize),
    answer: *mut FFI_ArrowSchema,
) {
    let done = told(|| {
        // SAFETY: the caller's word; the fields stay the caller's.
        let (fields, pickled) = unsafe { (slice::from_raw_parts(fields, count), bytes(pickled)) };
        let [paths] = fields else {
            return Err(Error::new(ErrorKind::Argument, format!("expected one column of paths, got {count}")));
        };
        let paths = Field::try_from(paths).map_err(|error| defect(&error))?;
        FFI_ArrowSchema::try_from(&field(expression, &paths, pickled)?).map_err(|error| defect(&error))
    });
    if let Some(field) = done {
        // SAFETY: as above.
        unsafe { ptr::write(answer, field) };
    }
}

/// # Safety
/// The pointer is valid for so many bytes, or there are none.
unsafe fn bytes<'a>((start, length): (*const u8, usize)) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: the caller's word.
    unsafe { slice::from_raw_parts(start, length) }
}

/// The version of the interface that this library speaks.
#[unsafe(no_mangle)]
pub extern "C" fn _polars_plugin_get_version() -> u32 {
    VERSION
}

/// Why the last call of this thread gave nothing; valid until its next one.
#[unsafe(no_mangle)]
pub extern "C" fn _polars_plugin_get_last_error_message() -> *const c_char {
    LAST_ERROR.with(|last| last.borrow().as_ptr())
}

/// The two symbols of an expression: what it gives, and its type.
macro_rules! expression {
    ($name:literal, $call:ident, $field:ident) => {
        #[doc = concat!("The values of the expression `", $name, "`.")]
        ///
        /// # Safety
        /// Only Polars calls it.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $call(
            columns: *mut SeriesExport,
            count: usize,
            pickled: *const u8,
            pickled_bytes: usize,
            answer: *mut SeriesExport,
            _context: *const c_void,
        ) {
            // SAFETY: the caller's word.
            unsafe { call($name, columns, count, (pickled, pickled_bytes), answer) }
        }

        #[doc = concat!("The type of the expression `", $name, "`.")]
        ///
        /// # Safety
        /// Only Polars calls it.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $field(
            fields: *const FFI_ArrowSchema,
            count: usize,
            answer: *mut FFI_ArrowSchema,
            pickled: *const u8,
            pickled_bytes: usize,
        ) {
            // SAFETY: the caller's word.
            unsafe { tell_field($name, fields, count, (pickled, pickled_bytes), answer) }
        }
    };
}

expression!("read_text", _polars_plugin_read_text, _polars_plugin_field_read_text);
expression!("read_bytes", _polars_plugin_read_bytes, _polars_plugin_field_read_bytes);
expression!("head", _polars_plugin_head, _polars_plugin_field_head);
expression!("blake3", _polars_plugin_blake3, _polars_plugin_field_blake3);
expression!("line_count", _polars_plugin_line_count, _polars_plugin_field_line_count);
expression!("encoding", _polars_plugin_encoding, _polars_plugin_field_encoding);
expression!("is_binary", _polars_plugin_is_binary, _polars_plugin_field_is_binary);
expression!("count_hits", _polars_plugin_count_hits, _polars_plugin_field_count_hits);
expression!("search", _polars_plugin_search, _polars_plugin_field_search);
expression!("chunks", _polars_plugin_chunks, _polars_plugin_field_chunks);
expression!("info", _polars_plugin_info, _polars_plugin_field_info);
expression!("exists", _polars_plugin_exists, _polars_plugin_field_exists);
