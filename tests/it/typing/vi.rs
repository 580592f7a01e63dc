//! The keys of vi: by `set editing vi`, or by the readline configuration.

use crate::support::{Key, Remote, Shell, Terminal};
use std::fs;

/// Types `mkdir abc`, and edits it to `mkdir ab` with the keys of vi.
fn edits_as_in_vi(terminal: Terminal) -> Terminal {
    let terminal = terminal.types_by_hand("mkdir abc").presses(Key::Escape).line_is("sftp> mkdir ab").sends(b"x");
    terminal.row_is("sftp> mkdir ab").presses(Key::Enter)
}

#[test]
fn set_editing_changes_the_keys_of_the_next_line() {
    let terminal = Shell::on(Remote::empty()).at_a_terminal().types("set editing vi");
    let terminal = edits_as_in_vi(terminal).types("set editing emacs").types_by_hand("xpwd").presses(Key::Home);
    let terminal = terminal.sends(b"\x04").line_is("sftp> ").row_is("sftp> pwd").presses(Key::Enter);
    terminal.types("bye").ends_with(0).remote_holds(&["ab/"]);
}

#[test]
fn k_and_j_recall_lines_in_command_mode_and_are_letters_otherwise() {
    Shell::on(Remote::empty())
        .at_a_terminal()
        .types("set editing vi")
        .types("version")
        .types("mkdir jk")
        .types_by_hand("m")
        .presses(Key::Escape)
        .sends(b"k")
        .row_is("sftp> mkdir jk")
        .sends(b"j")
        .row_is("sftp> mkdir jk")
        .line_is("sftp> m")
        .presses(Key::Ctrl('c'))
        .types("bye")
        .ends_with(0)
        .remote_holds(&["jk/"]);
}

#[test]
fn the_readline_configuration_chooses_the_keys() {
    let inputrc = |name: &'static str| {
        Shell::on(Remote::empty()).prepare(move |world| {
            fs::write(world.home().join(name), "# mine\nset editing-mode vi\n").unwrap();
        })
    };
    edits_as_in_vi(inputrc(".inputrc").at_a_terminal()).types("bye").ends_with(0).remote_holds(&["ab/"]);
    let other = inputrc("other");
    let file = other.world().home().join("other");
    let terminal = other.env("INPUTRC", file).at_a_terminal().types("set editing").sees("\nvi\n");
    terminal.types("bye").ends_with(0);
}
