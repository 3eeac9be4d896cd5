//! Which types of HDF5 stand for which type of element, and what the others are called.
//!
//! What HDF5 has no type for is stored as h5py stores it: bool is an enum of FALSE and TRUE, a complex number is a compound of
//! `r` and `i`, and floats of 16 bits are floats of other fields.

use std::ffi::{CStr, CString, c_char, c_uint, c_void};

use hdf5::{Datatype, h5check};
use hdf5_sys::h5::{H5free_memory, hsize_t};
use hdf5_sys::h5t::{
    H5T_class_t, H5T_order_t, H5T_sign_t, H5Tarray_create2, H5Tcopy, H5Tcreate, H5Tget_array_dims2,
    H5Tget_array_ndims, H5Tget_class, H5Tget_member_index, H5Tget_member_name, H5Tget_member_offset,
    H5Tget_member_type, H5Tget_member_value, H5Tget_nmembers, H5Tget_sign, H5Tget_super, H5Tget_tag,
    H5Tinsert, H5Tset_ebias, H5Tset_fields, H5Tset_order, H5Tset_size,
};

use crate::storage::schema::element::DataType;

/// This machine's byte order, and the other one.
const ORDERS: [H5T_order_t; 2] = match cfg!(target_endian = "little") {
    true => [H5T_order_t::H5T_ORDER_LE, H5T_order_t::H5T_ORDER_BE],
    false => [H5T_order_t::H5T_ORDER_BE, H5T_order_t::H5T_ORDER_LE],
};

/// What bool is stored as.
const TRUTHS: [(&CStr, u8); 2] = [(c"FALSE", 0), (c"TRUE", 1)];

/// What the parts of a complex number are called: by h5py, and by others.
const PARTS: [[&CStr; 2]; 4] = [[c"r", c"i"], [c"re", c"im"], [c"real", c"imag"], [c"real", c"imaginary"]];

/// How elements lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As in memory.
    Native,
    /// In the other byte order.
    Swapped,
    /// In a way that the library knows.
    Foreign,
}

/// The type of element that `stored` stands for, and how that is stored; `None` where there is none.
pub(super) fn meaning(stored: &Datatype) -> hdf5::Result<Option<(DataType, Form)>> {
    match class(stored) {
        H5T_class_t::H5T_INTEGER => Ok(integer(stored).map(|data_type| (data_type, form(stored, data_type)))),
        H5T_class_t::H5T_FLOAT => Ok(float(stored)),
        H5T_class_t::H5T_ENUM => {
            let base = base(stored)?;
            if base.size() == 1 && is_bool(stored) {
                return Ok(Some((DataType::Bool, Form::Native)));
            }
            // What is not named is a number all the same.
            Ok(meaning(&base)?.filter(|(_, form)| *form != Form::Foreign))
        }
        H5T_class_t::H5T_COMPOUND => complex(stored),
        _ => Ok(None),
    }
}

/// The extents of the arrays that elements are, and what is in them; no extents where they are no arrays.
pub(super) fn parts(stored: Datatype) -> hdf5::Result<(Vec<u64>, Datatype)> {
    let (mut extents, mut part) = (Vec::new(), stored);
    while class(&part) == H5T_class_t::H5T_ARRAY {
        extents.extend(array_shape(&part));
        part = base(&part)?;
    }
    Ok((extents, part))
}

/// The type of arrays of these extents, if there are any.
pub(super) fn array_of(extents: &[hsize_t], part: Datatype) -> hdf5::Result<Datatype> {
    if extents.is_empty() {
        return Ok(part);
    }
    hdf5::sync::sync(|| {
        // SAFETY: a datatype's id, and as many extents as is said.
        unsafe {
            let id = H5Tarray_create2(part.id(), extents.len() as c_uint, extents.as_ptr());
            hdf5::from_id(h5check(id)?)
        }
    })
}

fn integer(stored: &Datatype) -> Option<DataType> {
    // SAFETY: a datatype's id.
    let is_signed = hdf5::sync::sync(|| unsafe { H5Tget_sign(stored.id()) }) == H5T_sign_t::H5T_SGN_2;
    Some(match (stored.size(), is_signed) {
        (1, false) => DataType::U8,
        (2, false) => DataType::U16,
        (4, false) => DataType::U32,
        (8, false) => DataType::U64,
        (1, true) => DataType::I8,
        (2, true) => DataType::I16,
        (4, true) => DataType::I32,
        (8, true) => DataType::I64,
        _ => return None,
    })
}

fn float(stored: &Datatype) -> Option<(DataType, Form)> {
    match stored.size() {
        2 => [DataType::F16, DataType::BF16]
            .map(|data_type| (data_type, form(stored, data_type)))
            .into_iter()
            .find(|(_, form)| *form != Form::Foreign),
        4 => Some((DataType::F32, form(stored, DataType::F32))),
        8 => Some((DataType::F64, form(stored, DataType::F64))),
        _ => None,
    }
}

fn form(stored: &Datatype, data_type: DataType) -> Form {
    let is_in = |order| ordered(data_type, order).is_ok_and(|known| known == *stored);
    match ORDERS.map(is_in) {
        [true, _] => Form::Native,
        [_, true] => Form::Swapped,
        _ => Form::Foreign,
    }
}

fn is_bool(stored: &Datatype) -> bool {
    let has = |(name, value): (&CStr, u8)| {
        let mut found = 0u8;
        // SAFETY: an enum's id, names that end, and room for a value of one byte, which the caller has seen to.
        let code = hdf5::sync::sync(|| unsafe {
            match H5Tget_member_index(stored.id(), name.as_ptr()) {
                index @ 0.. => {
                    H5Tget_member_value(stored.id(), index as c_uint, (&raw mut found).cast::<c_void>())
                }
                _ => -1,
            }
        });
        code >= 0 && found == value
    };
    n_members(stored) == TRUTHS.len() as u32 && TRUTHS.into_iter().all(has)
}

fn complex(stored: &Datatype) -> hdf5::Result<Option<(DataType, Form)>> {
    let is_part = |at: usize| {
        let index = at as c_uint;
        // SAFETY: a compound's id and the number of one of its two members.
        let offset = hdf5::sync::sync(|| unsafe { H5Tget_member_offset(stored.id(), index) });
        offset == at * stored.size() / 2
    };
    if n_members(stored) != 2 || !is_part(0) || !is_part(1) {
        return Ok(None);
    }
    let [Some(real_name), Some(imaginary_name)] = [0, 1].map(|index| member_name(stored, index)) else {
        return Ok(None);
    };
    let called = |[real, imaginary]: &[&CStr; 2]| {
        real_name.as_bytes() == real.to_bytes() && imaginary_name.as_bytes() == imaginary.to_bytes()
    };
    if !PARTS.iter().any(called) {
        return Ok(None);
    }
    let (real, imaginary) = (member(stored, 0)?, member(stored, 1)?);
    if class(&real) != H5T_class_t::H5T_FLOAT || real != imaginary || 2 * real.size() != stored.size() {
        return Ok(None);
    }
    Ok(match float(&real) {
        Some((DataType::F32, form)) if form != Form::Foreign => Some((DataType::C64, form)),
        Some((DataType::F64, form)) if form != Form::Foreign => Some((DataType::C128, form)),
        _ => None,
    })
}

/// The type of the field called `name`, if `stored` has fields and one is.
pub(super) fn field(stored: &Datatype, name: &str) -> hdf5::Result<Option<Datatype>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    if class(stored) != H5T_class_t::H5T_COMPOUND {
        return Ok(None);
    }
    // SAFETY: a compound's id, and a name that ends.
    let index = hdf5::sync::sync(|| unsafe { H5Tget_member_index(stored.id(), name.as_ptr()) });
    c_uint::try_from(index).ok().map(|index| member(stored, index)).transpose()
}

/// A type of nothing but a field called `name`.
pub(super) fn only_field(name: &str, field: &Datatype) -> hdf5::Result<Datatype> {
    let name = CString::new(name).map_err(|error| hdf5::Error::from(error.to_string()))?;
    compound(field.size(), &[(&name, 0)], field)
}

/// What `data_type` is stored as, in this machine's byte order.
pub(super) fn native(data_type: DataType) -> hdf5::Result<Datatype> {
    ordered(data_type, ORDERS[0])
}

fn ordered(data_type: DataType, order: H5T_order_t) -> hdf5::Result<Datatype> {
    let made = match data_type {
        DataType::U8 => Datatype::from_type::<u8>(),
        DataType::U16 => Datatype::from_type::<u16>(),
        DataType::U32 => Datatype::from_type::<u32>(),
        DataType::U64 => Datatype::from_type::<u64>(),
        DataType::I8 => Datatype::from_type::<i8>(),
        DataType::I16 => Datatype::from_type::<i16>(),
        DataType::I32 => Datatype::from_type::<i32>(),
        DataType::I64 => Datatype::from_type::<i64>(),
        DataType::F32 => Datatype::from_type::<f32>(),
        DataType::F64 => Datatype::from_type::<f64>(),
        // The library's bindings make the enum that h5py makes; of one byte there is one order.
        DataType::Bool => return Datatype::from_type::<bool>(),
        DataType::F16 => half([10, 5], 15),
        DataType::BF16 => half([7, 8], 127),
        DataType::C64 => return pair(&ordered(DataType::F32, order)?),
        DataType::C128 => return pair(&ordered(DataType::F64, order)?),
    }?;
    // SAFETY: the id of a copy that is ours.
    hdf5::sync::sync(|| unsafe { h5check(H5Tset_order(made.id(), order)) })?;
    Ok(made)
}

/// A float of 16 bits: so many bits of fraction and of exponent, and the exponent's bias.
fn half([fraction, exponent]: [usize; 2], bias: usize) -> hdf5::Result<Datatype> {
    let single = Datatype::from_type::<f32>()?;
    hdf5::sync::sync(|| {
        // SAFETY: a datatype's id, and then that of a copy of it, in whose bits the fields lie.
        unsafe {
            let made = hdf5::from_id::<Datatype>(h5check(H5Tcopy(single.id()))?)?;
            h5check(H5Tset_fields(made.id(), 15, fraction, exponent, 0, fraction))?;
            h5check(H5Tset_size(made.id(), 2))?;
            h5check(H5Tset_ebias(made.id(), bias))?;
            Ok(made)
        }
    })
}

fn pair(part: &Datatype) -> hdf5::Result<Datatype> {
    let [real, imaginary] = PARTS[0];
    compound(2 * part.size(), &[(real, 0), (imaginary, part.size())], part)
}

/// A type of so many bytes, with fields of one type by name and place.
fn compound(size: usize, fields: &[(&CStr, usize)], field: &Datatype) -> hdf5::Result<Datatype> {
    hdf5::sync::sync(|| {
        // SAFETY: a class and a size, and then the new type's id with names that end and a type that lives longer.
        unsafe {
            let id = H5Tcreate(H5T_class_t::H5T_COMPOUND, size);
            let made = hdf5::from_id::<Datatype>(h5check(id)?)?;
            for (name, offset) in fields {
                h5check(H5Tinsert(made.id(), name.as_ptr(), *offset, field.id()))?;
            }
            Ok(made)
        }
    })
}

/// What elements are, in words: for those that no type of element stands for.
pub(super) fn name(stored: &Datatype) -> String {
    let bits = 8 * stored.size();
    match class(stored) {
        H5T_class_t::H5T_INTEGER => format!("integers of {} bytes", stored.size()),
        H5T_class_t::H5T_FLOAT => match bits {
            16 | 32 | 64 => format!("floats of {bits} bits of their own kind"),
            _ => format!("float{bits}"),
        },
        H5T_class_t::H5T_BITFIELD => format!("bitfields of {bits} bits"),
        H5T_class_t::H5T_OPAQUE => match text(|id| unsafe { H5Tget_tag(id) }, stored) {
            Some(tag) if !tag.is_empty() => format!("opaque bytes, {} each ({tag})", stored.size()),
            _ => format!("opaque bytes, {} each", stored.size()),
        },
        H5T_class_t::H5T_STRING => "text".to_owned(),
        H5T_class_t::H5T_REFERENCE => "references to other objects".to_owned(),
        H5T_class_t::H5T_TIME => "times".to_owned(),
        H5T_class_t::H5T_VLEN => format!("lists of any length, of {}", name_of_base(stored)),
        H5T_class_t::H5T_ARRAY => {
            let shape: Vec<String> = array_shape(stored).iter().map(ToString::to_string).collect();
            format!("an array of {} in each element, of {}", shape.join(" x "), name_of_base(stored))
        }
        H5T_class_t::H5T_ENUM => format!("an enum of {}", name_of_base(stored)),
        H5T_class_t::H5T_COMPOUND => {
            let fields: Vec<String> =
                (0..n_members(stored)).filter_map(|index| member_name(stored, index)).collect();
            format!("elements of several fields ({}: one of them is PATH@FIELD)", fields.join(", "))
        }
        _ => "elements of a kind that a newer HDF5 has".to_owned(),
    }
}

fn name_of_base(stored: &Datatype) -> String {
    let Ok(base) = base(stored) else { return "something else".to_owned() };
    match meaning(&base) {
        Ok(Some((data_type, _))) => data_type.to_string(),
        _ => name(&base),
    }
}

fn class(stored: &Datatype) -> H5T_class_t {
    // SAFETY: a datatype's id.
    hdf5::sync::sync(|| unsafe { H5Tget_class(stored.id()) })
}

/// What an enum, an array or a list is made of.
fn base(stored: &Datatype) -> hdf5::Result<Datatype> {
    // SAFETY: a datatype's id, of which a new one is made.
    hdf5::sync::sync(|| unsafe { hdf5::from_id(h5check(H5Tget_super(stored.id()))?) })
}

/// How many members an enum or a compound has.
fn n_members(stored: &Datatype) -> u32 {
    // SAFETY: a datatype's id.
    let n = hdf5::sync::sync(|| unsafe { H5Tget_nmembers(stored.id()) });
    // A negative number is an error.
    u32::try_from(n).unwrap_or(0)
}

fn member(stored: &Datatype, index: c_uint) -> hdf5::Result<Datatype> {
    // SAFETY: a compound's id and the number of one of its members, of whose type a new one is made.
    hdf5::sync::sync(|| unsafe { hdf5::from_id(h5check(H5Tget_member_type(stored.id(), index))?) })
}

fn member_name(stored: &Datatype, index: c_uint) -> Option<String> {
    text(|id| unsafe { H5Tget_member_name(id, index) }, stored)
}

/// Text that the library allocates.
fn text(of: impl FnOnce(hdf5_sys::h5i::hid_t) -> *mut c_char, stored: &Datatype) -> Option<String> {
    hdf5::sync::sync(|| {
        let found = of(stored.id());
        if found.is_null() {
            return None;
        }
        // SAFETY: text that ends, which the library made for whoever asked, and frees.
        unsafe {
            let text = CStr::from_ptr(found).to_string_lossy().into_owned();
            H5free_memory(found.cast::<c_void>());
            Some(text)
        }
    })
}

fn array_shape(stored: &Datatype) -> Vec<hsize_t> {
    hdf5::sync::sync(|| {
        // SAFETY: an array type's id, and room for as many extents as it has.
        unsafe {
            let mut shape = vec![0; usize::try_from(H5Tget_array_ndims(stored.id())).unwrap_or(0)];
            H5Tget_array_dims2(stored.id(), shape.as_mut_ptr());
            shape
        }
    })
}
