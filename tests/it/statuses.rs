//! All status codes in reply to all kinds of requests: the command ends with the reason, and the session continues.

use crate::support::{Entry, Outcome, Remote, Shell};

/// All codes of any version of the protocol, and one that is undefined.
const CODES: [u32; 33] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
    31, 1000,
];

/// The target of a command.
#[derive(Clone, Copy)]
enum Thing {
    File,
    /// A directory that contains a file and a link.
    Directory,
    /// A local file that is not on the server.
    Local,
    LocalTree,
    Nothing,
}
use Thing::{Directory, File, Local, LocalTree, Nothing};

/// A request's name and type, the target of a command that sends it, the command, the codes about which it prints
/// nothing, and whether it succeeds even if it prints something.
type Row = (&'static str, u8, Thing, &'static str, &'static [u32], bool);

const ROWS: &[Row] = &[
    ("OPEN", 3, File, "get @", &[], false),
    ("OPEN", 3, Local, "put @", &[], false),
    ("OPEN", 3, Local, "put --atomic @", &[], false),
    ("OPEN", 3, Local, "put --verify @", &[], false),
    ("OPEN", 3, Directory, "get -r @", &[], false),
    ("OPEN", 3, File, "cp @ @copy", &[], false),
    ("CLOSE", 4, Local, "put @", &[0], false),
    ("CLOSE", 4, File, "get @", &CODES, false),
    ("CLOSE", 4, Directory, "ls @", &CODES, false),
    ("READ", 5, File, "get @", &[], false),
    ("READ", 5, Local, "put --verify @", &[], false),
    ("READ", 5, File, "cp @ @copy", &[], false),
    ("WRITE", 6, Local, "put @", &[0], false),
    ("WRITE", 6, Local, "put --atomic @", &[], false),
    ("LSTAT", 7, File, "ls -l @", &[8], false),
    ("LSTAT", 7, File, "get @", &[8], false),
    ("LSTAT", 7, File, "rm @", &CODES, false),
    ("FSTAT", 8, Local, "put --atomic @", &CODES, false),
    ("SETSTAT", 9, File, "chmod 600 @", &[0], false),
    ("SETSTAT", 9, LocalTree, "put -rp @", &[0], true),
    ("FSETSTAT", 10, Local, "put -p @", &[0], true),
    ("FSETSTAT", 10, Local, "put -p --atomic @", &[0], true),
    ("OPENDIR", 11, Directory, "ls @", &[], false),
    ("OPENDIR", 11, Directory, "get -r @", &[], false),
    ("OPENDIR", 11, Directory, "rm -r @", &[], false),
    ("OPENDIR", 11, Directory, "find @", &[], false),
    ("OPENDIR", 11, Directory, "du @", &[], false),
    ("READDIR", 12, Directory, "ls @", &[1], false),
    ("READDIR", 12, Directory, "get -r @", &[1], false),
    ("READDIR", 12, Directory, "rm -r @", &[], false),
    ("READDIR", 12, Directory, "find @", &[1], false),
    ("REMOVE", 13, File, "rm @", &[0], false),
    ("REMOVE", 13, Directory, "rm -r @", &[], false),
    ("MKDIR", 14, Nothing, "mkdir @", &[0], false),
    ("MKDIR", 14, LocalTree, "put -r @", &[], false),
    ("RMDIR", 15, Directory, "rmdir @", &[0], false),
    ("RMDIR", 15, Directory, "rm -r @", &[0], false),
    ("REALPATH", 16, Directory, "cd @", &[], false),
    ("REALPATH", 16, Directory, "get -r @", &[], false),
    ("STAT", 17, Directory, "cd @", &[], false),
    ("STAT", 17, Local, "put -a @", &[], false),
    ("RENAME", 18, File, "rename @ new@", &[0], false),
    ("RENAME", 18, Local, "put --atomic @", &[0], false),
    ("READLINK", 19, Directory, "get -r --links @", &[], false),
    ("SYMLINK", 20, Nothing, "ln -s f @", &[0], false),
];

fn name(code: u32) -> String {
    format!("c{code}")
}

fn here(thing: Thing, name: &str) -> Vec<Entry> {
    match thing {
        Local => vec![Entry::sized(name, 3000)],
        LocalTree => vec![Entry::sized(format!("{name}/f"), 3000)],
        _ => Vec::new(),
    }
}

fn there(thing: Thing, name: &str) -> Vec<Entry> {
    match thing {
        File => vec![Entry::sized(name, 3000)],
        Directory => vec![Entry::sized(format!("{name}/f"), 3000), Entry::link(format!("{name}/l"), "f")],
        _ => Vec::new(),
    }
}

fn world(kind: u8, thing: Thing, codes: &[u32]) -> Shell {
    let far = codes.iter().flat_map(|&code| there(thing, &name(code))).chain([Entry::sized("probe", 1)]);
    let near = codes.iter().flat_map(|&code| here(thing, &name(code)));
    Shell::on(Remote::with(far).lying(&format!("answers-by-name={kind}+plain"))).here(near)
}

/// Returns the lines of stderr about a name, but not those about a longer name with this beginning.
fn about<'a>(run: &'a Outcome, name: &str) -> Vec<&'a str> {
    let names = |line: &&str| {
        line.match_indices(name).any(|(at, _)| !line[at + name.len()..].starts_with(|next: char| next.is_ascii_digit()))
    };
    run.stderr().lines().filter(names).collect()
}

/// Returns the words for a code, or those that a command prints instead.
fn reasons(code: u32) -> Vec<String> {
    let words = [
        "makes no sense",
        "End of file",
        "No such file or directory",
        "Permission denied",
        "Failure",
        "Bad message",
        "No connection",
        "Connection lost",
        "Operation unsupported",
        "Invalid handle",
        "No such path",
        "File already exists",
        "Write protected",
        "No media",
        "No space left on file system",
        "Quota exceeded",
        "Unknown principal",
        "Lock conflict",
        "Directory not empty",
        "Not a directory",
        "Invalid file name",
        "Too many symbolic links",
        "Cannot delete",
        "Invalid parameter",
        "Is a directory",
        "Byte range lock conflict",
        "Byte range lock refused",
        "Delete pending",
        "File corrupt",
        "Owner invalid",
        "Group invalid",
        "No matching byte range lock",
    ];
    let said = words.get(code as usize).map_or_else(|| format!("Unknown status {code}"), |words| (*words).to_owned());
    let instead: &[&str] = match code {
        // The server did nothing, which is discovered later.
        0 => &["it ended at byte 0 of 3000", "Directory not empty", "No such file or directory"],
        1 => &["ended at byte 0", "differs from its source at byte 0", "ends at byte 0 of 3000", "Directory not empty"],
        2 => &["not found", "the remote file doesn't exist yet"],
        _ => &[],
    };
    std::iter::once(said).chain(instead.iter().map(|words| (*words).to_owned())).collect()
}

/// Checks all rows, several in parallel, and fails with all faults that were found.
fn check_rows(check: impl Fn(&Row) -> Vec<String> + Sync) {
    let check = &check;
    let faults: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = ROWS
            .chunks(ROWS.len().div_ceil(4))
            .map(|rows| scope.spawn(|| rows.iter().flat_map(check).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn whatever_a_server_answers_the_command_says_so_and_the_session_goes_on() {
    check_rows(|&(request, kind, thing, line, silent, _)| {
        let run = CODES
            .iter()
            .fold(world(kind, thing, &CODES), |shell, &code| {
                let back = if line.starts_with("cd") { "cd" } else { "" };
                shell.types(&line.replace('@', &name(code))).types(back).types("ls -1 probe")
            })
            .run();
        let probes = run.stdout().lines().filter(|line| *line == "probe").count();
        let ended =
            (probes != CODES.len()).then(|| format!("{request}, {line}: the session ends after {probes} commands"));
        let unsaid = CODES.iter().filter_map(|&code| {
            let said = about(&run, &name(code));
            let is_said = said.iter().any(|line| reasons(code).iter().any(|reason| line.contains(reason)));
            let is_right = if silent.contains(&code) { said.is_empty() } else { is_said };
            (!is_right).then(|| format!("{request}, code {code}, {line}: {said:?}"))
        });
        ended.into_iter().chain(unsaid).collect()
    });
}

#[test]
fn a_command_that_a_server_refuses_fails() {
    check_rows(|&(request, kind, thing, line, silent, succeeds)| {
        let outcomes = [0, 3, 8, 1000].into_iter().filter_map(|code| {
            let run = world(kind, thing, &[code]).as_batch_on_stdin().types(&line.replace('@', &name(code))).run();
            let expected = i32::from(!succeeds && !silent.contains(&code));
            (run.code() != expected).then(|| format!("{request}, code {code}, {line}: exit code {}", run.code()))
        });
        outcomes.collect()
    });
}
