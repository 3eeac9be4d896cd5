//! OME-Zarr multiscales, 0.4 and 0.5: where the levels of a pyramid lie in the world. `pyramid` writes them.
//!
//! [The specification](https://ngff.openmicroscopy.org/0.5/#multiscale-md) keeps this in the group above the arrays,
//! in floating point, and counts from the middle of voxels; bellis counts whole world units from their begin.
//!
//! * Where scales are not whole, all levels are expressed in a finer unit: 0.5 micrometer become 500 nanometer. What is whole in
//!   none is set aside, and voxels are taken by index.
//! * A level whose translation is that of level 0 and half a voxel more, as averaging makes it, begins where level 0
//!   begins. Any other translation, also one that a writer left out, is taken as the begin.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::node::{Node, node, read_json};
use crate::storage::disk::notice;
use crate::storage::error::Result;
use crate::storage::schema::placement::{Decimal, METRIC, Placed, Said};
use crate::storage::schema::spec::ZarrVersion;

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
                return Ok(Some(level.attributes()));
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

    /// The axes that have a place in the world: those in space, or all where others lie between them.
    fn placed_axes(&self) -> Vec<usize> {
        let n_axes = self.axes.len();
        let spatial: Vec<usize> = (0..n_axes).filter(|&axis| is_space(&self.axes[axis])).collect();
        let are_last = spatial.iter().eq((n_axes - spatial.len()..n_axes).collect::<Vec<_>>().iter());
        if are_last { spatial } else { (0..n_axes).collect() }
    }

    /// The unit of each axis with a place, and begin and scale along it; by index along those that are not in space.
    fn placement(&self) -> (Vec<String>, Vec<f64>, Vec<f64>) {
        let along = |axis: usize| match is_space(&self.axes[axis]) {
            true => (short(&self.axes[axis]["unit"]), (self.begin(axis), self.scale[axis])),
            false => (String::new(), (0.0, 1.0)),
        };
        let (units, places): (Vec<_>, Vec<_>) = self.placed_axes().into_iter().map(along).unzip();
        let (offset, scale) = places.into_iter().unzip();
        (units, offset, scale)
    }

    fn said(&self) -> Option<Said> {
        let (units, offset, scale) = self.placement();
        let decimals = |values: Vec<f64>| values.into_iter().map(Decimal::of_f64).collect::<Option<Vec<_>>>();
        Some(Said { units, offset: decimals(offset)?, voxel_size: decimals(scale)? })
    }

    /// How many steps finer than said this level's unit must be.
    fn own_steps(&self) -> Option<usize> {
        self.said()?.steps(0)
    }

    /// Whole where all is whole in a unit that there is; else as it is said, which no array can be.
    fn attributes(&self) -> Map<String, Value> {
        let name = |axis: &Value| {
            let name = name_of(axis).unwrap_or_default();
            if is_space(axis) { name.to_owned() } else { format!("{name}^") }
        };
        let placed = self.said().and_then(|said| said.placed(said.steps(self.steps)?));
        let (units, offset, voxel_size) = match placed {
            Some(Placed { units, offset, voxel_size }) => {
                (units, json!(offset.as_slice()), json!(voxel_size.as_slice()))
            }
            None => {
                let (units, offset, scale) = self.placement();
                (units, json!(offset), json!(scale))
            }
        };
        let mut found = Map::new();
        found.insert("axis_names".to_owned(), self.axes.iter().map(name).collect());
        found.insert("offset".to_owned(), offset);
        found.insert("voxel_size".to_owned(), voxel_size);
        found.insert("units".to_owned(), json!(units));
        found
    }

    /// Where voxel 0 begins along an axis.
    fn begin(&self, axis: usize) -> f64 {
        let (first_scale, first_translation) = (self.first.0[axis], self.first.1[axis]);
        let half = (self.scale[axis] - first_scale) / 2.0;
        let shift = self.translation[axis] - first_translation;
        if is_close(shift, half) { first_translation } else { self.translation[axis] }
    }
}

/// The name of an axis, which is all that OME-Zarr 0.3 says of it.
fn name_of(axis: &Value) -> Option<&str> {
    axis.as_str().or_else(|| axis["name"].as_str())
}

pub(super) fn is_space(axis: &Value) -> bool {
    match axis.as_str() {
        Some(name) => !["t", "c"].contains(&name),
        None => axis["type"].as_str().is_none_or(|kind| kind == "space"),
    }
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

/// The short name of a unit, if it has one.
fn short(unit: &Value) -> String {
    let unit = unit.as_str().unwrap_or_default();
    METRIC.iter().find(|(long, ..)| *long == unit).map_or(unit, |(_, short, _)| *short).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(scale: Value, translation: Value, unit: &str) -> Map<String, Value> {
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
        Level::of(&multiscale, "1").expect("is there").attributes()
    }

    #[test]
    fn fractions_become_whole_in_a_finer_unit() {
        let found = level(json!([1, 0.5, 1.0]), json!([0, 10.125, -2.25]), "micrometer");
        assert_eq!(found["voxel_size"], json!([500, 1000]));
        // Half a voxel more than level 0: they begin at the same place.
        assert_eq!(found["offset"], json!([10_000, -2500]));
        assert_eq!(found["units"], json!(["nm", "nm"]));
        assert_eq!(found["axis_names"], json!(["c^", "y", "x"]));
        let whole = level(json!([1, 4, 4]), json!([0, 8, 12]), "nanometer");
        // The first level is not whole in nanometer.
        assert_eq!((&whole["voxel_size"], &whole["offset"]), (&json!([4000, 4000]), &json!([8000, 12_000])));
        assert_eq!(whole["units"], json!(["pm", "pm"]));
    }

    #[test]
    fn levels_have_one_unit() {
        let found = level(json!([1, 1, 2]), json!([0, 10.375, -1.75]), "micrometer");
        assert_eq!((&found["voxel_size"], &found["offset"]), (&json!([1000, 2000]), &json!([10_000, -2500])));
        assert_eq!(found["units"], json!(["nm", "nm"]));
    }

    #[test]
    fn what_is_never_whole_stays_as_it_is() {
        let found = level(json!([1, 0.5, 0.5]), json!([0, 0, 0]), "parsec");
        assert_eq!(
            (&found["voxel_size"], &found["units"]),
            (&json!([0.5, 0.5]), &json!(["parsec", "parsec"]))
        );
    }

    #[test]
    fn axes_may_be_names_alone() {
        let multiscale = json!({"axes": ["t", "c", "z", "y", "x"], "datasets": [{"path": "0"}]});
        let found = Level::of(&multiscale, "0").expect("is there").attributes();
        assert_eq!(found["axis_names"], json!(["t^", "c^", "z", "y", "x"]));
        assert_eq!((&found["voxel_size"], &found["units"]), (&json!([1, 1, 1]), &json!(["", "", ""])));
    }

    #[test]
    fn channels_behind_space_have_a_place_by_index() {
        let multiscale = json!({
            "axes": [{"name": "x", "type": "space", "unit": "micrometer"}, {"name": "c", "type": "channel"}],
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.5, 1]}]}],
        });
        let found = Level::of(&multiscale, "0").expect("is there").attributes();
        assert_eq!((&found["voxel_size"], &found["units"]), (&json!([500, 1]), &json!(["nm", ""])));
    }
}
