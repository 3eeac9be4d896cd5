//! The rules, tried: each is shown what it must flag and what it must leave alone.

use crate::imports;
use crate::rules::{complaints, feature_complaints};
use crate::source::{paths, tokens};

/// The complaints about one file whose module doc is in place; the code begins on line 2.
fn about(name: &str, code: &str) -> Vec<String> {
    complaints(name, &format!("//! Doc.\n{code}\n"))
}

#[track_caller]
fn flagged(name: &str, code: &str, expected: &str) {
    let found = about(name, code);
    assert!(
        found.len() == 1 && found[0].contains(expected),
        "{code}\nexpected: {expected}\nfound: {found:#?}"
    );
}

#[track_caller]
fn clean(name: &str, code: &str) {
    let found = about(name, code);
    assert!(found.is_empty(), "{code}\nfound: {found:#?}");
}

#[test]
fn an_arrow_that_points_the_wrong_way() {
    let message = "src/plan/grid.rs:2: plan -> scheduler points the wrong way; plan may use: geometry";
    flagged("src/plan/grid.rs", "use crate::scheduler::Event;", message);
    flagged("src/plan/grid.rs", "use crate::{geometry::Roi, scheduler::Event};", message);
    flagged("src/plan/grid.rs", "use crate::{geometry::{Roi, Snap}, scheduler};", message);
    flagged("src/plan/grid.rs", "fn f() { crate::scheduler::go() }", message);
    flagged("src/plan/grid.rs", "pub use super::super::scheduler::Event;", message);
    flagged("src/plan.rs", "use super::scheduler::Event;", "plan -> scheduler");
    flagged(
        "src/plan.rs",
        "#[cfg(test)]\nmod tests { use super::super::scheduler::Event; }",
        "plan -> scheduler",
    );
    flagged("src/mpi/comm.rs", "use crate::plan::Block;", "mpi may use: none of the others");
    flagged("src/run/session.rs", "use crate::tools::stats;", "run -> tools points the wrong way");
    flagged("src/geometry/roi.rs", "use crate::plan as p;", "geometry -> plan");
    flagged("src/observe.rs", "use crate::run::Session;", "observe -> run");
}

#[test]
fn arrows_that_point_the_right_way() {
    clean(
        "src/plan/grid.rs",
        "use crate::geometry::{Coordinate, Roi};\nuse crate::plan::Task;\nuse super::Block;",
    );
    clean("src/plan.rs", "pub(crate) fn f() {}\n#[cfg(test)]\nmod tests { use super::scheduler; }");
    clean("src/run/session.rs", "use crate::{plan, scheduler::Event, transport::mpi::Mpi};");
    clean("src/lib.rs", "pub mod plan;\npub use crate::plan::Task;");
    clean(
        "src/plan/grid.rs",
        "/// use crate::scheduler::Event;\n// crate::run\nconst A: &str = \"crate::run::x\";",
    );
    clean(
        "src/plan/grid.rs",
        "/* crate::run /* crate::wire */ crate::run */ const A: &str = r#\"\"crate::run\"#;",
    );
}

#[test]
fn a_module_that_nobody_listed() {
    flagged("src/error.rs", "", "src/error.rs:1: module error is not in the house: add it to the table");
    flagged("src/plan.rs", "use crate::error::Error;", "src/plan.rs:2: module error is not in the house");
}

#[test]
fn an_import_from_the_root() {
    flagged("src/plan.rs", "use crate::Coordinate;", "import it from its module");
    flagged("src/run.rs", "use crate::{geometry::Roi, Task};", "crate::Task is a re-export");
    flagged("src/plan.rs", "use crate::*;", "name the module");
    flagged("src/plan.rs", "use crate::{self as root};", "name the module");
    flagged("src/plan.rs", "use super::*;", "name the module");
    clean("src/plan.rs", "/// ```\n/// use crate::Coordinate;\n/// ```\npub struct A;");
}

#[test]
fn a_library_beside_its_door() {
    flagged(
        "src/observe.rs",
        "use mpi::traits::*;",
        "mpi is used in src/mpi* or src/storage/formats/hdf5/mpio* alone",
    );
    flagged("src/transport/local.rs", "fn f() { ::mpi::ffi::x() }", "the library mpi");
    flagged("src/storage.rs", "use zarrs::array::Array;", "the library zarrs");
    flagged("src/storage/formats/zarr.rs", "use liblzma::read::*;", "the library liblzma");
    clean("src/mpi/communicator.rs", "use mpi::traits::*;");
    clean("src/storage/formats/hdf5/mpio.rs", "fn f() { mpi::ffi::x() }");
    clean(
        "src/transport.rs",
        "mod mpi;\npub use self::mpi::Mpi;\npub use self::{local::Local, mpi::Threads};",
    );
    clean("src/storage/formats/zarr/v2.rs", "use zarrs::array::Array;");
}

#[test]
fn an_impure_scheduler() {
    flagged("src/scheduler.rs", "use std::time::Duration;", "scheduler has no std::time");
    flagged("src/scheduler/queue.rs", "use std::{fmt, thread};", "scheduler has no std::thread");
    flagged("src/scheduler/queue.rs", "fn f() { std::fs::read(x) }", "scheduler has no std::fs");
    flagged("src/scheduler/queue.rs", "use std::collections::HashMap;", "scheduler has no HashMap");
    flagged("src/scheduler/queue.rs", "fn f(x: &HashSet<u8>) {}", "scheduler has no HashSet");
    flagged("src/scheduler/queue.rs", "fn f() { rand::random() }", "scheduler has no rand");
    flagged("src/scheduler/queue.rs", "fn f(now: Instant) {}", "scheduler has no Instant");
    flagged("src/plan.rs", "use std::fs;", "plan has no std::fs");
    clean("src/scheduler/queue.rs", "use std::collections::{BTreeMap, VecDeque};");
    clean("src/scheduler/queue.rs", "#[cfg(test)]\nmod tests { use std::collections::HashSet; }");
    clean("src/journal.rs", "use std::fs;\nuse std::time::Instant;");
}

#[test]
fn a_file_without_a_module_doc() {
    let found = complaints("src/plan.rs", "// Not a doc.\nstruct A;\n");
    assert!(
        found.len() == 1 && found[0].starts_with("src/plan.rs:1: the file has no module doc"),
        "{found:?}"
    );
}

#[test]
fn macros_that_do_not_belong() {
    flagged("src/plan.rs", "fn f() {\n    println!(\"x\");\n}", "src/plan.rs:3: println! in a library");
    flagged("src/plan.rs", "fn f() { eprintln!() }", "eprintln!");
    flagged("src/plan.rs", "fn f() { dbg!(1); }", "dbg!");
    flagged("src/bin/bellis.rs", "fn f() { todo!() }", "todo!");
    flagged("src/plan.rs", "fn f() { unimplemented!() }", "unimplemented!");
    clean("src/bin/bellis.rs", "fn main() { println!(\"x\") }");
    clean("src/plan.rs", "/// println!(\"x\")\nfn f() { write!(f, \"todo!()\") }");
}

#[test]
fn an_unwrap_without_a_reason() {
    flagged("src/plan.rs", "fn f() { x.unwrap() }", "src/plan.rs:2: unwrap()");
    flagged("src/plan.rs", "fn f() {\n    x\n        .unwrap()\n}", "src/plan.rs:4: unwrap()");
    flagged("src/plan.rs", "#[cfg(test)]\nmod tests { fn g() {} }\nfn f() { x.unwrap() }", "src/plan.rs:4");
    flagged("src/plan.rs", "#[cfg(not(test))]\nfn f() { x.unwrap() }", "src/plan.rs:3");
    clean("src/plan.rs", "fn f() { x.unwrap_or(1); x.expect(\"set above\"); }");
    clean("src/plan.rs", "#[cfg(test)]\nmod tests {\n    fn f() { '}'; x.unwrap() }\n}");
    clean("src/plan/tests.rs", "fn f() { x.unwrap() }");
    clean("src/plan.rs", "/// x.unwrap();\nfn f() {}");
}

#[test]
fn monstrous_files_and_functions() {
    let function = |lines: usize| format!("fn big(x: [u8; 4]) {{\n{}}}", "    go('{');\n".repeat(lines - 2));
    clean("src/plan.rs", &function(80));
    flagged("src/plan.rs", &function(81), "src/plan.rs:2: fn big has 81 lines, at most 80");
    // With the module doc, one line more than what is repeated.
    clean("src/plan.rs", "const A: u8 = 1;\n".repeat(599).trim_end());
    flagged("src/plan.rs", "const A: u8 = 1;\n".repeat(600).trim_end(), "601 lines, at most 600");
}

#[test]
fn a_missing_feature() {
    let good = "[package]\n\n[features]\ndefault = [\"mpi\", \"hdf5\", \"n5\", \"zarr\"]\nmpi = [\"dep:mpi\"]\nhdf5 = []\nn5 = []\n\
                zarr = []\n\n[lib]\n";
    assert_eq!(feature_complaints(good), Vec::<String>::new());
    let found = feature_complaints(&good.replace("zarr = []\n", ""));
    assert_eq!(found, ["Cargo.toml: the feature zarr is missing"]);
    let found = feature_complaints(&good.replace("[\"mpi\", ", "["));
    assert_eq!(found, ["Cargo.toml: the feature mpi is not on by default"]);
    assert_eq!(feature_complaints("[package]\n[dependencies]\nmpi = 1\n").len(), 8);
}

/// The complaints about a few files that make up a crate; each has its module doc.
fn between(files: &[(&str, &str)]) -> Vec<String> {
    let with_doc = |&(name, code): &(&str, &str)| (name.to_owned(), format!("//! Doc.\n{code}\n"));
    let sources: Vec<_> = files.iter().map(with_doc).collect();
    imports::complaints(&sources)
}

/// `src/a.rs` with its modules `b` and `c`, behind a façade that shows `B`.
fn house(facade: &str, b: &str, c: &str) -> Vec<String> {
    let facade = format!("mod b;\npub(crate) mod c;\npub use b::B;\n{facade}");
    between(&[("src/lib.rs", "mod a;"), ("src/a.rs", &facade), ("src/a/b.rs", b), ("src/a/c.rs", c)])
}

#[track_caller]
fn circle(found: &[String], lines: &[&str]) {
    let told: Vec<&str> = found.iter().flat_map(|complaint| complaint.lines().skip(1)).collect();
    assert!(
        found.len() == 1 && told.iter().map(|line| line.trim()).eq(lines.iter().copied()),
        "expected: {lines:#?}\nfound: {found:#?}"
    );
}

#[test]
fn files_that_import_in_a_circle() {
    let both = ["src/a/b.rs uses C, f of src/a/c.rs", "src/a/c.rs uses B of src/a/b.rs"];
    let c = "pub struct C;\npub fn f() {}\n";
    let b_uses_c = "use super::c::{C, f};\npub struct B(C);";
    circle(&house("", b_uses_c, &format!("{c}use super::b::B;")), &both);
    circle(&house("", b_uses_c, &format!("{c}use crate::a::b;\nfn g(x: b::B) {{}}")), &both);
    circle(&house("", b_uses_c, &format!("{c}fn g(x: crate::a::b::B<u8>) {{}}")), &both);
    circle(&house("", b_uses_c, &format!("{c}mod inner {{ fn g(x: super::super::b::B) {{}} }}")), &both);
    let b_uses_c = "use crate::a::c;\npub struct B(c::C);\nimpl B { fn g() { c::f() } }";
    circle(&house("", b_uses_c, &format!("{c}use super::b::B as Other;")), &both);
    // A façade with code of its own is a file like others.
    let c = "use super::f;\npub struct C;";
    let both = ["src/a.rs uses C of src/a/c.rs", "src/a/c.rs uses f of src/a.rs"];
    circle(&house("pub use c::C;\nfn f(x: C) {}", "pub struct B;", c), &both);
    circle(&house("fn f() { c::C::new() }", "pub struct B;", c), &both);
    // Features choose between two files: each counts.
    let found = between(&[
        ("src/lib.rs", "mod a;\nmod d;"),
        ("src/a.rs", "mod b;\nmod c;\npub use b::B;\npub use c::B;"),
        ("src/a/b.rs", "use crate::d::D;\npub struct B(D);"),
        ("src/a/c.rs", "pub struct B;"),
        ("src/d.rs", "use crate::a::B;\npub struct D(B);"),
    ]);
    circle(&found, &["src/a/b.rs uses D of src/d.rs", "src/d.rs uses B of src/a/b.rs"]);
    // A façade of another directory hides nothing.
    let found = between(&[
        ("src/lib.rs", "mod a;\nmod d;"),
        ("src/a.rs", "mod b;\npub use b::*;"),
        ("src/a/b.rs", "use crate::d::D;\npub struct B(D);"),
        ("src/d.rs", "mod e;\npub use e::{D, E};"),
        ("src/d/e.rs", "use crate::a::B;\npub struct D;\npub struct E(B);"),
    ]);
    circle(&found, &["src/a/b.rs uses D of src/d/e.rs", "src/d/e.rs uses B of src/a/b.rs"]);
}

#[test]
fn files_that_import_in_one_direction() {
    let none = Vec::<String>::new();
    let c = "use super::b::B;\nuse std::fmt;\npub struct C(B);\nimpl fmt::Display for C {}";
    assert_eq!(house("pub use c::C;", "pub struct B;", c), none);
    assert_eq!(house("use c::C;\nfn f(x: C) {}", "pub struct B;", c), none);
    // Tests, words in comments and in strings, fields and methods of a name that is shown on.
    let b = "/// See super::c::C.\npub struct B;\nconst A: &str = \"super::c::C\";";
    assert_eq!(house("", &format!("{b}\n#[cfg(test)]\nmod tests {{ use super::super::c::C; }}"), c), none);
    let shown = "pub use c::write;\nfn f(x: u8) { x.write(); x.write.y }";
    assert_eq!(house(shown, "pub struct B;", "use super::f;\npub fn write() {}"), none);
    let found = between(&[
        ("src/lib.rs", "mod a;"),
        ("src/a.rs", "pub struct A;\n#[cfg(test)]\nmod tests;"),
        ("src/a/tests.rs", "use super::A;"),
        ("src/bin/p/main.rs", "mod q;\nuse q::Q;"),
        ("src/bin/p/q.rs", "use bellis::a::A;\npub struct Q(A);"),
    ]);
    assert_eq!(found, none);
}

#[test]
fn a_sibling_through_its_facade() {
    let message = "src/a/c.rs:2: B comes through src/a.rs: name crate::a::b::B, where it is defined";
    for c in
        ["use super::B;", "use crate::a::{B as Other};", "fn f(x: super::B) {}", "use super::B::Variant;"]
    {
        assert_eq!(house("", "pub struct B;", c), [message], "{c}");
    }
    let found = house("", "pub struct B;", "use crate::a;\nfn f(x: a::B) {}");
    assert_eq!(found, [message.replace(":2:", ":3:")]);
    // From deeper inside, too; and a `use` that is not meant for others is no better.
    let found = between(&[
        ("src/lib.rs", "mod a;"),
        ("src/a.rs", "mod b;\nmod c;\nuse b::B;\nfn f(x: B) {}"),
        ("src/a/b.rs", "pub enum B { X }"),
        ("src/a/c.rs", "mod d;"),
        ("src/a/c/d.rs", "use crate::a::B::X;"),
    ]);
    let message = "src/a/c/d.rs:2: B comes through src/a.rs: name crate::a::b::B, where it is defined";
    assert_eq!(found, [message]);
    // What the façade itself defines has no other place, and who stands outside may come through it.
    assert_eq!(house("pub struct D;", "pub struct B;", "use super::D;"), Vec::<String>::new());
    let outside = [
        ("src/lib.rs", "mod a;\nmod d;\npub use a::B;"),
        ("src/a.rs", "mod b;\npub use b::B;"),
        ("src/a/b.rs", "pub struct B;"),
        ("src/d.rs", "use crate::a::B;"),
    ];
    assert_eq!(between(&outside), Vec::<String>::new());
}

#[test]
fn a_file_that_no_module_declares() {
    let found = between(&[("src/lib.rs", "mod a;"), ("src/a.rs", ""), ("src/b.rs", "")]);
    assert_eq!(found, ["src/b.rs:1: no `mod` outside of tests leads to this file"]);
}

#[test]
fn groups_are_expanded() {
    let code = "use a::{b, c::{self, D as E}, *};\nfn f<'a>(x: &'a g::H) {}";
    let expanded: Vec<String> = paths(&tokens(code))
        .iter()
        .filter(|path| path.segments.len() > 1)
        .map(|path| format!("{} {}", path.line, path.segments.join("::")))
        .collect();
    assert_eq!(expanded, ["1 a::b", "1 a::c::self", "1 a::c::D", "1 a::*", "2 g::H"]);
}
