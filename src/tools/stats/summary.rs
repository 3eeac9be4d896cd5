//! What is printed, once it has been seen to fit together.

use crate::storage::ArrayInfo;
use crate::tools::error::Result;
use serde_json::{Map, Value, json};

use super::bins::Edges;
use super::error::StatsError;
use super::figures::Figures;
use super::long_numbers::unquoted;

/// The figures of a volume, as JSON.
pub struct Summary {
    fields: Map<String, Value>,
}

impl Summary {
    /// The figures of the volume that `info` is of.
    pub fn new(
        figures: &impl Figures,
        info: &ArrayInfo,
        histogram: Option<(Edges, Vec<u64>)>,
    ) -> Result<Self> {
        let n_voxels: u64 = info.shape.iter().product();
        let n_finite = figures.n_finite();
        let [nan, negative, positive] = figures.not_finite();
        require("voxels", n_finite + nan + negative + positive, n_voxels)?;
        let mean = figures.rounded_mean();
        // Of nothing there is no mean.
        if let Some((min, max)) = figures.range().filter(|_| mean.is_finite()) {
            // Rounding may take a mean past the range by its last digit.
            let slack = f64::EPSILON * 4.0 * min.abs().max(max.abs());
            if mean < min - slack || mean > max + slack {
                return Err(StatsError::MeanOutside { mean, min, max }.into());
            }
        }
        let [min, max, sum, squares] = figures.values();
        let mut fields = Map::new();
        let mut field = |name: &str, value| fields.insert(name.to_owned(), value);
        field("path", info.path.display().to_string().into());
        field("shape", json!(info.shape));
        field("data_type", info.data_type.name().into());
        field("voxels", n_voxels.into());
        field("not_a_number", nan.into());
        field("negative_infinity", negative.into());
        field("positive_infinity", positive.into());
        field("min", min);
        field("max", max);
        field("mean", figures.mean());
        field("sum", sum);
        field("sum_of_squares", squares);
        let mut counted = None;
        if let Some((edges, counts)) = histogram {
            counted = Some(counts.iter().sum());
            field("histogram", json!({"edges": edges.into_vec(), "counts": counts}));
        }
        require("voxels in the histogram", counted.unwrap_or(n_finite), n_finite)?;
        Ok(Self { fields })
    }

    /// With a count for each value from minimum to maximum.
    pub fn with_values(mut self, counts: Vec<u64>) -> Self {
        let (first, last) = (self.fields["min"].clone(), self.fields["max"].clone());
        let histogram = json!({"first_value": first, "last_value": last, "counts": counts});
        self.fields.insert("histogram".to_owned(), histogram);
        self
    }

    /// The figures by name. Whole numbers of more than 64 bits are texts that begin with `integer`.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// A field to a line.
    pub fn to_json(&self) -> String {
        let field = |(name, value)| format!("  {}: {}", Value::from(name), unquoted(value));
        let fields = self.fields.iter().map(|(name, value)| field((name.as_str(), value)));
        format!("{{\n{}\n}}", fields.collect::<Vec<_>>().join(",\n"))
    }
}

fn require(what: &'static str, found: u64, expected: u64) -> Result {
    match found == expected {
        true => Ok(()),
        false => Err(StatsError::Miscounted { what, found, expected }.into()),
    }
}
