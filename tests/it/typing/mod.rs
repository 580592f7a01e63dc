//! The line that a person types, as its screen shows it.

mod colors;
mod recall;
mod resizing;
mod several_lines;
mod suggestions;
mod vi;
