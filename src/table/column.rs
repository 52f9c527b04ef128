//! Growing columns: text as views into one arena, numbers, times, flags and lists.
//!
//! A column that is not selected ignores what is pushed, so that builders need no conditions of their own. Every column
//! can be cut back to an earlier length, because the rows of a file that changed while it was read are taken back.

use std::sync::Arc;

use arrow_array::builder::make_view;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Int64Array, LargeBinaryArray, LargeListArray, LargeStringArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Field};

use super::schema::{ColumnType, Layout, TimeUnit};
use super::text::{INLINE, Text, View};

/// A column that can be taken out as an Arrow array; it starts anew then.
pub trait Finish {
    /// The array, over the text of the batch.
    ///
    /// # Errors
    /// If the column does not hold what its type says, which would be a defect of its builder.
    fn finish(&mut self, kind: ColumnType, text: &Text, layout: Layout) -> Result<ArrayRef, ArrowError>;
}

/// The most rows for which a builder makes room before they come.
const MOST_ROOM: usize = 1 << 16;

/// Take a column's values out. The next batch will be about as long, and has room from the start: growing step by step
/// would copy every value once more.
fn taken<T>(values: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(values.len().min(MOST_ROOM));
    std::mem::replace(values, room)
}

/// Where a piece of text lies in an [`Arena`]: the Arrow view of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell(u128);

/// The text of one batch. Views are 32 bits wide, so a batch must end before 4 GiB; builders end them far earlier.
#[derive(Debug, Default)]
pub struct Arena {
    data: Vec<u8>,
}

impl Arena {
    /// Bytes stored so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether nothing is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Store bytes, and say where they start.
    pub fn store(&mut self, bytes: &[u8]) -> usize {
        let start = self.data.len();
        self.data.extend_from_slice(bytes);
        start
    }

    /// Stored bytes.
    #[must_use]
    pub fn bytes(&self, start: usize, length: usize) -> &[u8] {
        &self.data[start..start + length]
    }

    /// The cell that shows `length` bytes from `start`.
    #[must_use]
    pub fn cell(&self, start: usize, length: usize) -> Cell {
        // A batch ends at a byte budget far below 4 GiB; saturation makes a defect a validation error, not a wrong row.
        Cell(make_view(&self.data[start..start + length], 0, u32::try_from(start).unwrap_or(u32::MAX)))
    }

    /// The cell of these bytes; what fits into the view itself is not stored.
    pub fn put(&mut self, bytes: &[u8]) -> Cell {
        if bytes.len() <= INLINE {
            return Cell(make_view(bytes, 0, 0));
        }
        let start = self.store(bytes);
        self.cell(start, bytes.len())
    }

    /// Forget everything stored after `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.data.truncate(length);
    }

    /// Take the text out, to be shared by the finished columns.
    pub fn finish(&mut self) -> Text {
        let capacity = self.data.len();
        Text::new(std::mem::replace(&mut self.data, Vec::with_capacity(capacity.min(1 << 20))))
    }
}

/// Views as the offsets and values of the classic layout.
fn gathered(views: &[u128], text: &Text) -> (OffsetBuffer<i64>, Buffer) {
    let mut offsets = Vec::with_capacity(views.len() + 1);
    let mut values = Vec::new();
    offsets.push(0i64);
    for view in views {
        values.extend_from_slice(text.bytes_of(&View::new(*view)));
        offsets.push(i64::try_from(values.len()).unwrap_or(i64::MAX));
    }
    (OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(values))
}

/// A column of text or bytes.
#[derive(Debug)]
pub struct Cells {
    on: bool,
    views: Vec<u128>,
    nulls: NullBufferBuilder,
}

impl Cells {
    /// A column that is kept only if `on`.
    #[must_use]
    pub fn new(on: bool) -> Self {
        Self { on, views: Vec::new(), nulls: NullBufferBuilder::new(0) }
    }

    /// Whether the column is selected.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Append a cell.
    pub fn push(&mut self, cell: Cell) {
        if self.on {
            self.views.push(cell.0);
            self.nulls.append_non_null();
        }
    }

    /// Append a null.
    pub fn push_null(&mut self) {
        if self.on {
            self.views.push(0);
            self.nulls.append_null();
        }
    }

    /// Append a cell or a null.
    pub fn push_option(&mut self, cell: Option<Cell>) {
        match cell {
            Some(cell) => self.push(cell),
            None => self.push_null(),
        }
    }

    /// Append a label that fits into the view itself or is stored.
    pub fn push_text(&mut self, arena: &mut Arena, text: Option<&str>) {
        match text {
            Some(text) if self.on => self.push(arena.put(text.as_bytes())),
            _ => self.push_null(),
        }
    }

    /// Rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// Whether it holds no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// Cut back to `rows`.
    pub fn truncate(&mut self, rows: usize) {
        if self.on {
            self.views.truncate(rows);
            self.nulls.truncate(rows);
        }
    }
}

impl Finish for Cells {
    fn finish(&mut self, kind: ColumnType, text: &Text, layout: Layout) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls.finish();
        let views = taken(&mut self.views);
        if layout.views {
            return Ok(match kind {
                ColumnType::Bytes => Arc::new(text.binary(views, nulls)?),
                _ => Arc::new(text.strings(views, nulls)?),
            });
        }
        let (offsets, values) = gathered(&views, text);
        Ok(match kind {
            ColumnType::Bytes => Arc::new(LargeBinaryArray::try_new(offsets, values, nulls)?),
            _ => Arc::new(LargeStringArray::try_new(offsets, values, nulls)?),
        })
    }
}

/// A column of numbers of one primitive type.
#[derive(Debug)]
pub struct Numbers<T> {
    on: bool,
    values: Vec<T>,
    nulls: NullBufferBuilder,
}

impl<T: Copy + Default> Numbers<T> {
    /// A column that is kept only if `on`.
    #[must_use]
    pub fn new(on: bool) -> Self {
        Self { on, values: Vec::new(), nulls: NullBufferBuilder::new(0) }
    }

    /// Whether the column is selected.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Append a value or a null.
    pub fn push(&mut self, value: Option<T>) {
        if self.on {
            self.values.push(value.unwrap_or_default());
            self.nulls.append(value.is_some());
        }
    }

    /// Cut back to `rows`.
    pub fn truncate(&mut self, rows: usize) {
        if self.on {
            self.values.truncate(rows);
            self.nulls.truncate(rows);
        }
    }
}

impl Finish for Numbers<i64> {
    /// Instants were pushed as nanoseconds since 1970.
    fn finish(&mut self, kind: ColumnType, _text: &Text, layout: Layout) -> Result<ArrayRef, ArrowError> {
        let mut values = taken(&mut self.values);
        let nulls = self.nulls.finish();
        Ok(match (kind, layout.timestamps) {
            (ColumnType::Time, TimeUnit::Nanoseconds) => {
                Arc::new(TimestampNanosecondArray::try_new(values.into(), nulls)?.with_timezone("UTC"))
            }
            (ColumnType::Time, TimeUnit::Microseconds) => {
                for value in &mut values {
                    *value = value.div_euclid(1_000);
                }
                Arc::new(TimestampMicrosecondArray::try_new(values.into(), nulls)?.with_timezone("UTC"))
            }
            _ => Arc::new(Int64Array::try_new(values.into(), nulls)?),
        })
    }
}

impl Finish for Numbers<u64> {
    fn finish(&mut self, _kind: ColumnType, _text: &Text, _layout: Layout) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(UInt64Array::try_new(taken(&mut self.values).into(), self.nulls.finish())?))
    }
}

/// A column of flags.
#[derive(Debug)]
pub struct Flags {
    on: bool,
    values: BooleanBufferBuilder,
}

impl Flags {
    /// A column that is kept only if `on`.
    #[must_use]
    pub fn new(on: bool) -> Self {
        Self { on, values: BooleanBufferBuilder::new(0) }
    }

    /// Append a flag.
    pub fn push(&mut self, value: bool) {
        if self.on {
            self.values.append(value);
        }
    }

    /// Cut back to `rows`.
    pub fn truncate(&mut self, rows: usize) {
        if self.on {
            self.values.truncate(rows);
        }
    }
}

impl Finish for Flags {
    fn finish(&mut self, _kind: ColumnType, _text: &Text, _layout: Layout) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(BooleanArray::new(self.values.finish(), None)))
    }
}

/// The offsets of a column of lists; the items lie in columns of their own.
#[derive(Debug)]
pub struct Lists {
    on: bool,
    ends: Vec<i64>,
}

impl Lists {
    /// A column that is kept only if `on`.
    #[must_use]
    pub fn new(on: bool) -> Self {
        Self { on, ends: Vec::new() }
    }

    /// Whether the column is selected.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Close a list: its items end where the item column ends now.
    pub fn push(&mut self, items: usize) {
        if self.on {
            self.ends.push(i64::try_from(items).unwrap_or(i64::MAX));
        }
    }

    /// Cut back to `rows`, and say how many items remain.
    pub fn truncate(&mut self, rows: usize) -> usize {
        self.ends.truncate(rows);
        self.ends.last().map_or(0, |end| usize::try_from(*end).unwrap_or(0))
    }

    /// The finished column over its items.
    ///
    /// # Errors
    /// If the items do not fit the offsets, which would be a defect of the builder.
    pub fn finish(&mut self, items: ArrayRef) -> Result<ArrayRef, ArrowError> {
        let mut offsets = Vec::with_capacity(self.ends.len() + 1);
        offsets.push(0);
        offsets.append(&mut self.ends);
        let field = Arc::new(Field::new("item", items.data_type().clone(), true));
        Ok(Arc::new(LargeListArray::try_new(field, OffsetBuffer::new(ScalarBuffer::from(offsets)), items, None)?))
    }
}
