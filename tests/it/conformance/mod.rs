//! The conformance table: what sftp(1) does with a line, and that we do the same.
//!
//! A table is a text (`*.txt` here), a row a few lines of it: `row.rs` says what each mark means. Each row runs through our
//! program, and through the machine's `sftp` where there is one: both must do what the row says. Where they differ the row
//! names a line of `docs/differences.md` (`@ KEY`), and then it says what *we* do; or the version of sftp(1) since which it
//! does as the row says (`@ since 10.0`). One rule for all: on stderr we may say more behind sftp's words, and add hints.
//!
//! `UPDATE=1 cargo test --test it conformance::` writes down what happens: sftp's doing, or ours in a row with a key.

mod coverage;
mod row;
mod trial;

use self::row::{Row, Seen};
use self::trial::Trial;
use crate::support::program;
use sftpsh::commands::COMMANDS;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// One test for each table.
macro_rules! tables {
    ($($name:ident),*) => {
        const TABLES: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { try_table(stringify!($name)); })*
    };
}

tables!(changes, get, lines, links_and_copies, ls, places, put, trees);

/// Differences that no row can show, each with the test that does.
const TESTED_ELSEWHERE: &[(&str, &str)] = &[
    ("df-bytes", "src/commands/df.rs::df_is_byte_equal_to_sftp"),
    ("own-options", "tests/it/script.rs::commands_are_given_by_e"),
    ("own-options", "tests/it/script.rs::keep_going_does_the_rest_and_ends_with_1"),
    ("own-options", "tests/it/script.rs::strict_makes_a_batch_of_what_is_piped_in"),
    ("own-options", "tests/it/script.rs::local_programs_can_be_switched_off"),
    ("own-options", "tests/it/progress.rs::plain_lines_come_now_and_then_and_grow"),
    ("own-options", "tests/it/batch.rs::the_version_names_what_is_inside"),
    ("own-options", "tests/it/options.rs::a_server_that_falls_silent_is_given_up_after_the_timeout"),
    (
        "own-options",
        "tests/it/settings.rs::a_limit_holds_for_all_connections_together_and_may_be_set_between_transfers",
    ),
    ("own-options", "tests/it/progress_json.rs::every_file_starts_and_finishes_and_the_job_ends"),
    ("own-options", "tests/it/retry.rs::many_files_are_spread_over_connections"),
    ("command-behind-host", "tests/it/script.rs::one_command_stands_behind_two_dashes"),
    ("surplus-words", "tests/it/script.rs::what_stands_behind_the_destination_and_has_no_effect_is_said"),
    ("password-givers", "tests/it/password.rs::a_file_answers_even_in_a_batch"),
    ("password-givers", "tests/it/password.rs::a_command_prints_the_password"),
    ("line-editor", "tests/it/prompt.rs::the_history_gives_the_last_lines_back"),
    ("line-editor", "tests/it/prompt.rs::a_terminal_that_cannot_move_its_cursor_gets_plain_lines"),
    ("line-editor", "tests/it/completion.rs::remote_names_are_quoted_as_they_were_begun"),
    ("listings-for-programs", "tests/it/commands_listing.rs::programs_get_exact_bytes_and_objects"),
    ("many-at-once", "tests/it/transfer/interrupted.rs::a_stopped_download_keeps_the_session_and_its_partial"),
    ("many-at-once", "tests/it/progress.rs::several_files_have_a_line_for_all_of_them"),
    ("shared-directories", "tests/it/sticky.rs::needs_root_what_others_put_into_a_shared_directory_is_left_alone"),
    ("unread-output", "tests/it/hangup.rs::a_line_after_that_is_not_run_and_its_script_has_failed"),
    ("unread-output", "tests/it/hangup.rs::what_only_prints_ends_early_and_its_script_has_failed"),
    (
        "second-ctrl-c",
        "tests/it/ending/signals.rs::a_second_ctrl_c_drops_the_connection_and_leaves_the_person_at_the_prompt",
    ),
    ("hang-up", "tests/it/ending/hangup.rs::when_the_terminal_goes_away_the_process_ends_whatever_it_does"),
    ("retries", "tests/it/retry.rs::at_a_prompt_the_next_command_finds_the_session_as_it_was"),
    ("retries", "tests/it/retry.rs::a_script_ends_with_its_connection_unless_told_otherwise"),
    ("own-connection", "tests/it/connect.rs::what_is_not_honoured_is_refused_with_the_way_out"),
    ("long-names", "tests/it/texts.rs::a_long_listing_shows_what_was_checked_whatever_long_names_tell"),
    ("long-texts", "tests/it/texts.rs::a_status_text_ends_after_1000_bytes"),
    ("suspect-names", "tests/it/remote.rs::names_that_lead_elsewhere_are_left_out_and_told"),
    ("named-twice", "tests/it/remote.rs::a_walk_yields_a_name_that_is_listed_twice_once"),
    ("broken-protocol", "tests/it/transfer/hostile.rs::a_broken_protocol_ends_the_job_with_one_failure"),
    ("budgets", "tests/it/budgets.rs::a_flood_before_the_keys_are_settled_ends_within_256_kib"),
    ("budgets", "tests/it/budgets.rs::a_listing_without_end_fails_at_its_budget_and_the_session_goes_on"),
    (
        "silence",
        "src/sftp/session/tests.rs::a_silent_server_is_given_up_but_one_that_flushes_a_disk_only_if_that_is_wanted",
    ),
    ("owners-by-name", "tests/it/commands_files.rs::chown_and_chgrp_know_users_and_groups_by_name"),
    ("blanks-in-owners", "tests/it/commands_listing.rs::long_lines_keep_nine_columns_whatever_owners_are_called"),
    ("cut-short", "tests/it/transfer/hostile.rs::an_early_end_is_never_taken_for_the_whole_file"),
    ("cut-short", "tests/it/transfer/hostile.rs::where_nothing_is_stored_a_file_ends_where_reading_ends"),
    ("cut-short", "tests/it/transfer/hostile.rs::made_up_files_of_the_system_go_both_ways"),
    ("control-characters", "tests/it/commands_listing.rs::a_name_can_neither_forge_a_line_nor_move_the_terminal"),
    ("utf-8", "tests/it/commands_listing.rs::names_in_utf_8_are_shown_in_every_locale"),
    ("nul-bytes", "tests/it/script.rs::whatever_is_wrong_with_a_line_its_number_is_told"),
    ("batch-directory", "tests/it/batch.rs::a_batch_that_cannot_be_opened_is_said_before_anything_is_connected"),
    ("addresses", "src/cli/destination.rs::destinations_are_read_as_sftp_reads_them"),
    ("host-key-reasons", "tests/it/hostkeys.rs::what_sftp_says_about_a_host_key_we_say_too_line_by_line"),
    ("revoked-keys", "tests/it/known_hosts.rs::every_excuse_is_among_the_differences"),
    ("revoked-keys", "tests/it/hostkeys.rs::a_revoked_key_is_refused_whatever_the_policy"),
    ("host-certificates", "tests/it/hostkeys.rs::a_server_with_a_certificate_is_known_by_its_plain_key"),
    ("rsa-bits", "tests/it/hostkeys.rs::a_short_rsa_key_is_refused"),
    ("known-types-first", "src/ssh/algorithms.rs::known_types_come_first_and_no_other_is_left_out"),
    ("host-key-patterns", "tests/it/hostkeys.rs::a_host_that_cannot_be_remembered_is_not_let_in"),
    ("known-hosts-newline", "src/ssh/known_hosts.rs::a_line_is_appended_and_nothing_else_is_touched"),
    ("broken-ssh", "tests/it/disconnect.rs::what_breaks_the_protocol_before_the_keys_is_named"),
    ("long-known-hosts", "src/ssh/known_hosts.rs::no_key_is_judged_by_half_of_a_file"),
    ("control-characters-for-ssh", "tests/it/ssh_config.rs::a_line_break_never_becomes_a_setting"),
    ("blanks-in-paths", "tests/it/ssh_config.rs::known_hosts_are_found_whatever_the_file_is_called"),
    ("blanks-in-paths", "src/ssh/config.rs::a_blank_that_could_end_a_name_is_refused"),
    ("without-ssh", "tests/it/ssh_config.rs::without_ssh_what_only_ssh_could_do_is_refused"),
    ("host-key-options", "src/ssh/config.rs::what_cannot_be_honoured_is_refused_by_its_name"),
    ("operators", "tests/it/words.rs::operators_of_shells_are_refused_unless_they_are_quoted"),
    ("tilde", "tests/it/words.rs::a_tilde_is_the_home_in_every_local_word"),
    ("home", "tests/it/commands_places.rs::lcd_without_a_path_and_with_a_tilde_goes_home"),
    ("long-lines", "tests/it/batch.rs::a_line_of_a_megabyte_is_one_bad_line"),
    ("byte-order-mark", "tests/it/batch.rs::a_byte_order_mark_and_carriage_returns_do_no_harm"),
];

/// A row's run through both programs.
struct Tried {
    ours: Trial,
    theirs: Option<Trial>,
}

fn try_table(name: &str) {
    let path = table(name);
    let mut rows = row::read(&fs::read_to_string(&path).unwrap());
    let tried = try_all(&rows);
    if std::env::var_os("UPDATE").is_some() {
        for (row, tried) in rows.iter_mut().zip(&tried) {
            let theirs = tried.theirs.as_ref().filter(|_| row.differs.is_none() && speaks_for(row));
            row.seen = theirs.unwrap_or(&tried.ours).seen.clone();
        }
        fs::write(&path, row::write(&rows)).unwrap();
    }
    let mut report = String::new();
    for (row, tried) in rows.iter().zip(&tried) {
        judge(row, tried, &mut report);
    }
    assert!(report.is_empty(), "{name}.txt does not hold:\n{report}");
}

/// Runs rows side by side: each is two short programs, which mostly wait for each other.
fn try_all(rows: &[Row]) -> Vec<Tried> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((at, row)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, rows.get(at)?)))
                {
                    let theirs = sftp().filter(|_| speaks_for(row)).map(|(program, _)| trial::run(row, program));
                    let tried = Tried { ours: trial::run(row, &program()), theirs };
                    done.lock().unwrap().push((at, tried));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    assert_eq!(done.len(), rows.len(), "a row could not be tried");
    done.into_iter().map(|(_, tried)| tried).collect()
}

fn judge(row: &Row, Tried { ours, theirs }: &Tried, report: &mut String) {
    let mut wrong = Vec::new();
    if !holds(&row.seen, &ours.seen) {
        wrong.push(("we do not as the row says", Some(ours)));
    }
    match (theirs, &row.differs) {
        (None, _) => (),
        (Some(theirs), None) => {
            if theirs.seen != row.seen {
                wrong.push(("sftp(1) does not as the row says", Some(theirs)));
            } else if ours.stdout != theirs.stdout {
                wrong.push(("we print other blanks than sftp(1)", Some(theirs)));
            }
        }
        // Its fault was mended there.
        (Some(_), Some(_)) if row.since.as_ref().is_some_and(|since| speaks_for_version(since)) => (),
        (Some(theirs), Some(_)) if theirs.seen == row.seen && theirs.stdout == ours.stdout => {
            wrong.push(("sftp(1) does the same: the row needs no key", None));
        }
        (Some(_), Some(_)) => (),
    }
    for (what, trial) in wrong {
        let _ = writeln!(report, "* {}: {what}", row.name());
        if let Some(trial) = trial {
            let _ = writeln!(report, "  row  {:?}\n  seen {:?}", row.seen, trial.seen);
            let _ = writeln!(report, "  stdout {:?}\n  stderr {:?}", trial.stdout, trial.stderr);
        }
    }
}

/// Whether we did what a row says: more may stand behind sftp's words on stderr.
fn holds(row: &Seen, ours: &Seen) -> bool {
    let says = |(words, line): (&String, &String)| {
        line.strip_prefix(words.as_str()).is_some_and(|more| more.is_empty() || more.starts_with([' ', ':']))
    };
    // Their lines come in their order; more of ours may follow each, and none comes unless one of theirs does.
    let mut more = ours.stderr.iter();
    (&row.stdout, row.code, &row.files) == (&ours.stdout, ours.code, &ours.files)
        && row.stderr.iter().all(|words| more.any(|line| says((words, line))))
        && row.stderr.is_empty() == ours.stderr.is_empty()
}

/// Whether this machine's sftp(1) is one of those that the row is about. One with a fault that a key names is, too.
fn speaks_for(row: &Row) -> bool {
    row.differs.is_some() || row.since.as_ref().is_none_or(|since| speaks_for_version(since))
}

/// Whether this machine's sftp(1) is of that version or a later one.
fn speaks_for_version(since: &str) -> bool {
    let number = |text: &str| {
        let mut parts = text.split(['.', 'p']).map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next(), parts.next())
    };
    sftp().is_some_and(|(_, version)| number(version) >= number(since))
}

/// The machine's sftp, and its version.
fn sftp() -> Option<&'static (PathBuf, String)> {
    static SFTP: OnceLock<Option<(PathBuf, String)>> = OnceLock::new();
    let find = || {
        let path = std::env::var_os("PATH")?;
        let program =
            std::env::split_paths(&path).map(|directory| directory.join("sftp")).find(|path| path.is_file())?;
        // sftp(1) does not tell its version; the ssh of the same package does.
        let told = Command::new(program.with_file_name("ssh")).arg("-V").output().ok()?;
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        let version = told.strip_prefix("OpenSSH_")?.split([' ', ',']).next()?.to_owned();
        Some((program, version))
    };
    SFTP.get_or_init(find).as_ref()
}

fn table(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/conformance").join(name).with_extension("txt")
}

#[test]
fn the_table_covers_every_command() {
    let rows: Vec<Row> = TABLES.iter().flat_map(|name| row::read(&fs::read_to_string(table(name)).unwrap())).collect();
    let missing: Vec<String> = COMMANDS.iter().flat_map(|entry| coverage::missing(entry, &rows)).collect();
    assert_eq!(missing, Vec::<String>::new(), "no row shows these");
}

#[test]
fn every_difference_is_named_and_every_name_is_shown() {
    let page = include_str!("../../../docs/differences.md");
    let named: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("- `")?.split_once("`: ")).map(|(key, _)| key).collect();
    let rows: Vec<Row> = TABLES.iter().flat_map(|name| row::read(&fs::read_to_string(table(name)).unwrap())).collect();
    let mut shown: BTreeSet<&str> = rows.iter().filter_map(|row| row.differs.as_deref()).collect();
    shown.extend(TESTED_ELSEWHERE.iter().map(|(key, _)| *key));
    assert_eq!(named.difference(&shown).collect::<Vec<_>>(), Vec::<&&str>::new(), "named, and nothing shows it");
    assert_eq!(
        shown.difference(&named).collect::<Vec<_>>(),
        Vec::<&&str>::new(),
        "shown, and docs/differences.md does not name it"
    );
    for (key, test) in TESTED_ELSEWHERE {
        let (file, test) = test.split_once("::").unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = fs::read_to_string(&source).unwrap_or_else(|error| panic!("{key}: {file}: {error}"));
        assert!(text.contains(&format!("fn {test}(")), "{key}: {file} has no test {test}");
    }
}

#[test]
fn every_option_of_our_own_is_among_the_differences() {
    let page = include_str!("../../../docs/differences.md");
    let help = Command::new(program()).arg("--help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    // sftp(1) has no long options, and of the short ones those of its manual.
    let options = help.lines().filter_map(|line| line.trim_start().split([' ', '=', ',']).next());
    let is_ours = |option: &&str| {
        option.starts_with("--") && option.len() > 2
            || option.len() == 2 && option.starts_with('-') && !"46AaBbCcDFfiJlNoPpqRrSsvXh-".contains(&option[1..])
    };
    let missing: Vec<&str> = options.filter(is_ours).filter(|option| !page.contains(&format!("`{option}"))).collect();
    assert_eq!(missing, Vec::<&str>::new(), "options that docs/differences.md does not name");
}
