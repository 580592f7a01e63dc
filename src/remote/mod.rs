//! The remote side as a person sees it: working directory, patterns, walks, listings.
#![forbid(unsafe_code)]

pub mod glob;
