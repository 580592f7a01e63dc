//! The terminal disappears: a window is closed, or a connection to the machine breaks. The process ends, no matter
//! which process gets the signal.

use std::io::{Read, Write};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::killed::none_of;
use crate::support::{Embedded, Entry, Fault, PATIENCE, Relay, Remote, Shell, Toward, World, comes_true};

/// A terminal that can be closed.
struct Window {
    master: Box<dyn MasterPty + Send>,
    screen: Box<dyn Read + Send>,
    keyboard: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
}

/// The process that gets SIGHUP when the terminal disappears.
#[derive(Clone, Copy, Debug)]
enum Leader {
    /// The program itself.
    Program,
    /// A shell that does not pass it on.
    Shell,
}

/// Runs the program under a shell that outlives the terminal and saves the exit code in a file.
const DEAF: &str = r#"trap "" HUP; "$@"; echo $? > ../code"#;

impl Window {
    fn open(shell: &Shell, leader: Leader) -> Window {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let plain = shell.command();
        let mut command = CommandBuilder::new(match leader {
            Leader::Program => plain.get_program(),
            Leader::Shell => "sh".as_ref(),
        });
        if let Leader::Shell = leader {
            command.args(["-c".as_ref(), DEAF.as_ref(), "sh".as_ref(), plain.get_program()]);
        }
        command.args(plain.get_args());
        command.cwd(shell.world().local());
        command.env_clear();
        shell.world().environment().iter().for_each(|(name, value)| command.env(name, value));
        let child = pair.slave.spawn_command(command).unwrap();
        let screen = pair.master.try_clone_reader().unwrap();
        Window { screen, keyboard: pair.master.take_writer().unwrap(), master: pair.master, child }
    }

    /// Reads until a mark appears. Nothing reads on after that, because it would keep the terminal open.
    fn shows(mut self, mark: &str) -> Window {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(mark) {
            let mut piece = [0; 512];
            let count = self.screen.read(&mut piece).unwrap_or(0);
            assert!(count > 0, "no {mark:?} in {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&piece[..count]);
        }
        self
    }

    fn types(mut self, line: &str) -> Window {
        self.keyboard.write_all(format!("{line}\r").as_bytes()).unwrap();
        self
    }

    /// Closes the terminal and waits for the end. Returns the program's exit code.
    fn closes(self, world: &World, leader: Leader) -> String {
        let Window { master, screen, keyboard, mut child } = self;
        drop((keyboard, screen, master));
        let mut status = None;
        comes_true(PATIENCE / 5, || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        let Some(status) = status else {
            child.kill().unwrap();
            return "none: it goes on".to_owned();
        };
        match leader {
            Leader::Program => status.exit_code().to_string(),
            Leader::Shell => std::fs::read_to_string(world.root().join("code")).unwrap().trim().to_owned(),
        }
    }
}

/// The activity during which the terminal is closed: its name, lines typed (each after a mark), and the last mark.
struct Situation {
    name: &'static str,
    shell: fn() -> Shell,
    typed: &'static [(&'static str, &'static str)],
    mark: &'static str,
}

fn dead_line(toward: Toward) -> Shell {
    let stall = Relay::plain().at(toward, 600_000, Fault::Stall);
    Shell::on(Remote::with([Entry::sized("f", 3_000_000)]).over_ssh())
        .here([Entry::sized("g", 3_000_000)])
        .through(stall)
}

fn there_already(lie: &str) -> Shell {
    Shell::on(Remote::with([Entry::sized("f", 300_000)]).lying(lie)).here([Entry::file("f", "old")])
}

const PROMPT: &str = "sftp> ";

const SITUATIONS: &[Situation] = &[
    Situation {
        name: "a get that stalls, with a meter that moves",
        shell: || dead_line(Toward::Client),
        typed: &[(PROMPT, "get f")],
        mark: "stalled",
    },
    Situation {
        name: "a put that stalls",
        shell: || dead_line(Toward::Server),
        typed: &[(PROMPT, "put g")],
        mark: "ETA",
    },
    Situation {
        name: "a batch that stalls",
        shell: || dead_line(Toward::Client).as_batch().types("progress").types("get f"),
        typed: &[],
        mark: "ETA",
    },
    Situation {
        name: "a listing that stalls",
        shell: || there_already("stall-after=2"),
        typed: &[(PROMPT, "ls -l")],
        mark: "stalled",
    },
    Situation {
        name: "a request that stalls",
        shell: || there_already("stall-after=2"),
        typed: &[(PROMPT, "rename f h")],
        mark: "stalled",
    },
    Situation {
        name: "a question about a target",
        shell: || there_already("none"),
        typed: &[(PROMPT, "get --on-conflict ask f")],
        mark: "ename? ",
    },
    Situation { name: "the prompt", shell: || there_already("none"), typed: &[], mark: PROMPT },
    Situation {
        name: "the prompt without an editor",
        shell: || there_already("none").with_args(["--plain"]),
        typed: &[],
        mark: PROMPT,
    },
    Situation {
        name: "a local program",
        shell: || there_already("none"),
        typed: &[(PROMPT, "!trap '' HUP; echo go'es' on; sleep 1000 & wait; kill $!")],
        mark: "goes on",
    },
    Situation {
        name: "a password",
        shell: || Shell::on(Remote::with(["f"]).served_by(Embedded::new().password("secret"))),
        typed: &[],
        mark: "password: ",
    },
];

// difference: hang-up
#[test]
fn when_the_terminal_goes_away_the_process_ends_whatever_it_does() {
    let cases: Vec<_> = SITUATIONS
        .iter()
        .flat_map(|situation| [Leader::Program, Leader::Shell].map(|leader| (situation, leader)))
        .collect();
    none_of(&cases, |&(situation, leader)| {
        let shell = (situation.shell)();
        let mut window = Window::open(&shell, leader);
        for (mark, line) in situation.typed {
            window = window.shows(mark).types(line);
        }
        let code = window.shows(situation.mark).closes(shell.world(), leader);
        // At the prompt, the end of the input may be noticed first.
        let is_right = code == "1" || code == "0" && situation.name.starts_with("the prompt");
        let mut names = std::fs::read_dir(shell.world().local()).unwrap().map(|entry| entry.unwrap().file_name());
        let is_kept =
            !situation.name.starts_with("a get") || names.any(|name| name.to_string_lossy().starts_with(".f."));
        (!is_right || !is_kept).then(|| format!("{}, {leader:?}: code {code}, partial kept: {is_kept}", situation.name))
    });
}
