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
use crate::geometry::{Coordinate, MAX_AXES};
use crate::storage::error::{Result, StorageError};

/// What the attributes of an array say, or what they mean where they are silent.
#[derive(Debug, PartialEq)]
pub struct Attributes {
    pub offset: Coordinate,
    pub voxel_size: Coordinate,
    pub axis_names: Vec<String>,
    pub units: Vec<String>,
}

/// Reads the attributes of the array of `n_axes` axes at `path`.
pub fn parse(path: &Path, n_axes: usize, attributes: &Map<String, Value>) -> Result<Attributes> {
    let reader = Reader { path, attributes };
    let names = reader.strings("axis_names")?;
    if let Some(names) = names.as_ref().filter(|names| names.len() != n_axes) {
        return Err(reader.invalid("axis_names", json!(names), "have one name per axis of the array"));
    }
    let marked = names.as_ref().map(|names| names.iter().filter(|name| name.contains('^')).count());
    let n_marked = marked.unwrap_or(0);
    if let Some(names) =
        names.as_ref().filter(|names| !names[..n_marked].iter().all(|name| name.contains('^')))
    {
        return Err(reader.invalid("axis_names", json!(names), "name the channel axes (those with ^) first"));
    }
    // Some writers give channel axes an offset, a voxel size and a unit too: funlib drops those, and so do we.
    let spatial_only = |values: Vec<i64>| match values.len() == n_axes {
        true => values[n_marked..].to_vec(),
        false => values,
    };
    let offset = reader.integers("offset")?.map(spatial_only);
    let size_name = if attributes.contains_key("voxel_size") { "voxel_size" } else { "resolution" };
    let voxel_size = reader.integers(size_name)?.map(spatial_only);
    let n_spatial = voxel_size.as_ref().or(offset.as_ref()).map_or(n_axes - n_marked, Vec::len);
    if n_spatial > MAX_AXES {
        return Err(StorageError::TooManyAxes { path: path.to_path_buf(), n_axes: n_spatial });
    }

    let fits = (1..=n_axes.min(MAX_AXES)).contains(&n_spatial);
    let agree = offset.as_ref().is_none_or(|offset| offset.len() == n_spatial);
    if !fits || !agree || (n_marked > 0 && n_spatial != n_axes - n_marked) {
        let name = if voxel_size.is_some() && fits && agree { size_name } else { "offset" };
        let value = attributes.get(name).or(attributes.get(size_name)).cloned().unwrap_or_default();
        let rule = "have one value per spatial axis, as many as the voxel size has (1 to 8)";
        return Err(reader.invalid(name, value, rule));
    }
    let coordinate = |values: Option<Vec<i64>>, default| match values {
        Some(values) => Coordinate::from_fn(n_spatial, |axis| values[axis]),
        None => Coordinate::splat(n_spatial, default),
    };
    let voxel_size = coordinate(voxel_size, 1);
    if !voxel_size.all(|v| v > 0) {
        return Err(reader.invalid(size_name, json!(voxel_size.as_slice()), "be 1 or more along every axis"));
    }
    Ok(Attributes {
        offset: coordinate(offset, 0),
        voxel_size,
        axis_names: names.unwrap_or_else(|| default_axis_names(n_axes - n_spatial, n_spatial)),
        units: reader.units(n_axes, n_spatial)?,
    })
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
}

impl Reader<'_> {
    fn invalid(&self, name: &'static str, value: Value, rule: &'static str) -> StorageError {
        StorageError::Attribute { path: self.path.to_path_buf(), name, value: value.to_string(), rule }
    }

    /// A list, or `None` where there is nothing or null.
    fn list(&self, name: &'static str) -> Result<Option<&Vec<Value>>> {
        match self.attributes.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(other) => Err(self.invalid(name, other.clone(), "be a list with one value per axis")),
        }
    }

    fn integers(&self, name: &'static str) -> Result<Option<Vec<i64>>> {
        let rule = "hold whole numbers that fit into 64 bits: choose a smaller world unit, such as nm";
        let whole =
            |value: &Value| whole_number(value).ok_or_else(|| self.invalid(name, value.clone(), rule));
        self.list(name)?.map(|values| values.iter().map(whole).collect()).transpose()
    }

    fn strings(&self, name: &'static str) -> Result<Option<Vec<String>>> {
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Null => Ok(String::new()),
            other => Err(self.invalid(name, other.clone(), "hold text")),
        };
        self.list(name)?.map(|values| values.iter().map(text).collect()).transpose()
    }

    /// One unit for all axes, or a list of them.
    fn units(&self, n_axes: usize, n_spatial: usize) -> Result<Vec<String>> {
        if let Some(Value::String(unit)) = self.attributes.get("units") {
            return Ok(vec![unit.clone(); n_spatial]);
        }
        match self.strings("units")? {
            None => Ok(vec![String::new(); n_spatial]),
            Some(units) if units.len() == n_spatial => Ok(units),
            Some(units) if units.len() == n_axes => Ok(units[n_axes - n_spatial..].to_vec()),
            Some(units) => Err(self.invalid("units", json!(units), "have one value per spatial axis")),
        }
    }
}

/// `8` and `8.0`, but not `8.5`.
fn whole_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        // Up to 2^53 every whole float is exact.
        let float = value.as_f64().filter(|v| v.fract() == 0.0 && v.abs() <= 2f64.powi(53))?;
        Some(float as i64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(n_axes: usize, attributes: Value) -> Result<Attributes> {
        let Value::Object(attributes) = attributes else { panic!("the test's own attributes") };
        parse(Path::new("a.zarr"), n_axes, &attributes)
    }

    fn message(n_axes: usize, attributes: Value) -> String {
        parsed(n_axes, attributes).map(|_| ()).expect_err("must be refused").to_string()
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
    fn what_makes_no_sense_is_named() {
        let half = message(1, json!({"voxel_size": [0.5]}));
        assert_eq!(
            half,
            "a.zarr: attribute voxel_size is 0.5 but must hold whole numbers that fit into 64 bits: \
             choose a smaller world unit, such as nm"
        );
        assert!(message(1, json!({"voxel_size": [0]})).contains("1 or more"));
        assert!(message(1, json!({"offset": 3})).contains("list"));
        assert!(message(2, json!({"offset": [1], "voxel_size": [1, 1]})).contains("offset is [1]"));
        assert!(message(1, json!({"offset": [1, 2]})).contains("one value per spatial axis"));
        assert!(message(2, json!({"axis_names": ["x"]})).contains("one name per axis"));
        assert!(message(2, json!({"axis_names": ["x", "c^"]})).contains("first"));
        assert!(message(1, json!({"offset": []})).contains("offset is []"));
        assert!(message(2, json!({"units": ["nm", "nm", "nm"]})).contains("units"));
    }
}
