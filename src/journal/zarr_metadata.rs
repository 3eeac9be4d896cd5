//! The metadata that make a done map a Zarr v3 array: bytes, one chunk, no compression.
//!
//! <https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html>

use serde_json::{Value, json};

/// The metadata of the done map of a grid of blocks.
pub(super) fn metadata(grid: &[u64]) -> Value {
    let names: Vec<String> = (0..grid.len()).map(|axis| format!("d{axis}")).collect();
    json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": grid,
        "data_type": "uint8",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": grid}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": 0,
        "codecs": [{"name": "bytes"}],
        "dimension_names": names,
        "attributes": {
            "states": {"0": "not done", "1": "done", "2": "failed", "3": "orphaned", "4": "excluded"},
        },
    })
}

/// The name of the one chunk.
pub(super) fn chunk_name(n_axes: usize) -> String {
    format!("c{}", ".0".repeat(n_axes))
}

/// What is wrong with the metadata of the done map of a grid. Other programs may add to them and spell them otherwise.
pub(super) fn problem(found: &[u8], grid: &[u64]) -> Option<String> {
    let found: Value = match serde_json::from_slice(found) {
        Ok(found) => found,
        Err(error) => return Some(format!("it is no JSON ({error})")),
    };
    let wanted = metadata(grid);
    let parts = [
        "/zarr_format",
        "/node_type",
        "/shape",
        "/data_type",
        "/chunk_grid/name",
        "/chunk_grid/configuration/chunk_shape",
        "/chunk_key_encoding/name",
        "/chunk_key_encoding/configuration/separator",
        "/fill_value",
        "/codecs/0/name",
        "/codecs/1",
        "/storage_transformers/0",
    ];
    let null = Value::Null;
    parts.into_iter().find_map(|part| {
        let value = |of: &Value| of.pointer(part).unwrap_or(&null).clone();
        let (found, wanted) = (value(&found), value(&wanted));
        (found != wanted)
            .then(|| format!("{} is {found} and should be {wanted}", part.trim_start_matches('/')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_counts_and_additions_do_not() {
        let grid = [3, 4];
        let good = metadata(&grid);
        assert_eq!(problem(good.to_string().as_bytes(), &grid), None);
        let mut other = good.clone();
        other["attributes"] = json!({"mine": 1});
        other["storage_transformers"] = json!([]);
        other["dimension_names"] = Value::Null;
        assert_eq!(problem(other.to_string().as_bytes(), &grid), None);
        for (part, value) in [
            ("shape", json!([4, 3])),
            ("data_type", json!("int8")),
            ("codecs", json!([{"name": "bytes"}, {"name": "zstd"}])),
            ("fill_value", json!(1)),
        ] {
            let mut bad = good.clone();
            bad[part] = value;
            let problem = problem(bad.to_string().as_bytes(), &grid).unwrap();
            assert!(problem.starts_with(part), "{problem}");
        }
        assert!(problem(b"{", &grid).unwrap().starts_with("it is no JSON"));
        assert_eq!(chunk_name(3), "c.0.0.0");
    }
}
