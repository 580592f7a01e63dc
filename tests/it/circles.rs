//! No circular dependencies between files in `src/`: a reader understands a file's dependencies without the file
//! itself.
//!
//! A name counts for the file that defines it, no matter which modules re-export it. Tests and modules that only
//! re-export names do not count.

use crate::sources::{Reader, is_for_tests, module_of, rust_files};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Permitted circles, each as its files in order, with the reason.
const ALLOWED: &[(&[&str], &str)] = &[(
    &["sftp/calls.rs", "sftp/handle.rs", "sftp/reply.rs", "sftp/shared.rs"],
    "a request has a reply, the reply to OPEN is a handle, and a handle that is dropped makes a request: CLOSE",
)];

#[test]
fn files_do_not_stand_in_circles() {
    let sources = Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let circles = sources.circles();
    let is_allowed = |circle: &&BTreeSet<String>| !ALLOWED.iter().any(|(files, _)| circle.iter().eq(files.iter()));
    let report: Vec<String> = circles.iter().filter(is_allowed).map(|circle| sources.told(circle)).collect();
    assert!(report.is_empty(), "files in circles:\n{}", report.join("\n"));
    for (files, _) in ALLOWED {
        assert!(circles.iter().any(|circle| circle.iter().eq(files.iter())), "no longer a circle: {files:?}");
    }
}

type Module = Vec<String>;

/// All files, with the declarations of each module in them.
#[derive(Default)]
struct Sources {
    /// The file of each module; several modules may share one.
    modules: BTreeMap<Module, String>,
    /// Names that modules import with `use`, each under its local name.
    aliases: BTreeMap<(Module, String), Module>,
    /// Modules from which all names are imported.
    globs: BTreeMap<Module, Vec<Module>>,
    /// Names that modules define themselves.
    items: BTreeSet<(Module, String)>,
    /// For each file, the names that it uses from other files.
    names: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Sources {
    fn read(source: &Path) -> Self {
        let files = rust_files(source).into_iter().map(|file| {
            let place = file.strip_prefix(source).unwrap().to_string_lossy().into_owned();
            (place, fs::read_to_string(&file).unwrap())
        });
        Self::of(files)
    }

    fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let files: Vec<_> =
            files.into_iter().map(|(place, text)| (place, syn::parse_file(&text).expect("it compiles"))).collect();
        let mut sources = Self::default();
        let mut for_tests = BTreeSet::new();
        for (place, file) in &files {
            sources.declare(module_of(Path::new(place)), place, &file.items, &mut for_tests);
        }
        for (place, file) in &files {
            let module = module_of(Path::new(place));
            if place != "lib.rs" && !for_tests.iter().any(|hidden| module.starts_with(hidden)) {
                sources.connect(&module, place, file);
            }
        }
        sources
    }

    /// Records the declarations of a module.
    fn declare(&mut self, module: Module, place: &str, items: &[syn::Item], for_tests: &mut BTreeSet<Module>) {
        self.modules.insert(module.clone(), place.to_owned());
        for item in items {
            let name = match item {
                syn::Item::Mod(inner) => {
                    let inside = [&module[..], &[inner.ident.to_string()]].concat();
                    if is_for_tests(&inner.attrs) {
                        for_tests.insert(inside);
                    } else if let Some((_, items)) = &inner.content {
                        self.declare(inside, place, items, for_tests);
                    }
                    continue;
                }
                syn::Item::Use(item) => {
                    self.bring_in(&module, &[], &item.tree);
                    continue;
                }
                syn::Item::Const(item) => &item.ident,
                syn::Item::Enum(item) => &item.ident,
                syn::Item::Fn(item) => &item.sig.ident,
                syn::Item::Static(item) => &item.ident,
                syn::Item::Struct(item) => &item.ident,
                syn::Item::Trait(item) => &item.ident,
                syn::Item::Type(item) => &item.ident,
                _ => continue,
            };
            self.items.insert((module.clone(), name.to_string()));
        }
    }

    fn bring_in(&mut self, module: &Module, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.bring_in(module, &with(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => {
                let name = prefix.last().cloned().unwrap_or_default();
                self.aliases.insert((module.clone(), name), absolute(module, prefix));
            }
            syn::UseTree::Name(name) => {
                self.aliases.insert((module.clone(), name.ident.to_string()), absolute(module, &with(&name.ident)));
            }
            syn::UseTree::Rename(rename) => {
                self.aliases
                    .insert((module.clone(), rename.rename.to_string()), absolute(module, &with(&rename.ident)));
            }
            syn::UseTree::Glob(_) => self.globs.entry(module.clone()).or_default().push(absolute(module, prefix)),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.bring_in(module, prefix, tree)),
        }
    }

    /// Records the names that a file uses from others. A re-export is not a use.
    fn connect(&mut self, module: &Module, place: &str, file: &syn::File) {
        let is_handed_on =
            |item: &syn::Item| matches!(item, syn::Item::Use(item) if !matches!(item.vis, syn::Visibility::Inherited));
        let mut own = file.clone();
        own.items.retain(|item| !is_handed_on(item));
        for path in Reader::without_tests(module.clone(), &own).named {
            if let Some((target, name)) = self.definition(&absolute(module, &path), 0)
                && target != place
            {
                self.names.entry(place.to_owned()).or_default().entry(target).or_default().insert(name);
            }
        }
    }

    /// Resolves a path to the file that defines the name, and the name. `None` for a module, and for anything outside
    /// the crate.
    fn definition(&self, path: &[String], depth: usize) -> Option<(String, String)> {
        let mut module = Vec::new();
        for (index, name) in path.iter().enumerate() {
            let inside = [&module[..], std::slice::from_ref(name)].concat();
            if self.modules.contains_key(&inside) {
                module = inside;
                continue;
            }
            let key = (module.clone(), name.clone());
            if self.items.contains(&key) {
                return Some((self.modules.get(&module)?.clone(), name.clone()));
            }
            let rest = &path[index + 1..];
            if depth == 8 {
                return None;
            }
            if let Some(alias) = self.aliases.get(&key).filter(|alias| alias.as_slice() != path) {
                return self.definition(&[alias, rest].concat(), depth + 1);
            }
            let globs = self.globs.get(&module).into_iter().flatten();
            return globs.filter_map(|glob| self.definition(&[glob, &path[index..]].concat(), depth + 1)).next();
        }
        None
    }

    /// Returns the sets of files that depend on each other.
    fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let reached: BTreeMap<&String, BTreeSet<&String>> =
            self.names.keys().map(|file| (file, self.reached_from(file))).collect();
        let circle_of = |file: &String| {
            let together =
                reached[file].iter().filter(|other| reached.get(*other).is_some_and(|back| back.contains(file)));
            together.map(|other| (*other).clone()).collect::<BTreeSet<_>>()
        };
        self.names.keys().map(circle_of).filter(|circle| circle.len() > 1).collect()
    }

    fn reached_from(&self, file: &String) -> BTreeSet<&String> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&String> = self.names.get(file).into_iter().flat_map(BTreeMap::keys).collect();
        while let Some(file) = next.pop() {
            if reached.insert(file) {
                next.extend(self.names.get(file).into_iter().flat_map(BTreeMap::keys));
            }
        }
        reached
    }

    /// Returns a circle as the test prints it: which file uses which name of which other.
    fn told(&self, circle: &BTreeSet<String>) -> String {
        let mut lines = vec![format!("{} files:", circle.len())];
        for (file, targets) in self.names.iter().filter(|(file, _)| circle.contains(*file)) {
            for (target, names) in targets.iter().filter(|(target, _)| circle.contains(*target)) {
                lines.push(format!("  {file} -> {target}: {}", names.iter().cloned().collect::<Vec<_>>().join(", ")));
            }
        }
        lines.join("\n")
    }
}

/// Resolves a path in a module to one from the crate's root, without `crate`.
fn absolute(module: &[String], path: &[String]) -> Module {
    let mut base = match path.first().map(String::as_str) {
        Some("crate" | "$crate") => Vec::new(),
        _ => module.to_vec(),
    };
    for name in path {
        match name.as_str() {
            "crate" | "$crate" | "self" => (),
            "super" => drop(base.pop()),
            name => base.push(name.to_owned()),
        }
    }
    base
}

/// Returns the circles of files with these texts.
fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let files = files.iter().map(|(place, text)| ((*place).to_owned(), (*text).to_owned()));
    Sources::of(files).circles().into_iter().map(|circle| circle.into_iter().collect()).collect()
}

#[test]
fn circles_are_found_however_the_names_come() {
    let root = ("a/mod.rs", "mod b; mod c; pub use b::B; pub(crate) use c::{C as D};");
    for (b, c) in [
        ("use super::c::C; pub struct B;", "use super::b::B; pub struct C;"),
        ("use crate::a::D; pub struct B;", "use crate::a::B; pub struct C;"),
        ("use super::*; fn f(_: D) {} pub struct B(super::D);", "pub struct C(crate::a::B);"),
        ("use crate::a; pub struct B(a::D);", "use crate::a::{self}; pub struct C; fn f() { g!(a::B::new()) }"),
        ("impl super::c::C {} pub struct B;", "pub struct C; mod inner { use super::super::b::B; }"),
    ] {
        let found = circles_of(&[("lib.rs", "pub mod a;"), root, ("a/b.rs", b), ("a/c.rs", c)]);
        assert_eq!(found, [["a/b.rs", "a/c.rs"]], "{b}\n{c}");
    }
}

#[test]
fn what_only_tests_name_and_what_is_handed_on_makes_no_circle() {
    for (root, b, c) in [
        (
            "mod b; mod c; pub use b::B;",
            "pub struct B; use super::c::C;",
            "pub struct C; #[cfg(test)] mod tests { use super::super::b::B; }",
        ),
        ("mod b; mod c; pub use b::B; pub struct R;", "pub struct B; use super::R;", "pub struct C; use super::R;"),
        ("mod b; mod c;", "pub struct B; use super::c::C;", "pub struct C; use std::io; use super::c;"),
        ("mod b; mod c;", "pub struct B; use super::c::C;", "pub struct C; #[cfg(test)] fn f(_: super::b::B) {}"),
    ] {
        let found = circles_of(&[("lib.rs", "pub mod a;"), ("a/mod.rs", root), ("a/b.rs", b), ("a/c.rs", c)]);
        assert!(found.is_empty(), "{found:?} in\n{root}\n{b}\n{c}");
    }
}
