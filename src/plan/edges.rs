//! Which tasks wait for which, by name, while a pipeline is put together.
//!
//! Names are numbered as they come, so that an edge is two numbers, and adding one costs the same however many
//! there are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The number of a name.
pub(super) type NameId = u32;

/// Edges between names, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Edges {
    names: Vec<Name>,
    ids: HashMap<Arc<str>, NameId>,
    edges: Vec<(NameId, NameId)>,
    known: HashSet<(NameId, NameId)>,
}

#[derive(Debug, Clone)]
struct Name {
    text: Arc<str>,
    /// Whether an edge leaves it.
    is_upstream: bool,
    /// Whether an edge reaches it.
    is_downstream: bool,
}

impl Edges {
    /// The number of a name.
    pub fn id(&mut self, name: &str) -> NameId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = name.into();
        self.names.push(Name { text: text.clone(), is_upstream: false, is_downstream: false });
        self.ids.insert(text, id);
        id
    }

    /// The name of a number.
    pub fn name(&self, id: NameId) -> &str {
        &self.names[id as usize].text
    }

    /// Number of names.
    pub fn n_names(&self) -> usize {
        self.names.len()
    }

    /// The edges, in the order in which they were added.
    pub fn as_slice(&self) -> &[(NameId, NameId)] {
        &self.edges
    }

    /// Adds an edge, if it is a new one.
    pub fn add(&mut self, upstream: NameId, downstream: NameId) {
        if self.known.insert((upstream, downstream)) {
            self.names[upstream as usize].is_upstream = true;
            self.names[downstream as usize].is_downstream = true;
            self.edges.push((upstream, downstream));
        }
    }

    /// Returns whether an edge leaves a name.
    pub fn is_upstream(&self, id: NameId) -> bool {
        self.names[id as usize].is_upstream
    }

    /// Returns whether an edge reaches a name.
    pub fn is_downstream(&self, id: NameId) -> bool {
        self.names[id as usize].is_downstream
    }
}
