//! Holds the sources to the floors that `src/lib.rs` draws: a module names only what stands on floors below its own.
//!
//! Every path in every file counts: in `use` trees, re-exports, types, expressions, attributes and what is handed to macros.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::Visit;

/// The floor of `main.rs`, from which everything may be named.
const TOP_FLOOR: u32 = 7;

/// What a module may not name although it stands below: its work is none of theirs.
const STRANGERS: &[(&str, &[&str])] = &[
    ("sftp", &["crate::terminal", "crate::cli", "ssh2", "std::fs", "std::process"]),
    // An error of theirs makes a name printable in its text; that knows no terminal.
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

/// What a module may name of a stranger all the same: an error's text holds names, and this is the only way to show one.
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
struct Floors(BTreeMap<String, u32>);

impl Floors {
    /// Reads the map: `// Floor N: …` above the modules that stand there.
    fn drawn_in(map: &str) -> Self {
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

    /// What lies in `src/` and is not on the map.
    fn unlisted(&self, names: &[String]) -> Vec<String> {
        let listed = |name: &String| self.0.contains_key(name) || name == "lib" || name == "main";
        names
            .iter()
            .filter(|name| !listed(name))
            .map(|name| format!("src/{name} is not in the list of src/lib.rs"))
            .collect()
    }

    /// All that a file names and may not.
    fn check(&self, place: &Path, text: &str) -> Vec<String> {
        let module = module_of(place);
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        let mut reader = Reader { module: module.clone(), named: Vec::new(), wrong: Vec::new() };
        reader.visit_file(&file);
        let mut wrong = reader.wrong;
        wrong.extend(reader.named.iter().filter_map(|path| self.objection(module.first().map(String::as_str), path)));
        wrong.iter().map(|what| format!("src/{}: {what}", place.display())).collect()
    }

    /// Why a module may not name this path, if so.
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

/// Collects every path that a file names, from the crate's root on.
struct Reader {
    /// The module we are in, from the root down.
    module: Vec<String>,
    named: Vec<Vec<String>>,
    wrong: Vec<String>,
}

impl Reader {
    /// Notes a path; `super` and `self` are resolved, a bare path of the module's own is left as it is.
    fn name(&mut self, segments: &[String]) {
        let mut base = match segments.first().map(String::as_str) {
            Some("crate" | "$crate") => vec!["crate".to_owned()],
            Some("super" | "self") => self.here(),
            _ => return self.named.push(segments.to_vec()),
        };
        for segment in segments {
            match segment.as_str() {
                "crate" | "$crate" | "self" => (),
                "super" => drop(base.pop()),
                other => base.push(other.to_owned()),
            }
        }
        if base.len() < 2 {
            self.wrong.push("the crate's root is named as a whole: name the module".to_owned());
        }
        self.named.push(base);
    }

    fn here(&self) -> Vec<String> {
        std::iter::once("crate".to_owned()).chain(self.module.iter().cloned()).collect()
    }

    fn use_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.use_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.name(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.name(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.name(prefix),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(prefix, tree)),
        }
    }

    /// Macros and attributes hold tokens, not paths: every run of identifiers joined by `::` may be one.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.token_path(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) if colons == 2 && is_path_root(&path) => {
                    self.token_group(&path, group.stream())
                }
                other => {
                    self.token_path(&mut path);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.token_path(&mut path);
    }

    fn token_path(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.name(path);
        }
        path.clear();
    }

    /// `crate::{a::B, c}` within a macro: a group whose parts begin where the path ended.
    fn token_group(&mut self, prefix: &[String], group: TokenStream) {
        for token in group {
            if let TokenTree::Ident(ident) = token {
                self.name(&[prefix, &[ident.to_string()]].concat());
            }
        }
    }
}

fn is_path_root(path: &[String]) -> bool {
    path.first().is_some_and(|first| first == "crate" || first == "super")
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.attrs.iter().any(|attribute| attribute.path().is_ident("path")) {
            self.wrong.push(format!("mod {} lies elsewhere by #[path]", module.ident));
        }
        self.module.push(module.ident.to_string());
        syn::visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&[], &item.tree);
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {
        // `pub(crate)` and `pub(in …)` say who may look in; they name nothing.
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.name(&segments);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.is_ident("include") {
            self.wrong.push("include! brings in a file unseen".to_owned());
        }
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        match &attribute.meta {
            syn::Meta::List(list) => self.tokens(list.tokens.clone()),
            syn::Meta::NameValue(pair) => self.visit_expr(&pair.value),
            _ => (),
        }
    }
}

/// The module that a file is, from the root down: `ssh/known_hosts.rs` is `ssh::known_hosts`.
fn module_of(place: &Path) -> Vec<String> {
    let mut module: Vec<String> =
        place.with_extension("").components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] || module == ["main"] {
        module.pop();
    }
    module
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files.extend(rust_files(&entry.path()));
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

/// The modules that lie in `src/`, be they files or directories.
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

/// What the test says of one file.
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
