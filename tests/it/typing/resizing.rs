//! Another size of the terminal while a line is typed and while meters move, and keys that are pressed meanwhile.

use crate::support::{Entry, Key, Look, Relay, Remote, Shell, Terminal};

/// A session over a slow line to a server with two files.
fn slow() -> Terminal {
    let remote = Remote::with([Entry::sized("big", 1_000_000), Entry::sized("small", 1000)]).over_ssh();
    Shell::on(remote).through(Relay::plain().bytes_per_second(400_000)).at_a_terminal()
}

#[test]
fn a_suggestion_that_no_longer_fits_is_cut_and_comes_back() {
    let long = format!("ls {}", "x".repeat(40));
    let terminal = Shell::on(Remote::empty()).at_a_terminal().types(&long).types_by_hand("ls");
    let cut = format!("sftp> ls {}\u{2026}", "x".repeat(19));
    let terminal = terminal.row_has(Look::Dim, &format!(" {}", "x".repeat(40))).resizes(24, 30).row_is(&cut);
    let terminal = terminal.screen_ends_with(&[&cut]).resizes(24, 80).presses_letter(' ');
    terminal.row_is(&format!("sftp> {long}")).presses(Key::Ctrl('c')).types("bye").ends_with(0);
}

#[test]
fn a_line_of_several_rows_follows_the_width() {
    let name = "y".repeat(50);
    let terminal = Shell::on(Remote::empty()).at_a_terminal().types("version").at_the_prompt();
    let terminal = terminal.types_by_hand("mk").keys_in(&format!("dir {name}")).resizes(24, 40);
    let first = format!("sftp> mkdir {}", "y".repeat(28));
    let terminal = terminal.screen_ends_with(&["SFTP protocol version 3", &first, &"y".repeat(22)]);
    let terminal = terminal.presses(Key::Backspace).line_is(&"y".repeat(21)).presses(Key::Enter);
    terminal.types("bye").ends_with(0).remote_holds(&[&format!("{}/", &name[1..])]);
}

#[test]
fn meters_follow_the_width_and_leave_only_the_lines_of_whole_files() {
    let terminal = slow().types("get *").sees("total: ").resizes(24, 60).resizes(24, 70);
    let terminal = terminal.sees("100%").at_the_prompt();
    let screen = terminal.screen();
    let meters: Vec<&str> = screen.lines().filter(|line| line.contains('%') || line.contains("total")).collect();
    assert_eq!(meters.len(), 2, "{screen}");
    assert!(meters.iter().all(|line| line.contains("100%")), "{screen}");
    terminal.types("bye").ends_with(0);
}

#[test]
fn keys_write_nothing_into_a_meter_and_wait_for_the_prompt() {
    let terminal = slow().types("get big").sees("ETA").presses(Key::Up).presses(Key::Left).sends(b"x");
    let terminal = terminal.row_is("sftp> get bixg").line_is("sftp> get bix");
    let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
    assert!(!raw.contains("^["), "{raw:?}");
    terminal.presses(Key::Ctrl('c')).types("bye").ends_with(0);
}

#[test]
fn rows_that_the_terminal_wraps_again_leave_nothing() {
    let long = format!("ls {}", "x".repeat(60));
    let terminal = Shell::on(Remote::empty()).at_a_terminal().types("version").types(&long).at_the_prompt();
    // The suggestion gets a second row, and then the line itself.
    let terminal = terminal.types_by_hand("ls").row_is(&format!("sftp> {long}")).wraps_again(24, 50);
    let cut = format!("sftp> ls {}\u{2026}", "x".repeat(39));
    let terminal =
        terminal.row_is(&cut).presses(Key::Right).line_is(&"x".repeat(19)).wraps_again(24, 30).presses_letter('x');
    let rows = [format!("sftp> ls {}", "x".repeat(21)), "x".repeat(30), "x".repeat(10)];
    let terminal = terminal.screen_ends_with(&rows.each_ref().map(String::as_str));
    assert_eq!(terminal.screen().matches("sftp> ls").count(), 2, "{}", terminal.screen());
    let terminal = terminal.wraps_again(24, 80).presses_letter('x').row_is(&format!("sftp> {long}xx"));
    let screen = terminal.screen();
    assert_eq!(screen.matches("sftp> ls").count(), 2, "{screen}");
    assert!(screen.contains("SFTP protocol version 3") && screen.contains("not found"), "{screen}");
    terminal.presses(Key::Ctrl('c')).types("bye").ends_with(0);
}
