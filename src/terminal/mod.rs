//! The terminal: printable text, sizes, times, tables, prompts, output roles.
//!
//! This module knows no servers, files or commands. Every text from a server goes through [`Printable`] before a
//! person sees it, and every line that the program prints goes through [`Output`].

pub mod columns;
pub mod contents;
mod erase;
mod explain;
pub mod history;
pub mod json;
pub mod output;
mod painted;
pub mod printable;
pub mod prompt;
pub mod quote;
pub mod screenfuls;
pub mod size;
pub mod table;
pub mod time;
pub mod title;

pub use columns::columns;
pub use contents::Contents;
pub use erase::ERASE_ROWS;
pub use explain::Explain;
pub use output::Output;
pub use painted::Painted;
pub use printable::{Excerpt, Printable};
pub use screenfuls::Screenfuls;
pub use size::ByteSize;
