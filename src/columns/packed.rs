//! Texts and bytes as Arrow views into buffers of exactly their length.
//!
//! Arrow's own builder takes blocks of up to 2 MiB, and an array keeps the whole of its last one. The engine holds tens
//! of arrays at a time, each of a few rows: that was several times the memory of what they show.

use std::sync::Arc;

use arrow_array::builder::make_view;
use arrow_array::types::{BinaryViewType, ByteViewType, StringViewType};
use arrow_array::{ArrayRef, GenericByteViewArray};
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::ArrowError;

use super::Append;

/// How many bytes an Arrow view holds itself.
const INLINE: usize = 12;
/// A value from so many bytes on stays where it was read; copying the small ones together costs less than a buffer each.
const OWN_BUFFER: usize = 64 << 10;

/// The values of an array that is being gathered.
pub(super) struct Packed<V>(Vec<Option<V>>);

impl<V> Packed<V> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }
}

impl Append<String> for Packed<String> {
    fn append(&mut self, value: Option<String>) {
        self.0.push(value);
    }

    fn array(&mut self) -> Result<ArrayRef, ArrowError> {
        array::<String, StringViewType>(std::mem::take(&mut self.0))
    }
}

impl Append<Vec<u8>> for Packed<Vec<u8>> {
    fn append(&mut self, value: Option<Vec<u8>>) {
        self.0.push(value);
    }

    fn array(&mut self) -> Result<ArrayRef, ArrowError> {
        array::<Vec<u8>, BinaryViewType>(std::mem::take(&mut self.0))
    }
}

fn array<V: Into<Vec<u8>>, T: ByteViewType>(values: Vec<Option<V>>) -> Result<ArrayRef, ArrowError>
where
    GenericByteViewArray<T>: 'static,
{
    let values: Vec<Option<Vec<u8>>> = values.into_iter().map(|value| value.map(Into::into)).collect();
    let is_shared = |value: &&Vec<u8>| (INLINE + 1..OWN_BUFFER).contains(&value.len());
    let shared_bytes = values.iter().flatten().filter(is_shared).map(Vec::len).sum();
    let nulls: NullBuffer = values.iter().map(Option::is_some).collect();
    let mut shared: Vec<u8> = Vec::with_capacity(shared_bytes);
    // The shared buffer is the first, if there is one.
    let mut own = u32::from(shared_bytes > 0);
    let mut buffers = Vec::new();
    let mut views = Vec::with_capacity(values.len());
    for value in values {
        let Some(mut value) = value else {
            views.push(0);
            continue;
        };
        if is_shared(&&value) {
            let offset = u32::try_from(shared.len()).map_err(|_| ArrowError::OffsetOverflowError(shared.len()))?;
            views.push(make_view(&value, 0, offset));
            shared.extend_from_slice(&value);
        } else {
            views.push(make_view(&value, own, 0));
            if value.len() > INLINE {
                own += 1;
                value.shrink_to_fit();
                buffers.push(Buffer::from_vec(value));
            }
        }
    }
    if shared_bytes > 0 {
        buffers.insert(0, Buffer::from_vec(shared));
    }
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    Ok(Arc::new(GenericByteViewArray::<T>::try_new(ScalarBuffer::from(views), buffers, nulls)?))
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;

    use super::*;

    /// What an array holds on to besides its views.
    fn held(array: &ArrayRef) -> usize {
        array.as_string_view().data_buffers().iter().map(Buffer::capacity).sum()
    }

    #[test]
    fn values_of_every_size_come_back_and_nothing_more_is_held() {
        let sizes = [0, 1, 12, 13, 100, OWN_BUFFER - 1, OWN_BUFFER, OWN_BUFFER + 1, 3 << 20, 12, 500];
        let value = |size: usize| {
            let mut text = String::with_capacity(3 * size + 5);
            text.extend("größe ".chars().cycle().take(size));
            text
        };
        let mut values: Vec<Option<String>> = sizes.iter().map(|size| Some(value(*size))).collect();
        values.insert(3, None);
        values.push(None);
        let mut packed = Packed::new();
        // What is gathered before does not show in what is gathered after.
        for _ in 0..3 {
            values.iter().cloned().for_each(|value| packed.append(value));
            let array = packed.array().unwrap();
            let expected = values.iter().map(Option::as_deref);
            assert!(array.as_string_view().iter().eq(expected));
            let shown: usize = values.iter().flatten().map(String::len).sum();
            assert!(held(&array) <= shown + 64, "{} bytes for {shown}", held(&array));
        }
        let small = Some("a text of some length".to_owned());
        packed.append(small.clone());
        let array = packed.array().unwrap();
        assert_eq!(array.as_string_view().iter().collect::<Vec<_>>(), [small.as_deref()]);
        assert!(held(&array) <= 64);
        assert_eq!(packed.array().unwrap().len(), 0);
    }
}
