//! What a job reports while it runs: events in the order of the plan, totals, and the time that each file took.

pub(crate) mod account;
pub(crate) mod pace;
pub(crate) mod reporter;
