//! Prints the rows of `ls` in one of its layouts.

use std::sync::Arc;

use crate::commands::colors::Colors;
use crate::commands::long_name::LongName;
use crate::commands::record::record;
use crate::commands::row::{Layout, LongRow, Order, Rows, Widths, sort};
use crate::commands::{Context, Failure};
use crate::mode::Kind;
use crate::name::RemotePath;
use crate::remote::{self, OwnerNames};
use crate::sftp::{FileType, calls};
use crate::terminal::time::Clock;
use crate::terminal::{Painted, Printable, columns};

/// How many links are read at once.
const LINKS_AT_ONCE: usize = 256;

/// How rows are printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) layout: Layout,
    pub(super) order: Order,
    pub(super) reverse: bool,
    /// Marks each name with the kind of its file.
    pub(super) classify: bool,
    /// With [`Layout::Long`], shows numbers instead of the names of owners.
    pub(super) numeric: bool,
    /// With [`Layout::Long`], shows sizes with a fitting unit.
    pub(super) human_readable: bool,
}

/// Prints these rows, sorted.
pub(super) fn print(cx: &Context, rows: &impl Rows, mut indices: Vec<usize>, style: Style) -> Result<(), Failure> {
    sort(&mut indices, rows, style.order, style.reverse);
    let colors = Colors::of(&cx.output);
    let names = || indices.iter().map(|&index| rows.name(index));
    let cells = indices.iter().map(|&index| cell(&colors, rows, index, style));
    match style.layout {
        Layout::Long => print_long(cx, rows, &indices, style)?,
        Layout::Json => print_json(cx, rows, &indices, style)?,
        Layout::Null => names().for_each(|name| cx.output.name(&name)),
        Layout::OnePerLine => cells.for_each(|cell| cx.output.answer(cell)),
        Layout::Columns => columns(cells, cx.output.listing_width()).for_each(|row| cx.output.answer(row)),
    }
    Ok(())
}

fn cell(colors: &Colors, rows: &impl Rows, index: usize, style: Style) -> Painted {
    let (name, attributes) = (rows.name(index), rows.attributes(index));
    let is_marked = style.classify && !name.ends_with(b"/");
    let mark = if is_marked { Kind::mark(attributes.permissions.unwrap_or(0)) } else { "" };
    colors.paint(&name, &attributes).marked(mark)
}

fn print_long(cx: &Context, rows: &impl Rows, indices: &[usize], style: Style) -> Result<(), Failure> {
    let owners = owners(cx, rows, indices, style)?;
    let (clock, colors) = (Clock::local(), Colors::of(&cx.output));
    let long_row = |index: usize| {
        let attributes = rows.attributes(index);
        let told = LongName::vet(rows.longname(index), &attributes);
        LongRow::new(attributes, &owners, &told, style.human_readable, &clock)
    };
    // Programs read sftp(1)'s columns, and no targets of links.
    let is_for_a_person = cx.output.hints();
    let widths = match is_for_a_person {
        true => indices.iter().fold(Widths::default(), |widths, &index| widths.with(&long_row(index))),
        false => Widths::default(),
    };
    for some in indices.chunks(LINKS_AT_ONCE) {
        let shows_targets = is_for_a_person || style.classify;
        let targets = if shows_targets { targets(cx, rows, some)? } else { vec![None; some.len()] };
        for (&index, target) in some.iter().zip(targets) {
            let name =
                cell(&colors, rows, index, if target.is_some() { Style { classify: false, ..style } } else { style });
            let arrow = target.map(|target| format!(" -> {}", Printable(&target))).unwrap_or_default();
            cx.output.answer(format_args!("{}{arrow}", long_row(index).line(&name, widths)));
        }
    }
    Ok(())
}

/// Returns the targets of these rows, as far as they are links that the server reads. All are requested at once.
fn targets(cx: &Context, rows: &impl Rows, indices: &[usize]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
    let ask = |&index: &usize| {
        let is_link = rows.attributes(index).file_type() == Some(FileType::Symlink);
        let path = RemotePath::new(rows.path(index)).ok().filter(|_| is_link)?;
        Some(cx.session().submit(&calls::Readlink { path: &path }))
    };
    let asked: Vec<_> = indices.iter().map(ask).collect();
    let answers = asked.into_iter().map(|asked| match asked.map(|asked| asked.wait()) {
        None => Ok(None),
        Some(Ok(target)) => Ok(Some(target.to_vec())),
        Some(Err(error)) if error.leaves_the_session_alive() => Ok(None),
        Some(Err(error)) => Err(Failure::from(remote::Error::Connection(error))),
    });
    answers.collect()
}

fn print_json(cx: &Context, rows: &impl Rows, indices: &[usize], style: Style) -> Result<(), Failure> {
    let owners = owners(cx, rows, indices, style)?;
    for &index in indices {
        cx.output.answer(record(&rows.path(index), &rows.attributes(index), &owners));
    }
    Ok(())
}

fn owners(cx: &Context, rows: &impl Rows, indices: &[usize], style: Style) -> Result<Arc<OwnerNames>, remote::Error> {
    if style.numeric {
        return Ok(Arc::default());
    }
    let owners = indices.iter().filter_map(|&index| rows.attributes(index).owner);
    cx.remote.owner_names(owners.clone().map(|owner| owner.uid), owners.map(|owner| owner.gid))
}
