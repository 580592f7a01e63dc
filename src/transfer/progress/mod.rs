//! The progress of a job: events in the order of the plan, totals, and the time of each file.

pub(crate) mod account;
pub(crate) mod pace;
pub(crate) mod reporter;
