//! What a dataset and its attributes say.

use hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use hdf5::{Dataset, Datatype, File, Group, H5Type};
use hdf5_sys::h5t::{H5T_class_t, H5Tget_class};
use serde_json::{Map, Value};

use super::attribute;
use super::byte_layout::ByteLayout;
use super::codec::Filters;
use super::failure::failed;
use super::filters;
use super::location::{self, Location};
use crate::geometry::Writers;
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::attributes;
use crate::storage::schema::element::{DataType, FillValue, dispatch};
use crate::storage::schema::info::ArrayInfo;

/// The format's name.
pub(super) const FORMAT: &str = "HDF5";

/// Why only one process writes compressed datasets, and what to write instead.
pub(super) const COMPRESSED: &str =
    "it is compressed HDF5; write Zarr, with shards if few files are wanted, or HDF5 without compression";

/// 0, where a dataset says nothing.
const NO_FILL_VALUE: FillValue = FillValue::Integer(0);

/// What a dataset is.
pub(super) struct Metadata {
    pub(super) data_type: DataType,
    pub(super) shape: Vec<u64>,
    /// Where its bytes lie, if they can be read and written without the library.
    pub(super) byte_layout: Option<ByteLayout>,
    /// What was done to its chunks, if they can be decoded without the library.
    pub(super) filters: Option<Filters>,
    pub(super) chunks: Option<Vec<u64>>,
    is_filtered: bool,
    fill_value: FillValue,
    attributes: Map<String, Value>,
}

impl Metadata {
    pub(super) fn of(at: &Location, dataset: &Dataset) -> Result<Self> {
        let failed = failed("read the metadata of", &at.path);
        let data_type = data_type(at, dataset)?;
        let shape = to_u64(&dataset.shape());
        if shape.is_empty() {
            return Err(not_an_array(at, "a single value", Vec::new()));
        }
        let creation = dataset.dcpl().map_err(&failed)?;
        let chunks = creation.chunk().map(|chunks| to_u64(&chunks));
        let fill_value = dispatch!(data_type, fill_value(&creation));
        let is_filtered = filters::n_filters(&creation) != Some(0);
        // What leads out of the file is the library's.
        let is_here = creation.external().is_empty() && location::is_in(dataset, &at.file);
        let is_native = is_native(data_type, dataset).map_err(&failed)?;
        // Chunks at the end of the array may be stored as they are, whatever the others are.
        let is_regular = creation.chunk_opts().is_none_or(|options| options.is_empty());
        let known_filters = if is_filtered && is_regular && is_here && is_native {
            Filters::of(&creation.filters())
        } else {
            None
        };
        let byte_layout = if !is_filtered && is_here && is_native {
            ByteLayout::of(dataset, creation.layout(), &shape, chunks.as_deref(), data_type.size() as u64)
        } else {
            None
        };
        let mut attributes = Map::new();
        for name in ["offset", "voxel_size", "resolution", "axis_names", "units"] {
            if let Ok(attribute) = dataset.attr(name) {
                attributes.insert(name.to_owned(), attribute::value(&attribute).map_err(&failed)?);
            }
        }
        Ok(Self {
            data_type,
            shape,
            byte_layout,
            filters: known_filters,
            chunks,
            is_filtered,
            fill_value,
            attributes,
        })
    }

    /// What has no addresses is written by one process.
    fn writers(&self) -> Writers {
        let why = if self.byte_layout.is_some() {
            return Writers::Any;
        } else if self.is_filtered {
            COMPRESSED
        } else {
            "it is HDF5 whose bytes have no fixed place (another byte order, space not allocated yet, or data in other \
             files); write a new dataset"
        };
        Writers::OneProcess { why: why.to_owned() }
    }

    /// The bytes of a voxel that nobody wrote.
    pub(super) fn fill_value(&self) -> Vec<u8> {
        self.fill_value.to_bytes(self.data_type).unwrap_or_else(|| vec![0; self.data_type.size()])
    }

    pub(super) fn info(&self, at: &Location) -> Result<ArrayInfo> {
        let found = attributes::parse(&at.path, self.shape.len(), &self.attributes)?;
        Ok(ArrayInfo {
            path: at.path.clone(),
            format: FORMAT,
            data_type: self.data_type,
            shape: self.shape.clone(),
            chunks: self.chunks.clone().unwrap_or_else(|| self.shape.clone()),
            shards: None,
            is_contiguous: self.chunks.is_none(),
            writers: self.writers(),
            // Bytes go to their own address, or through a lock that all of the process share.
            write_chunk: vec![1; self.shape.len()],
            offset: found.offset,
            voxel_size: found.voxel_size,
            axis_names: found.axis_names,
            units: found.units,
            fill_value: self.fill_value,
        })
    }
}

pub(super) fn to_u64(extents: &[usize]) -> Vec<u64> {
    extents.iter().map(|&extent| extent as u64).collect()
}

fn data_type(at: &Location, dataset: &Dataset) -> Result<DataType> {
    use TypeDescriptor as D;
    let unsupported =
        |data_type: String| StorageError::UnsupportedDataType { path: at.path.clone(), data_type };
    let stored = dataset.dtype().map_err(failed("read the type of", &at.path))?;
    let described = stored.to_descriptor().map_err(|error| unsupported(undescribed(&stored, &error)))?;
    Ok(match described {
        D::Unsigned(IntSize::U1) => DataType::U8,
        D::Unsigned(IntSize::U2) => DataType::U16,
        D::Unsigned(IntSize::U4) => DataType::U32,
        D::Unsigned(IntSize::U8) => DataType::U64,
        D::Integer(IntSize::U1) => DataType::I8,
        D::Integer(IntSize::U2) => DataType::I16,
        D::Integer(IntSize::U4) => DataType::I32,
        D::Integer(IntSize::U8) => DataType::I64,
        D::Float(FloatSize::U4) => DataType::F32,
        D::Float(FloatSize::U8) => DataType::F64,
        other => return Err(unsupported(other.to_string())),
    })
}

/// A type that the library's bindings have no word for, such as a float of 2 bytes.
fn undescribed(stored: &Datatype, error: &hdf5::Error) -> String {
    // SAFETY: a datatype's id.
    let class = hdf5::sync::sync(|| unsafe { H5Tget_class(stored.id()) });
    match class {
        H5T_class_t::H5T_FLOAT => format!("float{}", 8 * stored.size()),
        H5T_class_t::H5T_INTEGER => format!("integers of {} bytes", stored.size()),
        _ => error.to_string(),
    }
}

/// Returns whether elements are stored as this machine has them in memory.
fn is_native(data_type: DataType, dataset: &Dataset) -> hdf5::Result<bool> {
    fn is<T: H5Type>(stored: &Datatype) -> bool {
        stored.is::<T>()
    }
    let stored = dataset.dtype()?;
    Ok(dispatch!(data_type, is(&stored)))
}

fn fill_value<T: H5Type + Into<FillValue>>(creation: &hdf5::plist::DatasetCreate) -> FillValue {
    creation.get_fill_value_as::<T>().ok().flatten().map_or(NO_FILL_VALUE, Into::into)
}

/// The error for a dataset that is not there: which ones are, or what is there instead.
pub(super) fn missing(at: &Location, file: Option<&File>) -> StorageError {
    let all = file.map(|file| datasets_below(file)).unwrap_or_default();
    let group = file.filter(|file| at.dataset.is_empty() || file.group(&at.dataset).is_ok());
    match group {
        Some(_) if at.dataset.is_empty() => not_an_array(at, "an HDF5 file", all),
        Some(file) => {
            let below = file.group(&at.dataset).map(|group| datasets_below(&group)).unwrap_or_default();
            not_an_array(at, "an HDF5 group", below)
        }
        None => StorageError::NotFound { path: at.path.clone(), nearest: at.file.clone(), arrays: all },
    }
}

fn not_an_array(at: &Location, found: &str, arrays: Vec<String>) -> StorageError {
    StorageError::NotAnArray { path: at.path.clone(), found: found.to_owned(), arrays }
}

/// The datasets below a group, by relative path: a few, for a message.
fn datasets_below(group: &Group) -> Vec<String> {
    const MAX_DATASETS: usize = 20;
    datasets_within(group, MAX_DATASETS)
}

/// The datasets below a group, by relative path, at most so many.
pub(super) fn datasets_within(group: &Group, max: usize) -> Vec<String> {
    const MAX_DEPTH: usize = 6;
    /// Many more than are wanted are sorted, so that which ones are left out does not depend on their order in the file.
    const MAX_SORTED: usize = 100_000;
    let mut found = Vec::new();
    let mut waiting = vec![(String::new(), group.clone(), 0)];
    while let Some((prefix, group, depth)) = waiting.pop() {
        for name in group.member_names().unwrap_or_default() {
            let path = format!("{prefix}{name}");
            if found.len() >= MAX_SORTED {
                break;
            }
            if group.dataset(&name).is_ok() {
                found.push(path);
            } else if let (true, Ok(inner)) = (depth < MAX_DEPTH, group.group(&name)) {
                waiting.push((format!("{path}/"), inner, depth + 1));
            }
        }
    }
    found.sort();
    found.truncate(max);
    found
}
