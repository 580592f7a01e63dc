//! The completion files in `completions/` match the definition of the command line.

use std::path::Path;

use clap_complete::Shell::{self, Bash, Fish, Zsh};
use sftpsh::cli;

/// The command that rewrites the files instead of comparing them.
const REWRITE: &str = "UPDATE=1 cargo test --test it completions::";

#[test]
fn completion_files_are_generated_from_the_command_line() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (shell, name) in [(Bash, "sftpsh.bash"), (Zsh, "_sftpsh"), (Fish, "sftpsh.fish")] {
        let (file, generated) = (directory.join(name), generated(shell));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(&file, &generated).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(kept == generated, "completions/{name} is out of date; rewrite it with: {REWRITE}");
    }
}

fn generated(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "sftpsh", &mut text);
    String::from_utf8(text).unwrap()
}
