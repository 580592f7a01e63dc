//! What the rows work on, and whether it arrived.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use super::support::noise;

pub const SMALL_FILES: usize = 5_000;

const SMALL_SIZE: usize = 4 * 1024;
const PIECE: usize = 1 << 20;

/// Small files in a new directory.
pub fn small(directory: &Path, count: usize) {
    numbered(directory, count, SMALL_SIZE);
}

/// Empty files in a new directory.
pub fn empty_ones(directory: &Path, count: usize) {
    numbered(directory, count, 0);
}

/// Returns the name of one of `count` files. The names are in the order of the numbers.
fn name(number: usize, count: usize) -> String {
    let digits = count.saturating_sub(1).to_string().len().max(5);
    format!("file-{number:0digits$}")
}

fn numbered(directory: &Path, count: usize, size: usize) {
    if directory.exists() {
        return;
    }
    fs::create_dir_all(directory).unwrap();
    for number in 0..count {
        let name = name(number, count);
        fs::write(directory.join(&name), noise(name.as_bytes(), size)).unwrap();
    }
}

/// Directories of small files in a new directory, ten to a branch.
pub fn tree(top: &Path, directories: usize, files_in_each: usize) {
    if top.exists() {
        return;
    }
    for number in 0..directories {
        small(&top.join(format!("branch-{:02}/twig-{:02}", number / 10, number % 10)), files_in_each);
    }
}

/// One file.
pub fn big(path: &Path, size: u64) {
    if path.exists() {
        return;
    }
    let mut file = File::create(path).unwrap();
    for number in 0..size / PIECE as u64 {
        file.write_all(&noise(&number.to_le_bytes(), PIECE)).unwrap();
    }
}

/// Whether two trees hold the same files, so many.
pub fn same_tree(source: &Path, target: &Path, count: usize) -> Result<(), String> {
    let (ours, theirs) = (files_in(source), files_in(target));
    if ours.len() != count || ours.keys().ne(theirs.keys()) {
        return Err(format!("{} files arrived, not {count}", theirs.len()));
    }
    ours.values().zip(theirs.values()).try_for_each(|(source, target)| same(source, target))
}

fn files_in(top: &Path) -> BTreeMap<PathBuf, PathBuf> {
    let mut found = BTreeMap::new();
    let mut directories = vec![top.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.insert(path.strip_prefix(top).unwrap().to_owned(), path);
            }
        }
    }
    found
}

/// Whether two files hold the same bytes.
pub fn same(source: &Path, target: &Path) -> Result<(), String> {
    let open =
        |path: &Path| File::open(path).map(BufReader::new).map_err(|error| format!("{}: {error}", path.display()));
    let (mut source_file, mut target_file) = (open(source)?, open(target)?);
    let (mut ours, mut theirs) = (vec![0; PIECE], vec![0; PIECE]);
    loop {
        let count = fill(&mut source_file, &mut ours);
        if count != fill(&mut target_file, &mut theirs) || ours[..count] != theirs[..count] {
            return Err(format!("{} differs from {}", target.display(), source.display()));
        }
        if count == 0 {
            return Ok(());
        }
    }
}

/// Reads until the piece is full or the file ends.
fn fill(file: &mut impl Read, piece: &mut [u8]) -> usize {
    let mut filled = 0;
    while let Ok(count @ 1..) = file.read(&mut piece[filled..]) {
        filled += count;
    }
    filled
}

/// Whether a listing names all of them.
pub fn lists(stdout: &[u8], directory: &str, count: usize) -> Result<(), String> {
    let text = String::from_utf8_lossy(stdout);
    let mut lines = text.lines().filter(|line| !line.starts_with("sftp> "));
    let right = (0..count).all(|number| {
        let name = name(number, count);
        lines.next().is_some_and(|line| line == name || line == format!("{directory}/{name}"))
    });
    if right && lines.next().is_none() { Ok(()) } else { Err("the listing is not right".to_owned()) }
}
