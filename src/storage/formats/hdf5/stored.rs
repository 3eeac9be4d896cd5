//! How the elements of a dataset are stored, and what it takes to have them as this machine has them in memory.
//!
//! Types that differ from memory in nothing but the order of their bytes (integers, floats, their enums, complex numbers) are
//! read as they are, by whatever way, and turned around here. The library never gets to convert an enum, in which
//! it takes what has no name for an error. It converts what is left: integers and floats of unusual precision.

use hdf5::plist::DatasetCreate;
use hdf5::{Dataset, Datatype};
use hdf5_sys::h5p::H5Pget_fill_value;

use super::types::{self, Form};
use crate::storage::schema::element::DataType;
use crate::storage::voxels::plain;

/// How elements are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) data_type: DataType,
    form: Form,
    /// The field that is wanted of elements that have several, and the field of that, and so on.
    fields: Vec<String>,
    /// The extents of the array that each element is; none where it is a single value.
    pub(super) inner: Vec<u64>,
}

impl Stored {
    /// How the elements of `dataset`, or a field of them, are stored; or what they are instead, in words.
    pub(super) fn of(dataset: &Dataset, fields: &[String]) -> hdf5::Result<Result<Self, String>> {
        let mut stored = dataset.dtype()?;
        for field in fields {
            match types::field(&stored, field)? {
                Some(inner) => stored = inner,
                None => return Ok(Err(format!("{}, and no field {field}", types::name(&stored)))),
            }
        }
        let (inner, part) = types::parts(stored.clone())?;
        Ok(match types::meaning(&part)? {
            Some((data_type, form)) => Ok(Self { data_type, form, fields: fields.to_vec(), inner }),
            None => Err(types::name(&stored)),
        })
    }

    /// Whether the bytes in the file are those in memory.
    pub(super) fn is_native(&self) -> bool {
        self.form == Form::Native && self.is_all()
    }

    /// Whether chunks of such elements can be decoded without the library.
    pub(super) fn is_whole(&self) -> bool {
        self.form != Form::Foreign && self.is_all()
    }

    /// Whether an element is one value, and nothing else.
    fn is_all(&self) -> bool {
        self.fields.is_empty() && self.inner.is_empty()
    }

    /// Turns the bytes of elements, as they are stored, into those in memory; and the other way round.
    pub(super) fn swap(&self, bytes: &mut [u8]) {
        if self.is_swapped() {
            plain::swap_bytes(bytes, self.data_type.size_of_part());
        }
    }

    pub(super) fn is_swapped(&self) -> bool {
        self.form == Form::Swapped
    }

    /// The type that the library is to put into memory, for [`swap`](Self::swap) to turn around: the stored one, which it then
    /// leaves alone, or what it converts that to.
    pub(super) fn in_memory(&self, dataset: &Dataset) -> hdf5::Result<Datatype> {
        let mut element = dataset.dtype()?;
        for field in &self.fields {
            element = types::field(&element, field)?.ok_or("the field is gone")?;
        }
        if self.form == Form::Foreign {
            element = types::array_of(&self.inner, types::native(self.data_type)?)?;
        }
        // Nothing but the field: the library picks it out.
        self.fields.iter().rev().try_fold(element, |inner, field| types::only_field(field, &inner))
    }

    /// The bytes of a value that nobody wrote, as they are in memory: the first of an element that is an array.
    pub(super) fn fill_value(&self, dataset: &Dataset, creation: &DatasetCreate) -> Vec<u8> {
        let size = self.data_type.size();
        let Ok(in_memory) = self.in_memory(dataset) else { return vec![0; size] };
        let mut bytes = vec![0; in_memory.size()];
        // SAFETY: ids, and as many bytes as an element of that type takes.
        let code = hdf5::sync::sync(|| unsafe {
            H5Pget_fill_value(creation.id(), in_memory.id(), bytes.as_mut_ptr().cast())
        });
        // A dataset may have none.
        if code < 0 {
            bytes.fill(0);
        }
        bytes.truncate(size);
        self.swap(&mut bytes);
        bytes
    }
}
