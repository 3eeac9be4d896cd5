//! OME-Zarr multiscales, 0.4 and 0.5: where the levels of a pyramid lie in the world. `pyramid` writes them.
//!
//! [The specification](https://ngff.openmicroscopy.org/0.5/#multiscale-md) keeps this in the group above the arrays,
//! in floating point, and counts from the middle of voxels; bellis counts whole world units from their begin.
//!
//! * Where scales are not whole, all levels are expressed in a finer unit: 0.5 micrometer become 500 nanometer.
//! * A level whose translation is that of level 0 and half a voxel more, as averaging makes it, begins where level 0
//!   begins. Any other translation, also one that a writer left out, is taken as the begin.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::node::{Node, node, read_json};
use crate::storage::disk::notice;
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::spec::ZarrVersion;

/// Each 1000 times finer than the one before, with bellis's short names.
pub(super) const UNITS: [(&str, &str); 8] = [
    ("kilometer", "km"),
    ("meter", "m"),
    ("millimeter", "mm"),
    ("micrometer", "um"),
    ("nanometer", "nm"),
    ("picometer", "pm"),
    ("femtometer", "fm"),
    ("attometer", "am"),
];

/// Maximum number of groups above an array that may describe it: a dataset's path may have several parts.
const MAX_DEPTH: usize = 3;

/// What the multiscales of a group above `path` say of the array there, as attributes of its own would.
pub(super) fn attributes(path: &Path) -> Result<Option<Map<String, Value>>> {
    if let Some(found) = attributes_above(path)? {
        return Ok(Some(found));
    }
    // A link to a level lies elsewhere than the level.
    match path.canonicalize() {
        Ok(real) if real != path => attributes_above(&real),
        _ => Ok(None),
    }
}

fn attributes_above(path: &Path) -> Result<Option<Map<String, Value>>> {
    for group in path.ancestors().skip(1).take(MAX_DEPTH) {
        let relative = path.strip_prefix(group).unwrap_or(path).display().to_string();
        let found = multiscales(group).unwrap_or_else(|error| {
            notice::once(&format!("what {} says of the arrays in it is set aside: {error}", group.display()));
            None
        });
        for multiscale in found.iter().filter_map(Value::as_array).flatten() {
            if let Some(level) = Level::of(multiscale, &relative) {
                return level.attributes(path).map(Some);
            }
        }
    }
    Ok(None)
}

/// The `multiscales` of a group, if it is one.
fn multiscales(group: &Path) -> Result<Option<Value>> {
    let found = match node(group)? {
        Some(Node::Group(ZarrVersion::V3)) => read_json(&group.join("zarr.json"))?
            .map(|metadata| metadata["attributes"]["ome"]["multiscales"].clone()),
        Some(Node::Group(ZarrVersion::V2)) => {
            read_json(&group.join(".zattrs"))?.map(|attributes| attributes["multiscales"].clone())
        }
        _ => None,
    };
    Ok(found)
}

/// One level of a pyramid, over all axes.
struct Level<'a> {
    axes: &'a [Value],
    scale: Vec<f64>,
    translation: Vec<f64>,
    /// Those of the first level.
    first: (Vec<f64>, Vec<f64>),
    /// All levels are in the same unit: that of the level that needs the finest one.
    steps: usize,
}

impl<'a> Level<'a> {
    /// The level whose array has this path relative to the group.
    fn of(multiscale: &'a Value, relative: &str) -> Option<Self> {
        let axes = multiscale["axes"].as_array()?;
        let datasets = multiscale["datasets"].as_array()?;
        let transform = |dataset: &Value| {
            let mut both = (vec![1.0; axes.len()], vec![0.0; axes.len()]);
            for all in [&dataset["coordinateTransformations"], &multiscale["coordinateTransformations"]] {
                apply(all, &mut both.0, &mut both.1);
            }
            both
        };
        let first = transform(datasets.first()?);
        let level = |dataset: &Value| {
            let ((scale, translation), first) = (transform(dataset), first.clone());
            Self { axes, scale, translation, first, steps: 0 }
        };
        let dataset = datasets.iter().find(|dataset| dataset["path"] == *relative)?;
        let steps = datasets.iter().filter_map(|dataset| level(dataset).own_steps()).max();
        Some(Self { steps: steps.unwrap_or(0), ..level(dataset) })
    }

    fn spatial(&self) -> Vec<usize> {
        (0..self.axes.len()).filter(|&axis| is_space(&self.axes[axis])).collect()
    }

    /// The unit of each spatial axis, and begin and scale along it.
    fn placement(&self) -> (Vec<&str>, Vec<f64>, Vec<f64>) {
        let spatial = self.spatial();
        let units = spatial.iter().map(|&axis| self.axes[axis]["unit"].as_str().unwrap_or_default());
        let offset = spatial.iter().map(|&axis| self.begin(axis));
        (units.collect(), offset.collect(), spatial.iter().map(|&axis| self.scale[axis]).collect())
    }

    /// How many steps finer than said this level's unit must be.
    fn own_steps(&self) -> Option<usize> {
        let (units, offset, scale) = self.placement();
        finer(&units, 0, offset.iter().chain(&scale)).map(|(steps, _)| steps)
    }

    fn attributes(&self, path: &Path) -> Result<Map<String, Value>> {
        let name = |axis: &Value| {
            let name = axis["name"].as_str().unwrap_or_default();
            if is_space(axis) { name.to_owned() } else { format!("{name}^") }
        };
        let (units, offset, scale) = self.placement();
        let (steps, factor) = finer(&units, self.steps, offset.iter().chain(&scale)).ok_or_else(|| {
            let rule = "be whole, or whole in a finer unit: give the axes a metric unit, such as micrometer";
            let (name, value) = ("scale and translation", format!("{scale:?} and {offset:?}"));
            StorageError::Attribute { path: path.to_path_buf(), name, value, rule }
        })?;
        let whole = |values: &[f64]| values.iter().map(|v| (v * factor).round() as i64).collect::<Vec<_>>();
        let mut found = Map::new();
        found.insert("axis_names".to_owned(), self.axes.iter().map(name).collect());
        found.insert("offset".to_owned(), json!(whole(&offset)));
        found.insert("voxel_size".to_owned(), json!(whole(&scale)));
        found.insert("units".to_owned(), units.iter().map(|unit| short(unit, steps)).collect());
        Ok(found)
    }

    /// Where voxel 0 begins along an axis.
    fn begin(&self, axis: usize) -> f64 {
        let (first_scale, first_translation) = (self.first.0[axis], self.first.1[axis]);
        let half = (self.scale[axis] - first_scale) / 2.0;
        let shift = self.translation[axis] - first_translation;
        if is_close(shift, half) { first_translation } else { self.translation[axis] }
    }
}

pub(super) fn is_space(axis: &Value) -> bool {
    axis["type"].as_str().is_none_or(|kind| kind == "space")
}

/// Applies scales and translations in their order.
pub(super) fn apply(transformations: &Value, scale: &mut [f64], translation: &mut [f64]) {
    for transformation in transformations.as_array().into_iter().flatten() {
        let values = |name: &str| transformation[name].as_array().into_iter().flatten().map(Value::as_f64);
        for (axis, value) in values("scale").enumerate().take(scale.len()) {
            scale[axis] *= value.unwrap_or(1.0);
            translation[axis] *= value.unwrap_or(1.0);
        }
        for (axis, value) in values("translation").enumerate().take(scale.len()) {
            translation[axis] += value.unwrap_or(0.0);
        }
    }
}

fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1e-3)
}

/// How many steps finer the units must be, at least so many, for all values to be whole, and what that multiplies them by.
fn finer<'v>(
    units: &[&str],
    least: usize,
    values: impl Iterator<Item = &'v f64> + Clone,
) -> Option<(usize, f64)> {
    const MOST: f64 = 9e15;
    let coarsest_last = units.iter().map(|unit| UNITS.iter().position(|(long, _)| long == unit)).max()?;
    let room = match units.iter().all(|unit| UNITS.iter().any(|(long, _)| long == unit)) {
        true => UNITS.len() - 1 - coarsest_last?,
        false => 0,
    };
    (least..=room).map(|steps| (steps, 1000f64.powi(steps as i32))).find(|(_, factor)| {
        let whole = |value: &f64| {
            let value = value * factor;
            value.is_finite() && value.abs() < MOST && is_close(value, value.round())
        };
        values.clone().all(whole)
    })
}

/// The short name of a unit, some steps finer.
fn short(unit: &str, steps: usize) -> String {
    let position = UNITS.iter().position(|(long, _)| *long == unit);
    let found = position.and_then(|position| UNITS.get(position + steps));
    found.map_or(unit, |(_, short)| *short).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(scale: Value, translation: Value, unit: &str) -> Result<Map<String, Value>> {
        let multiscale = json!({
            "axes": [{"name": "c", "type": "channel"}, {"name": "y", "type": "space", "unit": unit},
                {"name": "x", "type": "space", "unit": unit}],
            "datasets": [
                {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 0.25, 0.5]},
                    {"type": "translation", "translation": [0, 10.0, -2.5]}]},
                {"path": "1", "coordinateTransformations": [{"type": "scale", "scale": scale},
                    {"type": "translation", "translation": translation}]},
            ],
        });
        Level::of(&multiscale, "1").expect("is there").attributes(Path::new("a"))
    }

    #[test]
    fn fractions_become_whole_in_a_finer_unit() {
        let found = level(json!([1, 0.5, 1.0]), json!([0, 10.125, -2.25]), "micrometer").expect("metric");
        assert_eq!(found["voxel_size"], json!([500, 1000]));
        // Half a voxel more than level 0: they begin at the same place.
        assert_eq!(found["offset"], json!([10_000, -2500]));
        assert_eq!(found["units"], json!(["nm", "nm"]));
        assert_eq!(found["axis_names"], json!(["c^", "y", "x"]));
        let whole = level(json!([1, 4, 4]), json!([0, 8, 12]), "nanometer").expect("whole");
        // The first level is not whole in nanometer.
        assert_eq!((&whole["voxel_size"], &whole["offset"]), (&json!([4000, 4000]), &json!([8000, 12_000])));
        assert_eq!(whole["units"], json!(["pm", "pm"]));
    }

    #[test]
    fn levels_have_one_unit() {
        let found = level(json!([1, 1, 2]), json!([0, 10.375, -1.75]), "micrometer").expect("metric");
        assert_eq!((&found["voxel_size"], &found["offset"]), (&json!([1000, 2000]), &json!([10_000, -2500])));
        assert_eq!(found["units"], json!(["nm", "nm"]));
    }

    #[test]
    fn what_is_never_whole_is_named() {
        let refused = level(json!([1, 0.5, 0.5]), json!([0, 0, 0]), "parsec").map(|_| ());
        let message = refused.expect_err("must be refused").to_string();
        assert!(message.contains("scale and translation is [0.5, 0.5]"), "{message}");
    }
}
