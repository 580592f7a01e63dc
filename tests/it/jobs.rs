//! Transfers in the background: a person starts, lists, pauses, takes back and cancels them, and types on meanwhile.

use crate::support::{Entry, Key, Relay, Remote, Shell, Terminal};

/// A transfer of this many bytes takes minutes under `set limit 10K`, and a moment without a limit.
const BIG: usize = 1_000_000;

fn remote() -> Remote {
    Remote::with([Entry::sized("big", BIG), Entry::sized("site/one", 10), Entry::sized("site/two", 20)])
}

/// A person who has limited the rate, so that a transfer lasts until the limit is removed.
fn slowed() -> Terminal {
    Shell::on(remote()).here([Entry::sized("mine", BIG)]).at_a_terminal().types("set limit 10K")
}

/// A person whose download can't end before the line to the server is let go.
fn held() -> Terminal {
    let at = Shell::on(remote().over_ssh()).through(Relay::plain()).at_a_terminal();
    let at = at.types("set limit 10K").types("get big &").sees("[1] get big").at_the_prompt();
    at.world().line().hold();
    at.types("set limit off").at_the_prompt()
}

// difference: background
#[test]
fn gets_and_puts_run_side_by_side_while_the_prompt_answers() {
    slowed()
        .types("get big &")
        .sees("[1] get big")
        .types("put mine &")
        .sees("[2] put mine")
        .types("ls")
        .sees("site")
        .types("jobs")
        .sees("[1]  running")
        .sees("[2]  running")
        .types("set limit off")
        .sees("[1] done: get big (1 file, 977K in ")
        .sees("[2] done: put mine (1 file, 977K in ")
        .types("bye")
        .ends_with(0)
        .same("big", "big")
        .same("mine", "mine");
}

#[test]
fn the_end_is_announced_above_the_line_that_is_being_typed() {
    for key in [None, Some(Key::Left)] {
        let at = held().keys_in("lpw");
        let at = key.into_iter().fold(at, Terminal::presses);
        at.world().line().let_go();
        let shown = if key.is_some() { "sftp> lp" } else { "sftp> lpw" };
        let at = at.sees("[1] done: get big").line_is(shown);
        assert!(at.screen().lines().filter(|line| line.starts_with("sftp> lpw")).count() == 1, "{}", at.screen());
        let at = key.into_iter().fold(at, |at, _| at.presses(Key::End)).keys_in("d").presses(Key::Enter);
        at.sees("Local working directory").types("bye").ends_with(0).same("big", "big");
    }
}

#[test]
fn a_line_that_wraps_stays_whole_below_the_news() {
    let long = "x".repeat(100);
    let at = held().keys_in(&format!("lpwd {long}"));
    at.world().line().let_go();
    let at = at.sees("[1] done: get big");
    let screen = at.line_is(&"x".repeat(31));
    assert_eq!(screen.screen().matches("lpwd").count(), 1, "{}", screen.screen());
    screen.presses(Key::Enter).sees("Local working directory").types("bye").ends_with(0);
}

#[test]
fn ctrl_z_pauses_a_transfer_and_bg_lets_it_go_on() {
    slowed()
        .types("get big")
        .sees("Fetching")
        .presses(Key::Ctrl('z'))
        .sees("[1] paused: get big")
        .types("jobs")
        .sees("[1]  paused")
        .types("bg")
        .types("jobs")
        .sees("[1]  running")
        .types("set limit off")
        .sees("[1] done: get big")
        .types("bye")
        .ends_with(0)
        .same("big", "big");
}

#[test]
fn a_job_in_the_foreground_is_watched_again_and_ctrl_c_cancels_it_alone() {
    slowed()
        .types("get big &")
        .types("put mine &")
        .types("fg 1")
        .sees("\nget big\n")
        .presses(Key::Ctrl('c'))
        .sees("Interrupt")
        .types("jobs")
        .sees("[2]  running")
        .types("set limit off")
        .sees("[2] done: put mine")
        .types("bye")
        .ends_with(0)
        .prints_no("[1] done")
        .local_lacks("big")
        .same("mine", "mine");
}

#[test]
fn ctrl_c_at_the_prompt_and_in_a_wait_leaves_the_jobs_alone() {
    slowed()
        .types("get big &")
        .at_the_prompt()
        .keys_in("pw")
        .presses(Key::Ctrl('c'))
        .types("wait")
        .sees("Ctrl-C ends the wait")
        .presses(Key::Ctrl('c'))
        .sees("Interrupt")
        .types("set limit off")
        .sees("[1] done: get big")
        .types("bye")
        .ends_with(0)
        .same("big", "big");
}

#[test]
fn a_job_keeps_the_directories_in_which_it_was_started() {
    slowed()
        .types("get -r site &")
        .types("get big &")
        .types("lmkdir other")
        .types("lcd other")
        .types("cd site")
        .types("set limit off")
        .types("wait")
        .types("bye")
        .ends_with(0)
        .local_has("site/one")
        .local_has("site/two")
        .same("big", "big");
}

#[test]
fn kill_pause_and_resume_take_numbers() {
    slowed()
        .types("get big &")
        .types("put mine &")
        .types("pause 2")
        .types("kill %1")
        .sees("[1] cancelled: get big")
        .types("jobs --json")
        .sees("{\"job\":2,\"state\":\"paused\",\"command\":\"put mine\"")
        .types("wait")
        .sees("[2] waits for you, so it does not end by itself")
        .types("resume 2")
        .types("set limit off")
        .types("wait 2")
        .sees("[2] done: put mine")
        .types("kill 7")
        .sees("There is no job 7")
        .types("bye")
        .ends_with(0)
        .local_lacks("big")
        .same("mine", "mine");
}

#[test]
fn failures_are_told_with_the_number_of_the_job() {
    Shell::on(remote())
        .here([Entry::directory("taken"), Entry::directory("taken/one")])
        .at_a_terminal()
        .types("get -r site/. taken &")
        .sees("[1] ")
        .sees("[1] failed: get -r site/. taken (1 failure, 1 file, 20B in ")
        .types("bye")
        .ends_with(0)
        .local_has("taken/two");
}

#[test]
fn a_question_waits_for_the_foreground() {
    let local = [Entry::file("big", "mine")];
    Shell::on(remote())
        .here(local)
        .at_a_terminal()
        .types("get --on-conflict=ask big &")
        .sees("[1] big exists already; fg 1 asks what to do")
        .types("jobs")
        .sees("[1]  asks")
        .types("fg")
        .answers("for all that follow: ", "o")
        .types("bye")
        .ends_with(0)
        .same("big", "big");
}

#[test]
fn leaving_asks_what_becomes_of_the_transfers() {
    let question = "1 transfer is not done. (w)ait for the end, (c)ancel, or (s)tay? ";
    let at = slowed().types("get big &").types("bye").answers(question, "s").at_the_prompt();
    at.presses(Key::Ctrl('d')).answers(question, "c").sees("[1] cancelled: get big").ends_with(0).local_lacks("big");
    let at = held().types("bye").answers(question, "w");
    at.world().line().let_go();
    at.sees("[1] done: get big").ends_with(0).same("big", "big");
}

#[test]
fn a_program_can_not_send_a_transfer_to_the_background() {
    Shell::on(remote())
        .at_a_terminal()
        .at_the_prompt()
        .sends(b"get big &\n")
        .sees("Background commands are not supported: \"&\"")
        .types("bye")
        .ends_with(0)
        .local_lacks("big");
    Shell::on(remote()).types("get big &").types("jobs").types("wait").exits(0).local_lacks("big");
}

#[test]
fn only_transfers_run_in_the_background() {
    slowed().types("ls &").sees("ls can't run in the background; only get and put can").types("bye").ends_with(0);
}

#[test]
fn jobs_and_the_prompt_share_one_new_connection() {
    let shell = Shell::on(remote().over_ssh()).here([Entry::sized("mine", BIG)]).through(Relay::plain());
    let at = shell.at_a_terminal().types("set limit 10K").types("get big &").types("put mine &").sees("[2] put mine");
    let at = at.at_the_prompt();
    at.world().line().cut();
    let at = at.sees("[1] Reconnected, going on").sees("[2] Reconnected, going on").types("ls -1 site").sees("one");
    let at = at.types("set limit off").sees("[1] done: get big").sees("[2] done: put mine");
    assert_eq!(at.world().line().connections(), 2);
    at.types("bye").ends_with(0).same("big", "big").same("mine", "mine");
}

#[test]
fn a_queued_transfer_waits_for_those_before_it() {
    slowed()
        .types("queue get big")
        .sees("[1] get big")
        .types("queue put mine")
        .sees("[2] queued: put mine")
        .types("queue get -r site")
        .sees("[3] queued: get -r site")
        .types("jobs")
        .sees("[1]  running")
        .sees("[2]  queued")
        .types("queue rm 2")
        .sees("[2] cancelled: put mine")
        .types("set limit off")
        .sees("[1] done: get big")
        .sees("[3] done: get -r site")
        .types("bye")
        .ends_with(0)
        .same("big", "big")
        .local_has("site/two")
        .remote_lacks("mine");
}

#[test]
fn a_stopped_queue_starts_again_and_runs_as_many_at_once_as_wanted() {
    slowed()
        .types("queue stop")
        .types("queue get big")
        .sees("[1] queued: get big")
        .types("queue put mine")
        .types("wait")
        .sees("[1] waits for you")
        .types("set queue-parallel 2")
        .types("queue start")
        .types("jobs")
        .sees("[1]  running")
        .sees("[2]  running")
        .types("set limit off")
        .sees("[1] done: get big")
        .sees("[2] done: put mine")
        .types("bye")
        .ends_with(0);
}

#[test]
fn a_script_waits_for_its_jobs_and_their_failures_count() {
    let lines = |shell: Shell| shell.types("queue get big").types("queue get -r site");
    lines(Shell::on(remote())).as_batch().exits(0).same("big", "big").local_has("site/two");
    let taken = [Entry::directory("big/taken")];
    lines(Shell::on(remote()))
        .here(taken.clone())
        .as_batch()
        .exits(1)
        .reports("[1] failed: get big")
        .local_has("site/two");
    let waits = Shell::on(remote()).here(taken).types("queue get big").types("wait").types("mkdir never").as_batch();
    waits.exits(1).reports("batch:2: wait: failed").remote_lacks("never");
}

#[test]
fn only_transfers_wait_in_the_queue() {
    let refused = "queue: ls can't wait in the queue; only get and put can";
    Shell::on(remote()).types("queue ls -l").as_batch().exits(1).reports(refused);
    Shell::on(remote()).types("queue get none").as_batch().exits(1).reports("File \"").reports("not found");
}
