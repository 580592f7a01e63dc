//! All integration tests, one binary: whole behaviours of the real program against a real server.
