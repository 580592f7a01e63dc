//! The line that a person types, as its screen shows it.

mod recall;
mod suggestions;
