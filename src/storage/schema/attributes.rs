//! Where an array lies in the world, as its attributes say it.
//!
//! The attributes are those of [funlib.persistence]: `offset`, `voxel_size` and `units` over the spatial axes,
//! `axis_names` over all axes, those of channels marked by `^`; lists in the order of the axes. They are the same in
//! Zarr, N5 and HDF5. `resolution` is the older name of `voxel_size`.
//!
//! [funlib.persistence]: https://github.com/funkelab/funlib.persistence/blob/main/funlib/persistence/arrays/metadata.py

use std::path::Path;

use serde_json::{Map, Value, json};

use super::info::{ArrayInfo, default_axis_names};
use super::open_options::{OpenOptions, axis_names};
use super::placement::{Decimal, Placed, Said};
use crate::geometry::{Coordinate, MAX_AXES};
use crate::storage::disk::notice;
use crate::storage::error::{Result, StorageError};

/// What the attributes of an array say, or what they mean where they are silent.
#[derive(Debug, PartialEq)]
pub struct Attributes {
    pub offset: Coordinate,
    pub voxel_size: Coordinate,
    pub axis_names: Vec<String>,
    pub units: Vec<String>,
}

/// Reads the attributes of the array of this shape at `path`. What no array can be is set aside, with a warning: others use
/// the same names for other things, and the voxels are what they are.
///
/// `options` say how many axes are channels, if they do, and what need not be warned of, as it counts for nothing.
///
/// # Errors
/// More axes in space than there can be; more channel axes than there are axes.
pub fn parse(
    path: &Path,
    shape: &[u64],
    attributes: &Map<String, Value>,
    options: &OpenOptions,
) -> Result<Attributes> {
    let reader = Reader { path, attributes, options };
    let n_axes = shape.len();
    let axes = reader.axes(n_axes)?;
    let size_name = if attributes.contains_key("voxel_size") { "voxel_size" } else { "resolution" };
    let mut voxel_size = reader.numbers(size_name, &axes, Decimal::ONE);
    let mut offset = reader.numbers("offset", &axes, Decimal::ZERO);
    let n_said = voxel_size.as_ref().or(offset.as_ref()).map(Vec::len);
    let n_spatial = n_said.unwrap_or(n_axes - axes.n_channels);
    if n_spatial > MAX_AXES {
        return Err(StorageError::TooManyAxes { path: path.to_path_buf(), n_axes: n_spatial });
    }
    if offset.as_ref().is_some_and(|offset| offset.len() != n_spatial) {
        reader.set_aside("offset", "it has not as many values as the voxel size");
        offset = None;
    }
    let units = reader.units(n_axes, n_spatial);
    let spatial_shape = &shape[n_axes - n_spatial..];
    let said = |offset: &Option<Vec<Decimal>>, voxel_size: &Option<Vec<Decimal>>| Said {
        units: units.clone(),
        offset: offset.clone().unwrap_or_else(|| vec![Decimal::ZERO; n_spatial]),
        voxel_size: voxel_size.clone().unwrap_or_else(|| vec![Decimal::ONE; n_spatial]),
    };
    let mut placed = placed(&said(&offset, &voxel_size), spatial_shape);
    if placed.is_none() && offset.take().is_some() && voxel_size.is_some() {
        placed = self::placed(&said(&None, &voxel_size), spatial_shape);
        if placed.is_some() {
            reader.set_aside("offset", NEVER_WHOLE);
        }
    }
    if placed.is_none() && voxel_size.take().is_some() {
        reader.set_aside(size_name, NEVER_WHOLE);
    } else if placed.is_none() {
        reader.set_aside("offset", NEVER_WHOLE);
    }
    let Placed { units, offset, voxel_size } = placed.unwrap_or_else(|| Placed {
        units: vec![String::new(); n_spatial],
        offset: Coordinate::zeros(n_spatial),
        voxel_size: Coordinate::splat(n_spatial, 1),
    });
    let axis_names = axes.names.unwrap_or_else(|| default_axis_names(n_axes - n_spatial, n_spatial));
    Ok(Attributes { offset, voxel_size, axis_names, units })
}

/// Why numbers are set aside that are numbers.
const NEVER_WHOLE: &str =
    "voxels must be 1 or more whole world units, here or in a finer metric unit, and end within 64 bits";

/// In the first unit in which all is whole, if the array of this shape ends within 64 bits there.
fn placed(said: &Said, shape: &[u64]) -> Option<Placed> {
    let placed = said.placed(said.steps(0)?)?;
    let is_within = |(axis, extent): (usize, &u64)| {
        let length =
            i64::try_from(*extent).ok().and_then(|extent| extent.checked_mul(placed.voxel_size[axis]));
        length.is_some_and(|length| placed.offset[axis].checked_add(length).is_some())
    };
    // What ends nowhere by index either, is refused as such.
    let is_by_index = placed.voxel_size.all(|size| size == 1) && placed.offset.all(|offset| offset == 0);
    (is_by_index || shape.iter().enumerate().all(is_within)).then_some(placed)
}

/// The attributes that say where `info`'s array lies.
pub fn to_json(info: &ArrayInfo) -> Value {
    json!({
        "offset": info.offset.as_slice(),
        "voxel_size": info.voxel_size.as_slice(),
        "axis_names": info.axis_names,
        "units": info.units,
    })
}

struct Reader<'a> {
    path: &'a Path,
    attributes: &'a Map<String, Value>,
    options: &'a OpenOptions,
}

/// What the axes are.
struct Axes {
    names: Option<Vec<String>>,
    /// How many are channels, before those in space, where names say it.
    n_channels: usize,
    /// Whether that is known for sure.
    is_said: bool,
    /// Which are channels that lie elsewhere, and so are taken like the others.
    misplaced: Vec<bool>,
}

impl Reader<'_> {
    /// Warns, once, that an attribute says nothing that an array can be.
    fn set_aside(&self, name: &str, why: &str) {
        if self.options.replaces(name) {
            return;
        }
        let (path, value) = (self.path.display(), &self.attributes[name]);
        notice::once(&format!(
            "{path}: attribute {name} is {value}, which is set aside, as {why}: that is taken by index, from 0 in steps of 1, \
             unless it is said when the array is opened (--voxel-size, --offset, --units, or OpenOptions)"
        ));
    }

    /// A list, or `None` where there is nothing or null.
    fn list(&self, name: &str) -> Option<&Vec<Value>> {
        match self.attributes.get(name)? {
            Value::Null => None,
            Value::Array(values) => Some(values),
            _ => {
                self.set_aside(name, "it is no list with one value per axis");
                None
            }
        }
    }

    /// The names of the axes, and what they mark.
    fn axes(&self, n_axes: usize) -> Result<Axes> {
        let mut axes = Axes { names: None, n_channels: 0, is_said: false, misplaced: vec![false; n_axes] };
        if let Some(n_channels) = self.options.n_channel_axes(self.path, n_axes)? {
            let names = self.list("axis_names").and_then(|names| texts(names));
            let names = Some(axis_names(names, n_channels, n_axes));
            return Ok(Axes { names, n_channels, is_said: true, ..axes });
        }
        let Some(names) = self.list("axis_names") else { return Ok(axes) };
        let Some(mut names) = texts(names).filter(|names| names.len() == n_axes) else {
            self.set_aside("axis_names", "there must be one name per axis");
            return Ok(axes);
        };
        let marked: Vec<bool> = names.iter().map(|name| name.contains('^')).collect();
        let n_marked = marked.iter().filter(|is_marked| **is_marked).count();
        if n_marked < n_axes && marked[..n_marked].iter().all(|is_marked| *is_marked) {
            axes.n_channels = n_marked;
        } else {
            self.set_aside("axis_names", "channel axes (those with ^) must come first, before axes in space");
            names.iter_mut().for_each(|name| name.retain(|letter| letter != '^'));
            axes.misplaced = marked;
        }
        axes.names = Some(names);
        Ok(axes)
    }

    /// One number for each axis in space, with `default` along channels that are taken for such.
    fn numbers(&self, name: &str, axes: &Axes, default: Decimal) -> Option<Vec<Decimal>> {
        let values = self.list(name)?;
        let Some(numbers) = values.iter().map(Decimal::of_json).collect::<Option<Vec<_>>>() else {
            self.set_aside(name, "it holds something else than numbers");
            return None;
        };
        let (n_axes, n_channels) = (axes.misplaced.len(), axes.n_channels);
        let n_misplaced = axes.misplaced.iter().filter(|is_misplaced| **is_misplaced).count();
        if numbers.len() == n_axes {
            // Some writers give channel axes an offset, a voxel size and a unit too: funlib drops those, and so do we.
            return Some(numbers[n_channels..].to_vec());
        }
        if n_misplaced > 0 && numbers.len() + n_misplaced == n_axes {
            let mut numbers = numbers.into_iter();
            let spread = |is_channel: &bool| if *is_channel { Some(default) } else { numbers.next() };
            return axes.misplaced.iter().map(spread).collect();
        }
        // Without names, channels are what the others leave out.
        let is_free =
            !axes.is_said && axes.n_channels == 0 && n_misplaced == 0 && (1..n_axes).contains(&numbers.len());
        if is_free || numbers.len() + n_channels == n_axes {
            return Some(numbers);
        }
        self.set_aside(name, "there must be one value per axis in space");
        None
    }

    /// One unit for all axes, or a list of them.
    fn units(&self, n_axes: usize, n_spatial: usize) -> Vec<String> {
        let none = || vec![String::new(); n_spatial];
        if let Some(Value::String(unit)) = self.attributes.get("units") {
            return vec![unit.clone(); n_spatial];
        }
        let Some(units) = self.list("units") else { return none() };
        match texts(units) {
            Some(units) if units.len() == n_spatial => units,
            Some(units) if units.len() == n_axes => units[n_axes - n_spatial..].to_vec(),
            _ => {
                self.set_aside("units", "there must be one text per axis in space");
                none()
            }
        }
    }
}

/// All of them, if they are texts, or null.
fn texts(values: &[Value]) -> Option<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => Some(String::new()),
        _ => None,
    };
    values.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(n_axes: usize, attributes: Value) -> Result<Attributes> {
        let Value::Object(attributes) = attributes else { panic!("the test's own attributes") };
        parse(Path::new("a.zarr"), &vec![10; n_axes], &attributes, &OpenOptions::new())
    }

    #[test]
    fn silence_means_defaults() {
        let found = parsed(2, json!({})).expect("valid");
        assert_eq!(found.offset, Coordinate::from([0, 0]));
        assert_eq!(found.voxel_size, Coordinate::from([1, 1]));
        assert_eq!(found.axis_names, ["d0", "d1"]);
        assert_eq!(found.units, ["", ""]);
    }

    #[test]
    fn channels_are_what_offset_and_voxel_size_leave_out() {
        for attributes in
            [json!({"offset": [1, 2]}), json!({"voxel_size": [4.0, 2]}), json!({"resolution": [4, 2]})]
        {
            let found = parsed(3, attributes).expect("valid");
            assert_eq!(found.offset.n_axes(), 2);
            assert_eq!(found.axis_names, ["c0^", "d0", "d1"]);
        }
        let marked = parsed(3, json!({"axis_names": ["c^", "y", "x"]})).expect("valid");
        assert_eq!(marked.voxel_size, Coordinate::from([1, 1]));
        let trimmed = json!({"axis_names": ["c^", "y", "x"], "offset": [0, 5, 6], "voxel_size": [1, 2, 2],
            "units": ["", "nm", "nm"]});
        let trimmed = parsed(3, trimmed).expect("valid");
        assert_eq!(trimmed.offset, Coordinate::from([5, 6]));
        assert_eq!(trimmed.units, ["nm", "nm"]);
    }

    #[test]
    fn units_are_text_or_a_list() {
        assert_eq!(parsed(2, json!({"units": "um"})).expect("valid").units, ["um", "um"]);
        assert_eq!(parsed(2, json!({"units": ["um", null]})).expect("valid").units, ["um", ""]);
    }

    #[test]
    fn fractions_are_whole_in_a_finer_unit() {
        let half = json!({"voxel_size": [0.5, 4], "offset": [0.25, 1], "units": ["um", "um"]});
        let half = parsed(2, half).expect("valid");
        assert_eq!(
            (half.voxel_size, half.offset),
            (Coordinate::from([500, 4000]), Coordinate::from([250, 1000]))
        );
        assert_eq!(half.units, ["nm", "nm"]);
    }

    #[test]
    fn what_no_array_can_be_is_set_aside() {
        for attributes in [
            json!({"voxel_size": [0.5, 1]}),
            json!({"voxel_size": [0, 1], "offset": [3, 4]}),
            json!({"resolution": "10m", "units": ["s", "nm", "nm"]}),
            json!({"resolution": 300}),
            json!({"offset": [0, 0, 0]}),
            json!({"offset": []}),
            json!({"offset": [true, null]}),
            json!({"units": {"x": "m"}}),
            json!({"voxel_size": [i64::MAX, 1]}),
            json!({"axis_names": ["x"]}),
            json!({"axis_names": 5}),
            json!({"axis_names": ["x^", "y^"]}),
        ] {
            let found = parsed(2, attributes.clone()).expect("valid");
            assert_eq!(found.offset, Coordinate::from([0, 0]), "{attributes}");
            assert_eq!(found.voxel_size, Coordinate::from([1, 1]), "{attributes}");
            assert_eq!((found.units.len(), found.axis_names.len()), (2, 2), "{attributes}");
        }
        let size = parsed(2, json!({"voxel_size": [4, 2], "offset": [1, 2, 3], "units": 1})).expect("valid");
        assert_eq!((size.voxel_size, size.offset), (Coordinate::from([4, 2]), Coordinate::from([0, 0])));
    }

    #[test]
    fn channels_behind_space_are_taken_like_it() {
        let last = json!({"axis_names": ["y", "x", "c^"], "voxel_size": [4, 2], "offset": [8, 6]});
        let last = parsed(3, last).expect("valid");
        assert_eq!(
            (last.voxel_size, last.offset),
            (Coordinate::from([4, 2, 1]), Coordinate::from([8, 6, 0]))
        );
        assert_eq!(last.axis_names, ["y", "x", "c"]);
    }

    #[test]
    fn more_than_8_axes_in_space_are_refused() {
        assert!(matches!(parsed(9, json!({})), Err(StorageError::TooManyAxes { n_axes: 9, .. })));
    }
}
