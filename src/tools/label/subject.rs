//! What is labelled, whatever the type of its elements.

use crate::tools::error::Result;
use std::sync::Arc;

use crate::geometry::Roi;
use crate::storage::ArrayInfo;
use crate::storage::ArraySpec;

use super::components::Components;
use super::connectivity::Neighbours;
use super::threshold::Threshold;
use crate::tools::common::number::Number;
use crate::tools::common::source::Source;

type Find = dyn Fn(&Roi) -> Result<Components> + Send + Sync;

/// A volume whose components are looked for. Cheap to clone.
#[derive(Clone)]
pub struct Subject {
    /// What it is.
    pub info: ArrayInfo,
    /// What it covers, in world units.
    pub roi: Roi,
    /// An array like it.
    pub spec: ArraySpec,
    find: Arc<Find>,
}

impl Subject {
    /// The components of what is above the threshold.
    pub fn new<S: Number>(source: Source<S>, threshold: Threshold, neighbours: Neighbours) -> Result<Self> {
        let (info, roi, spec) = (source.info.clone(), source.roi, source.spec.clone());
        let n_channel_axes = info.n_channel_axes();
        let above = threshold.among::<S>();
        let find = move |roi: &Roi| {
            let data = source.read(roi)?;
            Ok(Components::of(&data, n_channel_axes, neighbours, |value| above.holds(value)))
        };
        Ok(Self { info, roi, spec, find: Arc::new(find) })
    }

    /// The components of a block.
    pub fn components(&self, block: &Roi) -> Result<Components> {
        (self.find)(block)
    }
}
