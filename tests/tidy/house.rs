//! The files of the crate as one whole: which modules there are, what each defines, and what its names stand for.
//!
//! Every name is followed to the file that defines it, through as many `use` as it takes. A name that no item of
//! its module explains (a macro made it, say) counts as defined there. What only tests see is left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{self, RustPath, Token};

/// More `use` than any name passes through; those that name each other in a circle end here.
const MAX_HOPS: usize = 32;

/// Where a module stands in [`House::modules`].
pub type ModuleId = usize;

/// All files of `src`.
#[derive(Default)]
pub struct House {
    pub files: Vec<File>,
    pub modules: Vec<Module>,
}

/// One file, with its paths outside of tests.
pub struct File {
    /// Its path from the root of the repository, with `/`.
    pub name: String,
    pub paths: Vec<Mention>,
}

/// A path in a file, and the module that it stands in.
pub struct Mention {
    pub path: RustPath,
    pub module: ModuleId,
    /// Whether it can be an item's name: no field, no method, no variable.
    pub is_item: bool,
}

/// A module: a file, or a `mod x { .. }` in one.
pub struct Module {
    /// Its path, beginning with `crate`.
    pub path: String,
    /// The file that it stands in.
    pub file: usize,
    parent: Option<ModuleId>,
    children: BTreeMap<String, ModuleId>,
    defined: BTreeSet<String>,
    /// The names that a `use` gives, and what each stands for: several things where features choose.
    imported: BTreeMap<String, Vec<Vec<String>>>,
    /// What stands before the `*` of each `use x::*`.
    globs: Vec<Vec<String>>,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The module that it leads to, or that defines the name.
    pub module: ModuleId,
    /// `None` for a module.
    pub name: Option<String>,
    /// The modules that only pass the name on, on the way from the first to the last.
    pub facades: Vec<ModuleId>,
}

/// A file's place in the tree of modules, while the house is built.
struct Place<'a> {
    tokens: &'a [Token],
    in_tests: &'a [bool],
    file: usize,
    /// The module that each token stands in.
    module_of: Vec<ModuleId>,
}

/// Keywords whose next word is the name of an item.
const ITEMS: [&str; 8] = ["fn", "struct", "enum", "trait", "type", "const", "static", "union"];

impl House {
    /// Reads the crates whose roots are among these files: a library, and the programs in `src/bin`.
    pub fn build(sources: &[(String, String)]) -> Self {
        let mut house = Self::default();
        for (root, _) in sources.iter().filter(|(name, _)| is_root(name)) {
            house.add_file(root, "crate", None, sources);
        }
        house
    }

    /// The files of `sources` that no `mod` leads to outside of tests, but for those that hold tests.
    pub fn unreached<'a>(&self, sources: &'a [(String, String)]) -> Vec<&'a str> {
        let is_known = |name: &str| self.files.iter().any(|file| file.name == name);
        let names = sources.iter().map(|(name, _)| name.as_str());
        names.filter(|name| !is_known(name) && !is_for_tests(name)).collect()
    }

    /// Reads a file, and those of the modules that it declares.
    fn add_file(
        &mut self,
        name: &str,
        path: &str,
        parent: Option<ModuleId>,
        sources: &[(String, String)],
    ) -> ModuleId {
        let (_, text) = sources.iter().find(|(other, _)| other == name).expect("the caller has found it");
        let tokens = source::tokens(text);
        let in_tests = source::test_code(&tokens);
        let file = self.files.len();
        self.files.push(File { name: name.to_owned(), paths: Vec::new() });
        let module = self.add_module(path, file, parent);
        let mut place =
            Place { tokens: &tokens, in_tests: &in_tests, file, module_of: vec![module; tokens.len()] };
        let declared = self.read_items(&mut place, 0..tokens.len(), module);
        self.read_paths(&place);
        for (parent, child) in declared {
            let path = format!("{}::{child}", self.modules[parent].path);
            let below = path.split("::").skip(1).collect::<Vec<_>>().join("/");
            let stem = format!("{}/{below}", root_directory(name));
            let candidates = [format!("{stem}.rs"), format!("{stem}/mod.rs")];
            let found = sources.iter().find(|(name, _)| candidates.contains(name));
            if let Some((name, _)) = found.filter(|(name, _)| !is_for_tests(name)) {
                let id = self.add_file(name, &path, Some(parent), sources);
                self.modules[parent].children.insert(child, id);
            }
        }
        module
    }

    fn add_module(&mut self, path: &str, file: usize, parent: Option<ModuleId>) -> ModuleId {
        self.modules.push(Module {
            path: path.to_owned(),
            file,
            parent,
            children: BTreeMap::new(),
            defined: BTreeSet::new(),
            imported: BTreeMap::new(),
            globs: Vec::new(),
        });
        self.modules.len() - 1
    }

    /// Reads what stands between the brackets of a module; returns the modules whose files it declares.
    fn read_items(
        &mut self,
        place: &mut Place,
        range: std::ops::Range<usize>,
        module: ModuleId,
    ) -> Vec<(ModuleId, String)> {
        let mut declared = Vec::new();
        let mut at = range.start;
        while at + 1 < range.end {
            let (token, next) = (&place.tokens[at], &place.tokens[at + 1]);
            if place.in_tests[at] {
                at += 1;
            } else if token.text == "mod" && next.is_ident() {
                if place.tokens.get(at + 2).is_some_and(|token| token.text == "{") {
                    let end = source::closing(place.tokens, at + 2);
                    let path = format!("{}::{}", self.modules[module].path, next.text);
                    let inner = self.add_module(&path, place.file, Some(module));
                    self.modules[module].children.insert(next.text.clone(), inner);
                    place.module_of[at + 2..end].fill(inner);
                    declared.extend(self.read_items(place, at + 3..end, inner));
                    at = end + 1;
                } else {
                    declared.push((module, next.text.clone()));
                    at += 2;
                }
            } else if ITEMS.contains(&token.text.as_str()) && next.is_ident() {
                self.modules[module].defined.insert(next.text.clone());
                at += 1;
            } else if source::starts_with(&place.tokens[at..], &["macro_rules", "!"]) {
                let name = place.tokens.get(at + 2).map_or("", |token| token.text.as_str());
                self.modules[module].defined.insert(name.to_owned());
                at += 3;
            } else if token.text == "use" {
                at += place.tokens[at..].iter().position(|token| token.text == ";").unwrap_or(1);
            } else if matches!(token.text.as_str(), "{" | "(" | "[") {
                at = source::closing(place.tokens, at) + 1;
            } else {
                at += 1;
            }
        }
        declared
    }

    fn read_paths(&mut self, place: &Place) {
        for path in source::paths(place.tokens) {
            if place.in_tests[path.token] {
                continue;
            }
            let module = place.module_of[path.token];
            if path.in_use {
                self.modules[module].import(&path);
            }
            let text = |at: Option<usize>| {
                at.and_then(|at| place.tokens.get(at)).map_or("", |token| token.text.as_str())
            };
            let (before, after) = (text(path.token.checked_sub(1)), text(Some(path.token + 1)));
            let is_item = !matches!(before, "." | "fn")
                && (path.segments[0].starts_with(char::is_uppercase) || matches!(after, "(" | "!" | "<"));
            self.files[place.file].paths.push(Mention { path, module, is_item });
        }
    }

    /// What a path in `module` leads to: nothing when that is outside of the crate, or no item, and several things where
    /// features choose.
    pub fn resolve(&self, module: ModuleId, segments: &[String]) -> Vec<Target> {
        self.resolve_from(module, segments, MAX_HOPS)
    }

    /// Whether `module` gets this name from a `use` of its own.
    pub fn imports(&self, module: ModuleId, name: &str) -> bool {
        self.modules[module].imported.contains_key(name)
    }

    /// Whether `module` lies inside `outer`, at any depth.
    pub fn is_inside(&self, module: ModuleId, outer: ModuleId) -> bool {
        let above = |&id: &ModuleId| self.modules[id].parent;
        std::iter::successors(above(&module), above).any(|id| id == outer)
    }

    fn resolve_from(&self, module: ModuleId, segments: &[String], hops: usize) -> Vec<Target> {
        let this = &self.modules[module];
        let first = segments.first().map_or("", String::as_str);
        match first {
            "crate" => {
                let above = |&id: &ModuleId| self.modules[id].parent;
                let root = std::iter::successors(Some(module), above).last().unwrap_or(module);
                self.walk(root, &segments[1..], hops)
            }
            "self" => self.walk(module, &segments[1..], hops),
            "super" => this.parent.map_or_else(Vec::new, |parent| self.walk(parent, &segments[1..], hops)),
            _ if this.children.contains_key(first) => self.walk(module, segments, hops),
            _ => self.through_import(module, segments, hops),
        }
    }

    /// Follows a name that a `use` of `module` gives.
    fn through_import(&self, module: ModuleId, segments: &[String], hops: usize) -> Vec<Target> {
        let first = segments.first().map_or("", String::as_str);
        let all = self.modules[module].imported.get(first).map_or(&[][..], Vec::as_slice);
        // `use hdf5::File` does not explain `hdf5`.
        let all = all.iter().filter(|stands_for| hops > 0 && stands_for[0] != first);
        let follow = |stands_for: &Vec<String>| {
            self.resolve_from(module, &[stands_for, &segments[1..]].concat(), hops - 1)
        };
        all.flat_map(follow).collect()
    }

    /// Follows a name that `module` may have from a `use x::*`.
    fn through_globs(&self, module: ModuleId, segments: &[String], hops: usize) -> Vec<Target> {
        let defines = |target: &Target| {
            let defined = &self.modules[target.module].defined;
            target.name.as_ref().is_some_and(|name| *name == segments[0] && defined.contains(name))
        };
        let globs = self.modules[module].globs.iter().filter(|_| hops > 0);
        let follow =
            |glob: &Vec<String>| self.resolve_from(module, &[glob.as_slice(), segments].concat(), hops - 1);
        globs.flat_map(follow).filter(defines).collect()
    }

    /// What a path leads to that goes on inside `module`.
    fn walk(&self, module: ModuleId, segments: &[String], hops: usize) -> Vec<Target> {
        let this = &self.modules[module];
        let here = |name: Option<&String>| vec![Target { module, name: name.cloned(), facades: Vec::new() }];
        let passed_on = |mut target: Target| {
            target.facades.insert(0, module);
            target
        };
        let Some(first) = segments.first() else { return here(None) };
        match first.as_str() {
            "self" => self.walk(module, &segments[1..], hops),
            "super" => this.parent.map_or_else(Vec::new, |parent| self.walk(parent, &segments[1..], hops)),
            "*" => here(Some(first)),
            name if this.children.contains_key(name) => self.walk(this.children[name], &segments[1..], hops),
            name if this.defined.contains(name) => here(Some(first)),
            name if this.imported.contains_key(name) => {
                self.through_import(module, segments, hops).into_iter().map(passed_on).collect()
            }
            _ => {
                let found = self.through_globs(module, segments, hops);
                if found.is_empty() { here(Some(first)) } else { found.into_iter().map(passed_on).collect() }
            }
        }
    }
}

impl Module {
    /// Notes the name that a path in a `use` gives.
    fn import(&mut self, path: &RustPath) {
        let (last, before) = path.segments.split_last().expect("a path has a segment");
        let (name, stands_for) = match (last.as_str(), before.last()) {
            ("*", _) => return self.globs.push(before.to_vec()),
            ("self", Some(name)) => (name.as_str(), before.to_vec()),
            (name, _) => (name, path.segments.clone()),
        };
        let name = path.alias.as_deref().unwrap_or(name);
        self.imported.entry(name.to_owned()).or_default().push(stands_for);
    }
}

/// Whether a crate begins in this file.
fn is_root(name: &str) -> bool {
    let program = name.strip_prefix("src/bin/").map(|rest| rest.strip_suffix("/main.rs").unwrap_or(rest));
    let is_program = program.is_some_and(|rest| !rest.contains('/'));
    name == "src/lib.rs" || name == "src/main.rs" || is_program
}

/// The directory that the modules of the crate's root lie in, for a file of that crate.
fn root_directory(name: &str) -> &str {
    match name.strip_prefix("src/bin/") {
        Some(rest) => {
            let program = rest.split_once('/').map_or(0, |(program, _)| 1 + program.len());
            &name[.."src/bin".len() + program]
        }
        None => "src",
    }
}

pub fn is_for_tests(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.contains("/tests/")
}
