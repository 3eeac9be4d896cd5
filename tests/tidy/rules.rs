//! The rules, each a function from one source file to the complaints about it.

use crate::source::{self, RustPath, Token};
use crate::{
    ANYTHING, DOORS, FEATURES, HOUSE, MAX_FILE_LINES, MAX_FUNCTION_LINES, PRINTING, PURITY, UNFINISHED,
};

/// One source file, read.
struct File<'a> {
    /// Its path from the root of the repository, with `/`.
    name: &'a str,
    text: &'a str,
    /// The first part of its path under `src`: the module that it belongs to.
    module: &'a str,
    tokens: Vec<Token>,
    paths: Vec<RustPath>,
    /// For each token, whether only tests see it.
    in_tests: Vec<bool>,
}

/// All that is wrong with a file, as `file:line: what, and what to do`.
pub fn complaints(name: &str, text: &str) -> Vec<String> {
    let file = File::read(name, text);
    let rules = [
        unknown_module,
        wrong_arrows,
        wrong_doors,
        impurities,
        missing_module_doc,
        banned_macros,
        bare_unwraps,
        monstrous_lengths,
    ];
    rules.iter().flat_map(|rule| rule(&file)).collect()
}

impl<'a> File<'a> {
    fn read(name: &'a str, text: &'a str) -> Self {
        let inner = name.strip_prefix("src/").unwrap_or(name);
        let module = inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs");
        let tokens = source::tokens(text);
        let paths = source::paths(&tokens);
        let in_tests = if name.ends_with("/tests.rs") || name.contains("/tests/") {
            vec![true; tokens.len()]
        } else {
            source::test_code(&tokens)
        };
        File { name, text, module, tokens, paths, in_tests }
    }

    fn complaint(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.name)
    }

    /// What the path names right under the crate's root, if it goes there, by `crate` or by enough `super`.
    fn under_root<'p>(&self, path: &'p RustPath) -> Option<&'p str> {
        let supers = path.segments.iter().take_while(|segment| *segment == "super").count();
        let root = match path.segments[0].as_str() {
            "crate" => 1,
            "super" if supers == self.depth(path.token) => supers,
            _ => return None,
        };
        match path.segments.get(root) {
            Some(name) => Some(name),
            // `use crate as x`, but not the word in `pub(crate)`.
            None => path.in_use.then_some("self"),
        }
    }

    /// How many modules deep a token stands.
    fn depth(&self, token: usize) -> usize {
        let inner = self.name.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        let file = if inner == "lib" { 0 } else { inner.split('/').count() };
        let has_own_file = self.name.ends_with("/tests.rs") || self.name.contains("/tests/");
        file + usize::from(self.in_tests[token] && !has_own_file)
    }
}

/// The modules that a module may use, if it is in the house.
fn allowed(module: &str) -> Option<&'static [&'static str]> {
    HOUSE.iter().find(|(name, _)| *name == module).map(|(_, allowed)| *allowed)
}

fn not_in_the_house(module: &str) -> String {
    format!("module {module} is not in the house: add it to the table HOUSE in tests/tidy/main.rs")
}

fn unknown_module(file: &File) -> Vec<String> {
    match allowed(file.module) {
        Some(_) => Vec::new(),
        None => vec![file.complaint(1, &not_in_the_house(file.module))],
    }
}

fn wrong_arrows(file: &File) -> Vec<String> {
    // The crate's root may name all it holds, and in a program `crate` is the program.
    if file.module == "lib" || file.module == "bin" {
        return Vec::new();
    }
    let may_use = allowed(file.module).unwrap_or(ANYTHING);
    let wrong = |path: &RustPath| {
        let target = file.under_root(path)?;
        let what = if target == "self" || target == "*" {
            "this imports the crate's root: name the module".to_string()
        } else if target.starts_with(char::is_uppercase) {
            format!("crate::{target} is a re-export for users: import it from its module")
        } else if target == file.module {
            return None;
        } else if allowed(target).is_none() {
            not_in_the_house(target)
        } else if may_use == ANYTHING || may_use.contains(&target) {
            return None;
        } else {
            let list = if may_use.is_empty() { "none of the others".to_string() } else { may_use.join(", ") };
            format!("{} -> {target} points the wrong way; {} may use: {list}", file.module, file.module)
        };
        Some(file.complaint(path.line, &what))
    };
    file.paths.iter().filter_map(wrong).collect()
}

fn wrong_doors(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    for path in &file.paths {
        // A lone name in code is a variable, a field or a `mod`.
        if path.segments.len() == 1 && !path.in_use {
            continue;
        }
        for (library, doors) in DOORS.iter().filter(|(library, _)| *library == path.segments[0]) {
            if !doors.iter().any(|door| file.name.starts_with(door)) {
                let doors = doors.join("* or ");
                let what = format!(
                    "the library {library} is used in {doors}* alone (if you mean the module, write self::{library})"
                );
                complaints.push(file.complaint(path.line, &what));
            }
        }
    }
    complaints
}

fn impurities(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    for (_, banned) in PURITY.iter().filter(|(module, _)| *module == file.module) {
        for path in file.paths.iter().filter(|path| !file.in_tests[path.token]) {
            for name in banned.iter().filter(|name| names(path, name)) {
                let what = format!("{} has no {name}: it is pure and deterministic", file.module);
                complaints.push(file.complaint(path.line, &what));
            }
        }
    }
    complaints
}

/// Whether a path lies under `std::x`, or has a single name anywhere.
fn names(path: &RustPath, banned: &str) -> bool {
    if banned.contains("::") {
        let banned: Vec<&str> = banned.split("::").collect();
        path.segments.len() >= banned.len() && path.segments.iter().zip(banned).all(|(a, b)| a == b)
    } else {
        path.segments.iter().any(|segment| segment == banned)
    }
}

fn missing_module_doc(file: &File) -> Vec<String> {
    if file.text.starts_with("//!") {
        return Vec::new();
    }
    vec![file.complaint(1, "the file has no module doc: begin it with //! and say what it is for")]
}

fn banned_macros(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    for pair in file.tokens.windows(2).filter(|pair| pair[1].text == "!") {
        let name = pair[0].text.as_str();
        if UNFINISHED.contains(&name) {
            complaints.push(file.complaint(pair[0].line, &format!("{name}! is for work in progress")));
        } else if PRINTING.contains(&name) && file.module != "bin" {
            let what = format!("{name}! in a library: use log, or observe what there is to show");
            complaints.push(file.complaint(pair[0].line, &what));
        }
    }
    complaints
}

fn bare_unwraps(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    for (at, token) in file.tokens.iter().enumerate() {
        if source::starts_with(&file.tokens[at..], &[".", "unwrap", "(", ")"]) && !file.in_tests[at] {
            let what = "unwrap() without its reason: return an error, or expect(\"why this cannot be\")";
            complaints.push(file.complaint(token.line, what));
        }
    }
    complaints
}

fn monstrous_lengths(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = file.text.lines().count();
    if lines > MAX_FILE_LINES {
        let what = format!("{lines} lines, at most {MAX_FILE_LINES}: split the file by idea");
        complaints.push(file.complaint(1, &what));
    }
    for (name, line, lines) in source::functions(&file.tokens) {
        if lines > MAX_FUNCTION_LINES {
            let what = format!("fn {name} has {lines} lines, at most {MAX_FUNCTION_LINES}");
            complaints.push(file.complaint(line, &what));
        }
    }
    complaints
}

/// What is wrong with the features in Cargo.toml.
pub fn feature_complaints(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[features]\n").nth(1).unwrap_or("");
    let section = section.split("\n[").next().unwrap_or(section);
    let value = |feature: &str| {
        let mut definitions = section.lines().filter_map(|line| line.split_once('='));
        definitions.find(|(name, _)| name.trim() == feature).map(|(_, value)| value)
    };
    let default = value("default").unwrap_or("");
    let mut complaints = Vec::new();
    for feature in FEATURES {
        if value(feature).is_none() {
            complaints.push(format!("Cargo.toml: the feature {feature} is missing"));
        }
        if !default.contains(&format!("\"{feature}\"")) {
            complaints.push(format!("Cargo.toml: the feature {feature} is not on by default"));
        }
    }
    complaints
}
