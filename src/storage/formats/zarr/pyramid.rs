//! Writes OME-Zarr multiscales, 0.4 and 0.5: that some arrays are the levels of one pyramid, and where they lie.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::consolidated;
use super::node::{Node, node, read_json_to_write};
use super::ome::{apply, is_space};
use crate::storage::context::Context;
use crate::storage::disk::files::{lock_directory, replace};
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::placement::METRIC;
use crate::storage::schema::spec::ZarrVersion;

/// Writes into the group at `path` that the arrays are the levels of one pyramid, the finest first.
pub fn write_multiscales(context: &Context, path: &Path, levels: &[&ArrayInfo]) -> Result<()> {
    let Some(first) = levels.first() else { return Ok(()) };
    let unusable = |reason: String| StorageError::Metadata { path: path.to_path_buf(), reason };
    let mut datasets = Vec::new();
    for level in levels {
        let relative = level.path.strip_prefix(path).map_err(|_| {
            unusable(format!("{} does not lie in it, so it cannot be a level of it", level.path.display()))
        })?;
        if level.axis_names != first.axis_names {
            let reason = format!("{} and {} have different axes", level.path.display(), first.path.display());
            return Err(unusable(reason));
        }
        datasets.push(dataset(level, first, &relative.display().to_string()));
    }
    let multiscale = json!({"axes": axes(first), "datasets": datasets});
    let turn = lock_directory(path);
    let (file, content) = match node(path)? {
        Some(Node::Group(ZarrVersion::V3)) => ("zarr.json", read_json_to_write(&path.join("zarr.json"))?),
        Some(Node::Group(ZarrVersion::V2)) => (".zattrs", read_json_to_write(&path.join(".zattrs"))?),
        _ => return Err(super::node::not_an_array(path, "no Zarr group, which a pyramid is")),
    };
    let mut content = content.unwrap_or_else(|| json!({}));
    let file = path.join(file);
    insert(multiscale, &mut content)
        .map_err(|reason| StorageError::Metadata { path: file.clone(), reason })?;
    replace(&file, format!("{content:#}").as_bytes(), context.is_synced())
        .map_err(StorageError::io("write", file))?;
    drop(turn);
    consolidated::refresh(context, path);
    Ok(())
}

/// Puts a multiscale into a group's metadata, all else of which stays: `.zattrs`, or a `zarr.json`.
fn insert(mut multiscale: Value, content: &mut Value) -> std::result::Result<(), String> {
    fn object<'a>(
        value: &'a mut Value,
        name: &str,
    ) -> std::result::Result<&'a mut Map<String, Value>, String> {
        if value.is_null() {
            *value = json!({});
        }
        value.as_object_mut().ok_or_else(|| format!("{name} is no JSON object"))
    }
    let is_v3 = content["zarr_format"] == 3;
    let mut here = object(content, "what it holds")?;
    if is_v3 {
        let attributes = here.entry("attributes").or_insert(Value::Null);
        let ome = object(attributes, "its attributes")?.entry("ome").or_insert(Value::Null);
        here = object(ome, "its attribute ome")?;
        here.insert("version".to_owned(), json!("0.5"));
    } else {
        multiscale["version"] = json!("0.4");
    }
    let all = here.entry("multiscales").or_insert_with(|| json!([]));
    let all = all.as_array_mut().ok_or("its multiscales are no list")?;
    let first = &multiscale["datasets"][0]["path"];
    match all.iter_mut().find(|old| old["datasets"][0]["path"] == *first) {
        Some(old) => {
            carry_over(old, &mut multiscale);
            *old = multiscale;
        }
        None => {
            // Readers that know one pyramid take the first.
            all.insert(0, multiscale);
        }
    }
    Ok(())
}

/// Takes over what the former metadata of a pyramid say and bellis does not know: names, and where channels and times lie.
fn carry_over(old: &Value, new: &mut Value) {
    const OURS: [&str; 4] = ["axes", "datasets", "coordinateTransformations", "version"];
    for (name, value) in
        old.as_object().into_iter().flatten().filter(|(name, _)| !OURS.contains(&name.as_str()))
    {
        new[name.as_str()] = value.clone();
    }
    let names = |multiscale: &Value| -> Vec<Value> {
        multiscale["axes"].as_array().into_iter().flatten().map(|axis| axis["name"].clone()).collect()
    };
    if names(old) != names(new) {
        return;
    }
    let n_axes = names(new).len();
    let (mut scale, mut translation) = (vec![1.0; n_axes], vec![0.0; n_axes]);
    for all in [&old["datasets"][0]["coordinateTransformations"], &old["coordinateTransformations"]] {
        apply(all, &mut scale, &mut translation);
    }
    for axis in (0..n_axes).filter(|&axis| !is_space(&old["axes"][axis])) {
        new["axes"][axis] = old["axes"][axis].clone();
        for dataset in new["datasets"].as_array_mut().into_iter().flatten() {
            let both = &mut dataset["coordinateTransformations"];
            both[0]["scale"][axis] = json!(scale[axis]);
            both[1]["translation"][axis] = json!(translation[axis]);
        }
    }
}

fn axes(info: &ArrayInfo) -> Vec<Value> {
    let n_channels = info.n_channel_axes();
    let axis = |(position, name): (usize, &String)| {
        let name = name.trim_end_matches('^');
        match position.checked_sub(n_channels) {
            None => json!({"name": name, "type": if name == "t" { "time" } else { "channel" }}),
            Some(spatial) => {
                let unit = &info.units[spatial];
                let long = METRIC
                    .iter()
                    .find(|(_, short, _)| short == unit)
                    .map_or(unit.as_str(), |(long, ..)| *long);
                if long.is_empty() {
                    json!({"name": name, "type": "space"})
                } else {
                    json!({"name": name, "type": "space", "unit": long})
                }
            }
        }
    };
    info.axis_names.iter().enumerate().map(axis).collect()
}

fn dataset(level: &ArrayInfo, first: &ArrayInfo, relative: &str) -> Value {
    let n_channels = level.n_channel_axes();
    let n_spatial = level.offset.n_axes();
    let over_all = |channel: f64, spatial: &dyn Fn(usize) -> f64| -> Vec<f64> {
        std::iter::repeat_n(channel, n_channels).chain((0..n_spatial).map(spatial)).collect()
    };
    let scale = over_all(1.0, &|axis| level.voxel_size[axis] as f64);
    // From the middle of voxels, such that level 0 is where its offset says.
    let translation = over_all(0.0, &|axis| {
        level.offset[axis] as f64 + (level.voxel_size[axis] - first.voxel_size[axis]) as f64 / 2.0
    });
    json!({"path": relative, "coordinateTransformations": [
        {"type": "scale", "scale": scale},
        {"type": "translation", "translation": translation},
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn multiscale() -> Value {
        json!({
            "axes": [{"name": "t", "type": "time"}, {"name": "x", "type": "space"}],
            "datasets": [{"path": "0", "coordinateTransformations": [
                {"type": "scale", "scale": [1.0, 2.0]}, {"type": "translation", "translation": [0.0, 0.0]}]}],
        })
    }

    #[test]
    fn what_others_wrote_stays() {
        let former = json!({
            "name": "cells", "type": "gaussian", "version": "0.4",
            "axes": [{"name": "t", "type": "time", "unit": "second"}, {"name": "x", "type": "space"}],
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.5, 9]}]}],
            "coordinateTransformations": [{"type": "scale", "scale": [0.2, 1.0]}],
        });
        let other = json!({"datasets": [{"path": "labels"}]});
        let mut v3 = json!({"zarr_format": 3, "attributes": {"ome": {"omero": {"channels": []}, "multiscales": [other, former]}}});
        let mut v2 = json!({"omero": {"id": 1}, "multiscales": [other, former]});
        insert(multiscale(), &mut v3).expect("objects");
        insert(multiscale(), &mut v2).expect("objects");
        assert_eq!(v3["attributes"]["ome"]["omero"], json!({"channels": []}));
        assert_eq!(v2["omero"]["id"], 1);
        for all in [&v3["attributes"]["ome"]["multiscales"], &v2["multiscales"]] {
            let (kept, new) = (&all[0], &all[1]);
            assert_eq!(*kept, other);
            assert_eq!((&new["name"], &new["type"]), (&json!("cells"), &json!("gaussian")));
            assert_eq!(new["axes"][0]["unit"], "second");
            assert_eq!(new["datasets"][0]["coordinateTransformations"][0]["scale"], json!([0.1, 2.0]));
            assert!(new.get("coordinateTransformations").is_none());
        }
    }

    #[test]
    fn what_is_no_object_is_named() {
        for (content, named) in [
            (json!({"zarr_format": 3, "attributes": [1]}), "attributes"),
            (json!({"zarr_format": 3, "attributes": "x"}), "attributes"),
            (json!({"zarr_format": 3, "attributes": {"ome": 1}}), "ome"),
            (json!([1]), "what it holds"),
            (json!({"multiscales": 3}), "multiscales"),
        ] {
            let message = insert(multiscale(), &mut content.clone()).expect_err("must be refused");
            assert!(message.contains(named), "{message}");
        }
    }
}
