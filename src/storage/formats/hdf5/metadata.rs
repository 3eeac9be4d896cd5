//! What a dataset and its attributes say.

use hdf5::{Dataset, File, Group};
use serde_json::{Map, Value};

use super::attribute;
use super::byte_layout::ByteLayout;
use super::codec::Filters;
use super::failure::failed;
use super::filters;
use super::location::{self, Location};
use super::stored::Stored;
use crate::geometry::Writers;
use crate::storage::error::{Result, StorageError};
use crate::storage::listing::{Bounds, Listing};
use crate::storage::schema::attributes;
use crate::storage::schema::element::FillValue;
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::open_options::OpenOptions;

/// The format's name.
pub(super) const FORMAT: &str = "HDF5";

/// Why only one process writes compressed datasets, and what to write instead.
pub(super) const COMPRESSED: &str =
    "it is compressed HDF5; write Zarr, with shards if few files are wanted, or HDF5 without compression";

/// What a dataset is.
pub(super) struct Metadata {
    pub(super) stored: Stored,
    pub(super) shape: Vec<u64>,
    /// Where its bytes lie, if they can be read and written without the library.
    pub(super) byte_layout: Option<ByteLayout>,
    /// What was done to its chunks, if they can be decoded without the library.
    pub(super) filters: Option<Filters>,
    pub(super) chunks: Option<Vec<u64>>,
    is_filtered: bool,
    /// The bytes of a voxel that nobody wrote.
    pub(super) fill_value: Vec<u8>,
    attributes: Map<String, Value>,
}

impl Metadata {
    pub(super) fn of(at: &Location, dataset: &Dataset) -> Result<Self> {
        let failed = failed("read the metadata of", &at.path);
        let stored = stored(at, dataset)?;
        // Arrays in elements are more axes, the last ones.
        let with_inner = |outer: Vec<u64>| [outer, stored.inner.clone()].concat();
        let shape = with_inner(shape(at, dataset)?);
        let creation = dataset.dcpl().map_err(&failed)?;
        let chunks = creation.chunk().map(|chunks| with_inner(to_u64(&chunks)));
        let fill_value = stored.fill_value(dataset, &creation);
        let is_filtered = filters::n_filters(&creation) != Some(0);
        // What leads out of the file is the library's.
        let is_here = creation.external().is_empty() && location::is_in(dataset, &at.file);
        // Chunks at the end of the array may be stored as they are, whatever the others are.
        let is_regular = creation.chunk_opts().is_none_or(|options| options.is_empty());
        let known_filters = if is_filtered && is_regular && is_here && stored.is_whole() {
            Filters::of(&creation.filters())
        } else {
            None
        };
        let byte_layout = if !is_filtered && is_here && stored.is_native() {
            ByteLayout::of(
                dataset,
                creation.layout(),
                &shape,
                chunks.as_deref(),
                stored.data_type.size() as u64,
            )
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
            stored,
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
            "it is HDF5 whose bytes have no fixed place (another byte order, one field of several, space not \
             allocated yet, or data in other files); write a new dataset"
        };
        Writers::OneProcess { why: why.to_owned() }
    }

    pub(super) fn info(&self, at: &Location, options: &OpenOptions) -> Result<ArrayInfo> {
        let data_type = self.stored.data_type;
        let found = attributes::parse(&at.path, &self.shape, &self.attributes, options)?;
        Ok(ArrayInfo {
            path: at.path.clone(),
            format: FORMAT,
            data_type,
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
            fill_value: FillValue::of_bytes(&self.fill_value, data_type),
        })
    }
}

pub(super) fn to_u64(extents: &[usize]) -> Vec<u64> {
    extents.iter().map(|&extent| extent as u64).collect()
}

/// The extents; a single value without axes is an array of one.
fn shape(at: &Location, dataset: &Dataset) -> Result<Vec<u64>> {
    let shape = to_u64(&dataset.shape());
    if dataset.space().is_ok_and(|space| space.is_null()) {
        return Err(not_an_array(at, "a dataset without a shape", Vec::new()));
    }
    Ok(if shape.is_empty() { vec![1] } else { shape })
}

/// How the elements are stored, if a type of element stands for them.
fn stored(at: &Location, dataset: &Dataset) -> Result<Stored> {
    let found = Stored::of(dataset, &at.fields).map_err(failed("read the type of", &at.path))?;
    found.map_err(|data_type| StorageError::UnsupportedDataType { path: at.path.clone(), data_type })
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
    datasets_within(group, Bounds::FOR_A_MESSAGE).names
}

/// The datasets below a group. All that are looked at are sorted, so that which ones are left out does not depend on their
/// order in the file.
pub(super) fn datasets_within(group: &Group, bounds: Bounds) -> Listing {
    let Bounds { max_arrays, max_depth, max_looks } = bounds;
    let mut found = Listing::default();
    let mut n_looks = 0;
    let mut waiting = vec![(String::new(), group.clone(), 0)];
    while let Some((prefix, group, depth)) = waiting.pop() {
        for name in group.member_names().unwrap_or_default() {
            if n_looks == max_looks {
                found.is_cut = true;
                waiting.clear();
                break;
            }
            n_looks += 1;
            let path = format!("{prefix}{name}");
            if group.dataset(&name).is_ok() {
                found.names.push(path);
            } else if let (true, Ok(inner)) = (depth + 1 < max_depth, group.group(&name)) {
                waiting.push((format!("{path}/"), inner, depth + 1));
            }
        }
    }
    found.names.sort();
    found.is_cut |= found.names.len() > max_arrays;
    found.names.truncate(max_arrays);
    found
}
