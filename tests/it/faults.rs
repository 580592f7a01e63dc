//! What can break, by number, and the test that shows what we do then.
//!
//! After each: the old target is there or the new one is whole, a partial file lies only under its own name, a resume gives the
//! same bytes, and the exit code tells it.

mod ends;
mod line;
mod local;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A fault's number in the list of attacks and faults, what it is, and a test of it.
const FAULTS: &[(u32, &str, &str)] = &[
    (1, "nobody listens", "tests/it/connect.rs::nobody_listens"),
    (2, "a server without a greeting", "tests/it/connect.rs::a_server_that_says_nothing_is_not_waited_for_for_ever"),
    (
        3,
        "endless lines before the greeting",
        "tests/it/connect.rs::a_server_that_never_comes_to_the_point_is_not_waited_for_for_ever",
    ),
    (4, "another protocol", "tests/it/connect.rs::another_server_than_ssh_is_told_by_what_it_says"),
    (5, "reset after the greeting", "tests/it/connect.rs::a_line_that_breaks_at_any_point_is_one_line_of_complaint"),
    (6, "cut in the key exchange", "tests/it/connect.rs::a_line_that_breaks_at_any_point_is_one_line_of_complaint"),
    (7, "cut while a user is let in", "tests/it/connect.rs::a_line_that_breaks_at_any_point_is_one_line_of_complaint"),
    (
        7,
        "cut anywhere before the first answer",
        "tests/it/faults/line.rs::a_line_that_breaks_anywhere_before_the_first_answer_is_no_connection",
    ),
    (8, "cut in a download", "tests/it/faults/line.rs::a_download_that_is_cut_at_any_byte_goes_on_from_there"),
    (8, "the same, exact to the byte", "tests/it/faults/ends.rs::a_read_that_the_server_dies_of_is_a_lost_connection"),
    (9, "cut in an upload", "tests/it/faults/line.rs::an_upload_that_is_cut_at_any_byte_goes_on_from_there"),
    (
        10,
        "a stall beyond the limit",
        "tests/it/transfer/silence.rs::a_download_that_stalls_is_given_up_and_goes_on_from_what_was_kept",
    ),
    (
        10,
        "the same of an upload",
        "tests/it/transfer/silence.rs::an_upload_that_stalls_is_given_up_and_goes_on_from_what_was_kept",
    ),
    // The program waits for five minutes; what it does then is what the two above do after a second.
    (
        10,
        "nobody is there any more",
        "tests/it/faults/line.rs::a_server_that_is_not_there_any_more_is_missed_as_soon_as_was_asked_for",
    ),
    (
        10,
        "the limit itself",
        "src/sftp/session/tests.rs::a_silent_server_is_given_up_but_one_that_flushes_a_disk_only_if_that_is_wanted",
    ),
    (11, "slow but alive", "tests/it/faults/line.rs::a_line_that_crawls_or_rests_for_a_while_carries_all"),
    (12, "a stall below the limit", "tests/it/transfer/silence.rs::a_silence_below_the_limit_is_waited_for"),
    (13, "half-close", "tests/it/faults/line.rs::a_reset_and_a_half_close_are_ends_as_a_cut_is"),
    (14, "Ctrl-C in a stall", "tests/it/faults/line.rs::what_stalls_is_left_by_ctrl_c_and_by_a_request_to_end"),
    (
        14,
        "the same at a prompt",
        "tests/it/ending/signals.rs::a_second_ctrl_c_drops_the_connection_and_leaves_the_person_at_the_prompt",
    ),
    (14, "the same of every command", "tests/it/ending/signals.rs::a_command_that_stalls_in_the_middle_is_left"),
    (
        16,
        "the server dies at any request",
        "tests/it/ending/killed.rs::over_two_connections_the_end_of_the_server_ends_every_command",
    ),
    (14, "Ctrl-C otherwise", "tests/it/progress.rs::a_slow_file_moves_and_ctrl_c_stops_it_and_keeps_the_session"),
    (15, "new keys every megabyte", "tests/it/faults/line.rs::a_server_that_wants_new_keys_every_megabyte_gets_them"),
    (15, "the same both ways at once", "tests/it/transport.rs::gets_and_puts_survive_key_exchanges_on_the_way"),
    (
        16,
        "the server is killed at the prompt",
        "tests/it/faults/ends.rs::a_server_that_is_killed_while_nothing_moves_is_missed_by_the_next_command",
    ),
    (17, "the first address is dead", "src/ssh/dial.rs::an_address_that_is_dead_is_passed_over"),
    (32, "an early end of file", "tests/it/transfer/hostile.rs::an_early_end_is_never_taken_for_the_whole_file"),
    (33, "a short read, then the end", "tests/it/transfer/hostile.rs::odd_but_honest_answers_make_whole_files"),
    (34, "every read is short", "tests/it/transfer/hostile.rs::odd_but_honest_answers_make_whole_files"),
    (35, "data without bytes", "tests/it/transfer/hostile.rs::a_broken_protocol_ends_the_job_with_one_failure"),
    (36, "more data than asked for", "tests/it/transfer/hostile.rs::a_broken_protocol_ends_the_job_with_one_failure"),
    (
        37,
        "data behind the size told",
        "tests/it/transfer/hostile.rs::a_file_that_is_longer_than_was_said_is_read_to_its_end",
    ),
    (38, "a file that shrinks", "tests/it/transfer/hostile.rs::an_early_end_is_never_taken_for_the_whole_file"),
    (39, "answers in another order", "tests/it/transfer/hostile.rs::odd_but_honest_answers_make_whole_files"),
    (
        48,
        "an OPEN that is answered too late",
        "tests/it/transfer/silence.rs::an_answer_that_comes_too_late_is_never_taken_for_another",
    ),
    (49, "a full remote disk", "tests/it/transfer/hostile.rs::a_write_that_fails_is_remembered_and_leaves_no_hole"),
    (50, "death at a WRITE", "tests/it/faults/ends.rs::a_write_that_the_server_dies_of_is_a_lost_connection"),
    (51, "CLOSE fails", "tests/it/transfer/hostile.rs::a_close_that_fails_fails_an_upload"),
    (52, "CLOSE is never answered", "tests/it/transfer/silence.rs::an_upload_whose_close_is_never_answered_has_failed"),
    (
        53,
        "SETSTAT is refused",
        "tests/it/faults/local.rs::times_and_modes_that_the_server_refuses_to_set_leave_a_transfer_whole",
    ),
    (
        54,
        "a rename that replaces nothing",
        "tests/it/safety.rs::an_atomic_upload_needs_a_server_that_replaces_only_where_something_is",
    ),
    (
        54,
        "death at each request",
        "tests/it/faults/ends.rs::whenever_the_server_dies_a_target_is_the_old_or_the_new_one",
    ),
    (55, "no fsync", "tests/it/options.rs::r_p_a_and_f_hold_for_every_transfer"),
    (58, "a full disk", "tests/it/transfer/targets.rs::needs_root_a_full_disk_leaves_the_old_file_and_no_partial"),
    (58, "a file too large", "tests/it/bad_input.rs::a_file_larger_than_is_allowed"),
    (59, "a closed directory", "tests/it/bad_input.rs::an_unwritable_target"),
    (59, "the same on the server", "tests/it/faults/local.rs::a_remote_directory_that_is_closed_keeps_what_it_has"),
    (
        60,
        "a directory in the way",
        "tests/it/transfer/targets.rs::a_directory_in_the_way_is_said_and_so_is_a_missing_one",
    ),
    (61, "a file in the way", "tests/it/faults/local.rs::a_file_stands_where_a_directory_is_meant"),
    (62, "a link as target", "tests/it/transfer/targets.rs::a_link_of_the_users_leads_to_the_target_and_stays"),
    (62, "a FIFO, a device", "tests/it/transfer/targets.rs::what_is_no_regular_file_is_written_straight_through"),
    (63, "a source that is closed", "tests/it/faults/local.rs::a_file_that_may_not_be_read_is_named"),
    (63, "a source that shrinks", "tests/it/faults/local.rs::a_file_that_shrinks_under_us_is_an_error"),
    (63, "a source that grows", "tests/it/faults/local.rs::a_file_that_grows_under_us_arrives_as_far_as_it_was_or_is"),
    (63, "a source that goes away", "tests/it/faults/local.rs::a_file_that_is_removed_under_us_arrives"),
    (
        64,
        "names that differ by case",
        "tests/it/faults/local.rs::names_that_differ_by_case_are_two_files_where_there_is_room_for_two",
    ),
    (65, "a name too long", "tests/it/faults/local.rs::a_name_that_is_too_long_for_us_is_left_out_and_said"),
    (66, "a directory that goes away", "tests/it/faults/local.rs::a_directory_that_goes_away_under_us_is_one_error"),
    (67, "few descriptors", "tests/it/faults/local.rs::descriptors_that_are_few_are_enough_both_ways"),
    (68, "nobody reads our stdout", "tests/it/batch.rs::a_reader_that_went_away_ends_the_run_quietly"),
    (69, "no HOME", "tests/it/drive.rs::an_empty_environment_does_no_harm"),
    (69, "known_hosts can't be written", "tests/it/hostkeys.rs::a_file_that_cannot_be_written_costs_a_warning_only"),
    (69, "known_hosts is a directory", "tests/it/faults/local.rs::known_hosts_that_cannot_be_read_are_none"),
    (70, "kill -9", "tests/it/faults/ends.rs::a_kill_in_the_middle_leaves_the_old_file_and_what_can_be_continued"),
    (
        70,
        "SIGTERM and SIGHUP",
        "tests/it/faults/ends.rs::a_request_to_end_keeps_what_came_under_its_own_name_and_ends_with_1",
    ),
    (
        70,
        "what is of no use is taken away",
        "tests/it/faults/ends.rs::a_request_to_end_takes_away_what_nothing_can_continue",
    ),
    (71, "two of us fetch one file", "tests/it/faults/ends.rs::two_of_us_fetch_one_file_and_it_is_whole"),
    (71, "two of us send one file", "tests/it/faults/ends.rs::two_of_us_send_one_file_and_it_is_whole"),
];

#[test]
fn every_fault_has_a_test_that_is_there() {
    let wanted: BTreeSet<u32> = [1..=17, 32..=39, 48..=55, 58..=71].into_iter().flatten().collect();
    let tried: BTreeSet<u32> = FAULTS.iter().map(|(number, ..)| *number).collect();
    assert_eq!(wanted.symmetric_difference(&tried).collect::<Vec<_>>(), Vec::<&u32>::new());
    for (number, what, test) in FAULTS {
        let (file, name) = test.split_once("::").unwrap();
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let test = format!("fn {name}()");
        let attributes = text.split_once(&test).map(|(before, _)| before.rsplit("\n}").next().unwrap_or(before));
        assert!(
            attributes.is_some_and(|above| above.contains("#[test]")),
            "{number}, {what}: {file} has no test {name}"
        );
    }
}
