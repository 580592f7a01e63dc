//! The connections of a job: what is in flight on each, how a lost one is replaced, and the requests that go out on them.

pub(crate) mod growth;
pub(crate) mod handles;
pub(crate) mod io;
pub(crate) mod pool;
pub(crate) mod tag;
pub(crate) mod window;
