//! The sources as a reader sees them: files, modules, and the paths that each file names.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::Visit;

/// Collects all paths that a file names, from the crate's root.
pub(crate) struct Reader {
    /// The current module, from the root down.
    module: Vec<String>,
    /// True to skip code for tests.
    skips_tests: bool,
    /// The paths found; those that begin with `crate` are absolute.
    pub(crate) named: Vec<Vec<String>>,
    /// Code whose paths can't be determined.
    pub(crate) wrong: Vec<String>,
}

impl Reader {
    /// Reads a whole file, including its tests.
    pub(crate) fn of(module: Vec<String>, file: &syn::File) -> Self {
        Self::read(module, file, false)
    }

    /// Reads a file without its tests.
    pub(crate) fn without_tests(module: Vec<String>, file: &syn::File) -> Self {
        Self::read(module, file, true)
    }

    fn read(module: Vec<String>, file: &syn::File, skips_tests: bool) -> Self {
        let mut reader = Self { module, skips_tests, named: Vec::new(), wrong: Vec::new() };
        reader.visit_file(file);
        reader
    }

    /// Records a path. `super` and `self` are resolved; a path relative to the module stays as it is.
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

    /// Macros and attributes contain tokens, not paths: each sequence of identifiers joined by `::` may be a path.
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

    /// Reads `crate::{a::B, c}` in a macro: a group whose parts continue the path before it.
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

/// Returns whether these attributes mark code for tests.
pub(crate) fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string().contains("test"))
    })
}

fn attributes_of(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !self.skips_tests || !is_for_tests(attributes_of(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !self.skips_tests || !is_for_tests(&function.attrs) {
            syn::visit::visit_impl_item_fn(self, function);
        }
    }

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
        // `pub(crate)` and `pub(in …)` restrict visibility; they use nothing.
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

/// Returns the module of a file, from the root down: `ssh/known_hosts.rs` is `ssh::known_hosts`.
pub(crate) fn module_of(place: &Path) -> Vec<String> {
    let mut module: Vec<String> =
        place.with_extension("").components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] || module == ["main"] {
        module.pop();
    }
    module
}

pub(crate) fn rust_files(directory: &Path) -> Vec<PathBuf> {
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

/// Returns what tests cover by their marks: the `VALUE` of each line `// KIND: VALUE` above a test, here or in the
/// sources.
pub(crate) fn marks(kind: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["src", "tests/it"].iter().flat_map(|directory| rust_files(&root.join(directory)));
    files.flat_map(|file| marks_in(&file, &fs::read_to_string(&file).unwrap(), kind)).collect()
}

fn marks_in(file: &Path, text: &str, kind: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mark = format!("// {kind}: ");
    let marked = lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.strip_prefix(&mark)?)));
    let value = |(at, value): (usize, &str)| {
        let below = lines[at..].iter().find(|line| !line.starts_with("//"));
        assert_eq!(below, Some(&"#[test]"), "{}: no test below {mark}{value}", file.display());
        value.to_owned()
    };
    marked.map(value).collect()
}

#[test]
fn a_mark_is_above_a_test() {
    let marks = |text: &str| marks_in(Path::new("f.rs"), text, "fault");
    assert_eq!(marks("// fault: a\n    // fault: b\n// difference: c\n#[test]\nfn f() {}\n"), ["a", "b"]);
    for text in ["// fault: a\nfn f() {}\n#[test]\n", "// fault: a\n", "// fault: a\n\n#[test]"] {
        assert!(std::panic::catch_unwind(|| marks(text)).is_err(), "{text}");
    }
}
