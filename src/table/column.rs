//! Growing columns: text as views into one arena, numbers, times, flags and lists.
//!
//! A column that is not selected ignores what is pushed, so that builders need no conditions of their own. Every column
//! can be cut back to an earlier length, because the rows of a file that changed while it was read are taken back.

use std::sync::Arc;

use arrow_array::builder::make_view;
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, Int64Array, LargeBinaryArray, LargeListArray, LargeStringArray,
    StringViewArray, TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field};

use super::schema::{Layout, TimeUnit};

/// How many bytes an Arrow view holds itself.
const INLINE: usize = 12;

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
    pub fn finish(&mut self) -> Buffer {
        let capacity = self.data.len();
        Buffer::from_vec(std::mem::replace(&mut self.data, Vec::with_capacity(capacity.min(1 << 20))))
    }
}

/// Views as the offsets and values of the classic layout.
fn gathered(views: &[u128], text: &Buffer) -> (OffsetBuffer<i64>, Buffer) {
    let mut offsets = Vec::with_capacity(views.len() + 1);
    let mut values = Vec::new();
    offsets.push(0i64);
    for view in views {
        let bytes = view.to_le_bytes();
        let length = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        if length <= INLINE {
            values.extend_from_slice(&bytes[4..4 + length]);
        } else {
            let start = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]) as usize;
            values.extend_from_slice(&text[start..start + length]);
        }
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

    /// The finished text column.
    ///
    /// # Errors
    /// If a cell is not valid UTF-8, which would be a defect of the builder.
    pub fn finish_text(&mut self, text: &Buffer, layout: Layout) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls.finish();
        let views = std::mem::take(&mut self.views);
        Ok(if layout.views {
            Arc::new(StringViewArray::try_new(ScalarBuffer::from(views), vec![text.clone()], nulls)?)
        } else {
            let (offsets, values) = gathered(&views, text);
            Arc::new(LargeStringArray::try_new(offsets, values, nulls)?)
        })
    }

    /// The finished column of bytes.
    ///
    /// # Errors
    /// If a cell points outside the arena, which would be a defect of the builder.
    pub fn finish_bytes(&mut self, text: &Buffer, layout: Layout) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls.finish();
        let views = std::mem::take(&mut self.views);
        Ok(if layout.views {
            Arc::new(BinaryViewArray::try_new(ScalarBuffer::from(views), vec![text.clone()], nulls)?)
        } else {
            let (offsets, values) = gathered(&views, text);
            Arc::new(LargeBinaryArray::try_new(offsets, values, nulls)?)
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

impl Numbers<i64> {
    /// The finished column of integers.
    pub fn finish(&mut self) -> ArrayRef {
        Arc::new(Int64Array::new(std::mem::take(&mut self.values).into(), self.nulls.finish()))
    }

    /// The finished column of instants, which were pushed as nanoseconds since 1970.
    pub fn finish_times(&mut self, layout: Layout) -> ArrayRef {
        let mut values = std::mem::take(&mut self.values);
        let nulls = self.nulls.finish();
        match layout.timestamps {
            TimeUnit::Nanoseconds => Arc::new(TimestampNanosecondArray::new(values.into(), nulls).with_timezone("UTC")),
            TimeUnit::Microseconds => {
                for value in &mut values {
                    *value = value.div_euclid(1_000);
                }
                Arc::new(TimestampMicrosecondArray::new(values.into(), nulls).with_timezone("UTC"))
            }
        }
    }
}

impl Numbers<u64> {
    /// The finished column of unsigned integers.
    pub fn finish(&mut self) -> ArrayRef {
        Arc::new(UInt64Array::new(std::mem::take(&mut self.values).into(), self.nulls.finish()))
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

    /// The finished column.
    pub fn finish(&mut self) -> ArrayRef {
        Arc::new(BooleanArray::new(self.values.finish(), None))
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
        let field = Arc::new(Field::new("item", item_type(&items), true));
        Ok(Arc::new(LargeListArray::try_new(field, OffsetBuffer::new(ScalarBuffer::from(offsets)), items, None)?))
    }
}

fn item_type(items: &ArrayRef) -> DataType {
    items.data_type().clone()
}
