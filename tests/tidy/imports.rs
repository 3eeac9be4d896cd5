//! The rules about which file uses which: no circles, and no sibling through the façade that both stand behind.
//!
//! File A uses file B when a path in A, outside of tests, names something that B defines, however many façades pass
//! the name on. `mod b;` and `pub use b::X;` are no use: a façade may show all that lies behind it. Its own code
//! uses what it names, as any other.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::house::{House, Mention, ModuleId, Target};

/// From file to file, with the names that tie them.
type Arrows = BTreeMap<(usize, usize), BTreeSet<String>>;

/// All that is wrong between the files of `src`: their names and their texts.
pub fn complaints(sources: &[(String, String)]) -> Vec<String> {
    let house = House::build(sources);
    let mut arrows = Arrows::new();
    let mut complaints: Vec<String> = house
        .unreached(sources)
        .into_iter()
        .map(|name| format!("{name}:1: no `mod` outside of tests leads to this file"))
        .collect();
    for (from, file) in house.files.iter().enumerate() {
        for mention in &file.paths {
            for target in used(&house, mention) {
                complaints.extend(through_own_facade(&house, mention, &target));
                let to = house.modules[target.module].file;
                if let Some(name) = target.name.filter(|_| from != to) {
                    arrows.entry((from, to)).or_default().insert(name);
                }
            }
        }
    }
    complaints.extend(circles(&house, &arrows));
    complaints
}

/// What a path leads to, if its file thereby uses it.
fn used(house: &House, mention: &Mention) -> Vec<Target> {
    let path = &mention.path;
    let is_used = if path.in_use {
        !path.is_reexport
    } else {
        // A lone name is this file's own, or an import that was counted where it stands, unless it is shown on.
        path.segments.len() > 1 || (mention.is_item && house.imports(mention.module, &path.segments[0]))
    };
    if is_used { house.resolve(mention.module, &path.segments) } else { Vec::new() }
}

/// A name that comes from inside the directory that the file lies in, by way of the façade before it.
fn through_own_facade(house: &House, mention: &Mention, target: &Target) -> Option<String> {
    // A name that a `use` of the file gives is told of where the `use` stands.
    let first = &mention.path.segments[..1];
    if !mention.path.in_use && house.imports(mention.module, &first[0]) {
        house.resolve(mention.module, first).into_iter().find(|target| target.name.is_none())?;
    }
    let of = |id: ModuleId| &house.files[house.modules[id].file].name;
    let is_own =
        |facade: &&ModuleId| house.is_inside(mention.module, **facade) && of(**facade) != of(mention.module);
    let facade = *target.facades.iter().find(is_own)?;
    let name = target.name.as_ref()?;
    // The crate's root is another rule's.
    if of(facade) == "src/lib.rs" {
        return None;
    }
    let (file, line) = (of(mention.module), mention.path.line);
    let source = &house.modules[target.module].path;
    let shown = of(facade);
    Some(format!("{file}:{line}: {name} comes through {shown}: name {source}::{name}, where it is defined"))
}

/// Each set of files that use each other in a circle, with the names that tie them.
fn circles(house: &House, arrows: &Arrows) -> Vec<String> {
    let mut graph = DiGraph::<(), ()>::new();
    for _ in &house.files {
        graph.add_node(());
    }
    graph.extend_with_edges(arrows.keys().map(|&(from, to)| (NodeIndex::new(from), NodeIndex::new(to))));
    let mut sets = tarjan_scc(&graph);
    sets.retain(|set| set.len() > 1);
    let name = |file: usize| house.files[file].name.as_str();
    let told = |set: Vec<NodeIndex>| {
        let has = |file: usize| set.contains(&NodeIndex::new(file));
        let inside = arrows.iter().filter(|((from, to), _)| has(*from) && has(*to));
        let lines = inside.map(|((from, to), names)| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("\n    {} uses {} of {}", name(*from), names.join(", "), name(*to))
        });
        let lines: String = lines.collect();
        let first = set.iter().map(|node| name(node.index())).min().unwrap_or_default();
        let what = "files that import in a circle: move what ties them to a file of its own, or pass it in";
        format!("{first}:1: {} {what}{lines}", set.len())
    };
    let mut complaints: Vec<String> = sets.into_iter().map(told).collect();
    complaints.sort();
    complaints
}
