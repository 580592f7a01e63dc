//! The connections of a job: the pool that opens and replaces them, the window of each, and the requests that go out
//! on them.

pub(crate) mod handles;
pub(crate) mod io;
pub(crate) mod pool;
pub(crate) mod tag;
pub(crate) mod window;
