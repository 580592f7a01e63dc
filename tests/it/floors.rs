//! Checks the sources against the floors that `src/lib.rs` draws: a module uses only modules on floors below its own.
//!
//! Every path in every file counts: in `use` trees, re-exports, types, expressions, attributes and macro arguments.

use crate::sources::{Reader, module_of, rust_files};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The floor of `main.rs`, which may use everything.
const TOP_FLOOR: u32 = 7;

/// Modules on lower floors that a module must not use nevertheless, because their tasks are unrelated.
const STRANGERS: &[(&str, &[&str])] = &[
    ("sftp", &["crate::terminal", "crate::cli", "ssh2", "std::fs", "std::process"]),
    // Its errors make a name printable in their text; they know of no terminal.
    (
        "remote",
        &["crate::terminal::Output", "crate::terminal::output", "crate::terminal::prompt", "crate::cli", "ssh2"],
    ),
    (
        "transfer",
        &["crate::terminal::Output", "crate::terminal::output", "crate::terminal::prompt", "crate::cli", "ssh2"],
    ),
    ("commands", &["ssh2", "std::process::exit"]),
    ("shell", &["ssh2"]),
];

/// Exceptions to the list above: an error's text contains names, and this is the only way to make them printable.
const ACQUAINTANCES: &[(&str, &str)] =
    &[("remote", "crate::terminal::Printable"), ("transfer", "crate::terminal::Printable")];

#[test]
fn modules_name_only_what_stands_below_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let floors = Floors::drawn_in(&fs::read_to_string(source.join("lib.rs")).unwrap());
    let mut wrong = floors.unlisted(&top_level_names(&source));
    for file in rust_files(&source) {
        let place = file.strip_prefix(&source).unwrap();
        wrong.extend(floors.check(place, &fs::read_to_string(&file).unwrap()));
    }
    assert!(wrong.is_empty(), "the floors of src/lib.rs are broken:\n  {}", wrong.join("\n  "));
}

/// The top-level modules, each with its floor.
pub(crate) struct Floors(BTreeMap<String, u32>);

impl Floors {
    /// Reads the map: `// Floor N: …` above the modules of that floor.
    pub(crate) fn drawn_in(map: &str) -> Self {
        let mut floors = BTreeMap::new();
        let mut floor = None;
        for line in map.lines() {
            if let Some(rest) = line.strip_prefix("// Floor ") {
                let next: u32 = rest.split(':').next().unwrap().parse().expect("a floor has a number");
                assert!(
                    floor.is_none_or(|above| next < above),
                    "floor {next} stands below a floor that is not above it"
                );
                floor = Some(next);
            } else if let Some(module) = line.strip_prefix("pub mod ") {
                floors.insert(module.trim_end_matches(';').to_owned(), floor.expect("each module stands on a floor"));
            }
        }
        Self(floors)
    }

    /// Returns all modules with their floors.
    pub(crate) fn modules(&self) -> impl Iterator<Item = (String, u32)> {
        self.0.iter().map(|(name, floor)| (name.clone(), *floor))
    }

    /// Returns the modules in `src/` that are missing from the map.
    fn unlisted(&self, names: &[String]) -> Vec<String> {
        let listed = |name: &String| self.0.contains_key(name) || name == "lib" || name == "main";
        names
            .iter()
            .filter(|name| !listed(name))
            .map(|name| format!("src/{name} is not in the list of src/lib.rs"))
            .collect()
    }

    /// Returns all forbidden paths in a file.
    fn check(&self, place: &Path, text: &str) -> Vec<String> {
        let module = module_of(place);
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        let reader = Reader::of(module.clone(), &file);
        let mut wrong = reader.wrong;
        wrong.extend(reader.named.iter().filter_map(|path| self.objection(module.first().map(String::as_str), path)));
        wrong.iter().map(|what| format!("src/{}: {what}", place.display())).collect()
    }

    /// Returns the reason why a module must not use this path, if there is one.
    fn objection(&self, from: Option<&str>, path: &[String]) -> Option<String> {
        let shown = path.join("::");
        let own_floor = from.map_or(TOP_FLOOR, |module| self.0.get(module).copied().unwrap_or(TOP_FLOOR));
        let strangers = STRANGERS.iter().filter(|(module, _)| Some(*module) == from).flat_map(|(_, names)| *names);
        let known = ACQUAINTANCES.iter().any(|(module, name)| Some(*module) == from && shown == *name);
        for stranger in strangers.filter(|_| !known) {
            if shown == *stranger || shown.starts_with(&format!("{stranger}::")) {
                return Some(format!("{shown} is no business of {}", from.unwrap_or_default()));
            }
        }
        let [root, target, ..] = path else { return None };
        if root != "crate" || Some(target.as_str()) == from {
            return None;
        }
        match self.0.get(target) {
            None if from.is_none() => None,
            None => Some(format!("{shown} is not in the list of src/lib.rs")),
            Some(floor) if *floor < own_floor => None,
            Some(floor) if *floor == own_floor => Some(format!("{shown} points sideways")),
            Some(_) => Some(format!("{shown} points up")),
        }
    }
}

/// Returns the names of the modules in `src/`, files or directories.
fn top_level_names(source: &Path) -> Vec<String> {
    fs::read_dir(source)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

const MAP: &str = "
// Floor 2: up.
pub mod shell;
// Floor 1: here.
pub mod sftp;
pub mod ssh;
// Floor 0: down.
pub mod cli;
pub mod name;
pub mod terminal;
";

/// Returns the test's findings in one file.
fn said_of(place: &str, text: &str) -> Vec<String> {
    Floors::drawn_in(MAP).check(Path::new(place), text)
}

#[test]
fn what_points_down_or_home_is_let_through() {
    for (place, text) in [
        ("ssh/mod.rs", "use crate::name::RemotePath; pub use crate::terminal::{self, Output}; mod config;"),
        ("ssh/config.rs", "use super::hosts::Key; use super::super::cli::Cli; fn f() -> crate::ssh::Key { self::g() }"),
        ("ssh/mod.rs", "#[cfg(test)] mod tests { use super::*; use super::config::*; }"),
        (
            "shell/mod.rs",
            "macro_rules! m { () => { $crate::sftp::Session } } fn f() { println!(\"{}\", crate::ssh::NAME) }",
        ),
        ("main.rs", "fn main() { sftpsh::shell::run() }"),
        ("ssh/mod.rs", "pub(crate) fn f() {} pub(in crate::ssh) fn g() {} pub(super) struct S;"),
        ("sftp/mod.rs", "use std::io; fn f() { std::fmt::write; }"),
        ("ssh/mod.rs", "use ssh2::Session; use std::fs;"),
    ] {
        assert_eq!(said_of(place, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_points_up_or_sideways_is_found() {
    for (place, text, says) in [
        ("ssh/mod.rs", "use crate::shell::run;", "crate::shell::run points up"),
        ("ssh/mod.rs", "use crate::{name::RemotePath, shell};", "crate::shell points up"),
        ("ssh/mod.rs", "use crate::sftp as protocol;", "crate::sftp points sideways"),
        ("ssh/a/b.rs", "use super::super::super::shell::Line;", "crate::shell::Line points up"),
        ("name.rs", "pub use super::terminal::Printable;", "crate::terminal::Printable points sideways"),
        ("name.rs", "mod tests { use super::super::cli; }", "crate::cli points sideways"),
        ("cli.rs", "struct S { field: Option<crate::ssh::Config> }", "crate::ssh::Config points up"),
        ("cli.rs", "fn f() { g(|| crate::shell::run(1)) }", "crate::shell::run points up"),
        ("cli.rs", "impl crate::sftp::Call for S {}", "crate::sftp::Call points up"),
        ("cli.rs", "fn f() { assert!(matches!(x, crate::shell::End::Done)) }", "crate::shell::End::Done points up"),
        ("cli.rs", "macro_rules! m { () => { use $crate::{name::A, shell::B}; } }", "crate::shell points up"),
        ("cli.rs", "#[arg(value_parser = crate::ssh::parse)] struct S;", "crate::ssh::parse points up"),
        ("cli.rs", "use crate::*;", "named as a whole"),
        ("cli.rs", "use super as root;", "named as a whole"),
        ("cli.rs", "use crate::nowhere::X;", "crate::nowhere::X is not in the list"),
        ("cli.rs", "#[path = \"../shell/line.rs\"] mod line;", "by #[path]"),
        ("cli.rs", "include!(\"shell/line.rs\");", "include!"),
        ("sftp/mod.rs", "use crate::terminal::Output;", "no business of sftp"),
        ("sftp/mod.rs", "use crate::terminal::Printable;", "no business of sftp"),
        (
            "remote/mod.rs",
            "use crate::terminal::{Output, Printable};",
            "crate::terminal::Output is no business of remote",
        ),
        ("sftp/mod.rs", "fn f() { std::fs::read(p); }", "no business of sftp"),
        ("shell/mod.rs", "use ssh2::Session;", "no business of shell"),
    ] {
        let said = said_of(place, text).join("\n");
        assert!(said.contains(says), "{text}\nsays {said:?}, not {says:?}");
    }
}

#[test]
fn a_module_that_the_map_lacks_is_found() {
    let floors = Floors::drawn_in(MAP);
    assert_eq!(
        floors.unlisted(&["ssh".into(), "lib".into(), "main".into(), "helpers".into()]),
        ["src/helpers is not in the list of src/lib.rs"]
    );
}
