//! All integration tests in one binary: complete behaviours of the real program with a real server.
//!
//! One file per command or topic; `tests/support` builds the world of each test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod auth;
mod auth_requests;
mod background;
mod bad_input;
mod bad_values;
mod batch;
mod budgets;
mod cipher;
mod circles;
mod commands_files;
mod commands_listing;
mod commands_looking;
mod commands_paging;
mod commands_places;
mod commands_transfers;
mod completion;
mod completions;
mod conformance;
mod connect;
mod disconnect;
mod drive;
mod dry_run;
mod ending;
mod examples;
mod faults;
mod filters;
mod floor_plan;
mod floors;
mod fnmatch;
mod hangup;
mod hardening;
mod hashes;
mod hints;
mod history;
mod hostkeys;
mod known_hosts;
mod man_page;
mod model_session;
mod names;
mod openssh;
mod options;
mod pages;
mod password;
mod performance;
mod phrases;
mod progress;
mod progress_json;
mod prompt;
mod remote;
mod retry;
mod safety;
mod screenshots;
mod script;
mod security_page;
mod servers;
mod settings;
mod sources;
mod ssh_config;
mod start;
mod statuses;
mod sticky;
mod texts;
mod transfer;
mod transfer_flags;
mod transport;
mod troubleshooting;
mod typing;
mod uploads;
mod words;
mod world;
