//! The picture `docs/images/floors.svg` matches the table in `docs/architecture.md`, and the table matches the
//! modules' floors.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::floors::Floors;
use crate::sources::rust_files;

/// The command that rewrites the picture instead of comparing it.
const REWRITE: &str = "UPDATE=1 cargo test --test it floor_plan::";

/// Pixels between lines, between floors, and around the text of a floor.
const LINE: usize = 20;
const GAP: usize = 26;
const PADDING: usize = 10;

const WIDTH: usize = 880;

/// Pixels from the left edge to the modules' names, and to their descriptions.
const NAMES_AT: usize = 64;
const PURPOSES_AT: usize = 190;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A row of the table.
struct Module {
    name: String,
    purpose: String,
}

/// Returns the table's modules by floor, the highest floor first.
fn plan() -> Vec<(u32, Vec<Module>)> {
    let page = fs::read_to_string(file("docs/architecture.md")).unwrap();
    let mut floors: BTreeMap<u32, Vec<Module>> = BTreeMap::new();
    for line in page.lines() {
        let cells: Vec<String> = line
            .split('|')
            .map(|cell| cell.trim().replace('`', "").replace('&', "&amp;").replace('<', "&lt;"))
            .collect();
        if let [_, floor, name, purpose, _, _] = &cells[..]
            && let Ok(floor) = floor.parse()
        {
            let module = Module { name: name.clone(), purpose: purpose.clone() };
            floors.entry(floor).or_default().push(module);
        }
    }
    floors.into_iter().rev().collect()
}

fn draw(plan: &[(u32, Vec<Module>)]) -> String {
    let (mut body, mut top) = (String::new(), 1);
    for (floor, modules) in plan {
        if top > 1 {
            let (middle, tip) = (WIDTH / 2, top - 4);
            let _ =
                writeln!(body, r##"<path d="M{middle} {}V{tip}m-5 -6l5 6l5 -6" stroke="#57606a"/>"##, top + 4 - GAP);
        }
        let height = modules.len() * LINE + 2 * PADDING;
        let _ = writeln!(
            body,
            r##"<rect x="1" y="{top}" width="{}" height="{height}" rx="6" stroke="#8c959f" fill="#f6f8fa"/>"##,
            WIDTH - 2
        );
        let _ = writeln!(body, r#"<text x="24" y="{}" class="floor">{floor}</text>"#, top + height / 2 + 6);
        for (module, line) in modules.iter().zip(1..) {
            let baseline = top + PADDING + line * LINE - 6;
            let _ = writeln!(body, r#"<text x="{NAMES_AT}" y="{baseline}" class="name">{}</text>"#, module.name);
            let _ = writeln!(body, r#"<text x="{PURPOSES_AT}" y="{baseline}">{}</text>"#, module.purpose);
        }
        top += height + GAP;
    }
    let height = top + 1 - GAP;
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">
<title>The floors of sftpsh: a module imports only from floors below its own</title>
<style>text {{ font: 13px system-ui, sans-serif; fill: #1f2328 }} .floor {{ font-size: 18px }} .name {{ font: 600 13px ui-monospace, Menlo, Consolas, monospace }}</style>
<rect width="{WIDTH}" height="{height}" rx="6" fill="#ffffff"/>
<g fill="none">
{body}</g>
</svg>
"##
    )
}

#[test]
fn the_picture_of_the_floors_is_that_of_the_table() {
    let (path, drawn) = (file("docs/images/floors.svg"), draw(&plan()));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == drawn, "docs/images/floors.svg is out of date; rewrite it with: {REWRITE}");
}

/// The files that a page names, each with the functions in brackets after it.
fn places_in(page: &str) -> Vec<(&str, Vec<&str>)> {
    let place = |(end, _)| {
        let name = &page[page[..end].rfind('`')? + 1..end + ".rs".len()];
        let list = page[end + ".rs`".len()..].strip_prefix(" (`").and_then(|rest| rest.split_once("`)"));
        let functions = list.map_or_else(Vec::new, |(list, _)| list.split("`, `").collect());
        (!name.contains(['*', ' '])).then_some((name, functions))
    };
    page.match_indices(".rs`").filter_map(place).collect()
}

#[test]
fn every_file_and_function_that_the_page_names_exists() {
    let page = fs::read_to_string(file("docs/architecture.md")).unwrap();
    let files: Vec<PathBuf> = ["src", "tests"].iter().flat_map(|directory| rust_files(&file(directory))).collect();
    for (name, functions) in places_in(&page) {
        let texts = files.iter().filter(|file| file.ends_with(name)).map(|file| fs::read_to_string(file).unwrap());
        let texts: String = texts.collect();
        assert!(!texts.is_empty(), "there is no {name}");
        let missing: Vec<&str> =
            functions.into_iter().filter(|function| !texts.contains(&format!("fn {function}("))).collect();
        assert_eq!(missing, [""; 0], "{name} has no such function");
    }
}

#[test]
fn functions_in_brackets_belong_to_the_file_before_them() {
    let page = "`a/b.rs` (`f`, `g`): `h` (`i`), `c.rs`, `d` in `*.rs`";
    assert_eq!(places_in(page), [("a/b.rs", vec!["f", "g"]), ("c.rs", Vec::new())]);
}

#[test]
fn the_table_has_each_module_on_its_floor() {
    let map = Floors::drawn_in(&fs::read_to_string(file("src/lib.rs")).unwrap());
    let in_table: BTreeSet<(String, u32)> = plan()
        .iter()
        .flat_map(|(floor, modules)| modules.iter().map(|module| (module.name.clone(), *floor)))
        .map(|(name, floor)| (name.trim_end_matches(['/']).trim_end_matches(".rs").to_owned(), floor))
        .filter(|(name, _)| name != "main")
        .collect();
    let in_map: BTreeSet<(String, u32)> = map.modules().collect();
    assert_eq!(in_table, in_map, "left: docs/architecture.md; right: src/lib.rs");
}
