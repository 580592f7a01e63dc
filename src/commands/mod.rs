//! The commands: arguments, help and execution of each, one file per command.
//!
//! The shell splits a line into [`Word`]s, [`parse()`]s them into a [`Command`], and runs it on the [`Context`]. A
//! command reads no line, prints only through the context's output, and never ends the process; requests to the shell
//! are in its returned [`Outcome`]. A new command needs its file, its tests and one line in the list below, from
//! which the command enum, dispatch, help and completion are made.

mod argument;
mod colors;
mod command_names;
mod configuration;
mod context;
mod extent;
mod failure;
mod filters;
pub mod find;
mod find_conditions;
mod follow;
mod gzip;
mod home;
mod job_request;
mod local;
mod local_programs;
mod long_name;
mod ls_print;
mod ls_rows;
mod matches;
mod next_word;
mod opened;
mod operands;
mod pager;
mod parse;
mod pipelined;
mod prompt_template;
mod record;
mod roles;
mod row;
mod run;
mod set_attributes;
mod setting;
mod signature;
#[cfg(test)]
mod testing;
mod transfer_flags;
pub mod word;

pub mod alias;
pub mod bg;
pub mod bookmark;
pub mod bye;
pub mod cat;
pub mod cd;
pub mod chmod;
pub mod chown;
pub mod close;
pub mod cmp;
pub mod cp;
pub mod df;
pub mod diff;
pub mod du;
pub mod edit;
pub mod fg;
pub mod get;
pub mod head;
pub mod help;
pub mod history;
pub mod jobs;
pub mod kill;
pub mod lcd;
pub mod less;
pub mod ln;
pub mod ls;
pub mod lumask;
pub mod mkdir;
pub mod mv;
pub mod open;
pub mod pause;
pub mod progress;
pub mod put;
pub mod queue;
pub mod reconnect;
pub mod rename;
pub mod rm;
pub mod rmdir;
pub mod set;
pub mod shell_escape;
mod sides;
pub mod stat;
mod streams;
pub mod sum;
pub mod tail;
pub mod touch;
pub mod tree;
pub mod unset;
pub mod version;
pub mod wait;
pub mod wc;
pub mod zcat;
pub mod zless;

pub use argument::{
    ArgumentKind, CommandName, Count, Depth, DestinationArg, GetOperand, HistoryPart, Id, JobNumber, LocalDir,
    LocalPathArg, Mode, Moment, NamePattern, OwnerIds, PutOperand, QueueWord, RemoteDir, RemotePathArg, RemotePattern,
    SettingName, SettingValue, ShellLine, ShortName, Size, SizeRange, Text, Umask,
};
pub use command_names::{find, names};
pub use configuration::{Configuration, Fault, Given};
pub use context::{Context, Editing, Origin, SessionSettings, Sizes};
pub use failure::Failure;
pub use job_request::JobRequest;
pub use local::LocalDirectory;
pub use local_programs::LocalPrograms;
pub use next_word::NextWord;
pub use parse::{parse, parse_raw, shell_part};
pub use prompt_template::{InvalidPrompt, PromptFact, PromptPart, PromptTemplate};
pub use roles::Role;
pub use run::{Example, Outcome, Purpose, Run};
pub use setting::Setting;
pub use signature::{Flag, Signature};
pub use word::{Quoting, Word};

use failure::is_bare_failure;
use pipelined::{each, in_order};

signature::commands! {
    alias::Alias: "alias";
    bg::Bg: "bg", "resume";
    bookmark::Bookmark: "bookmark";
    bye::Bye: "bye", "exit", "quit";
    cat::Cat: "cat";
    cd::Cd: "cd", "chdir";
    chown::Chgrp: "chgrp";
    chmod::Chmod: "chmod";
    chown::Chown: "chown";
    close::Close: "close";
    cmp::Cmp: "cmp";
    cp::Cp: "cp", "copy";
    df::Df: "df";
    diff::Diff: "diff";
    du::Du: "du";
    edit::Edit: "edit";
    fg::Fg: "fg";
    find::Find: "find";
    get::Get: "get", "mget";
    head::Head: "head";
    help::Help: "help", "?";
    history::History: "history";
    jobs::Jobs: "jobs";
    kill::Kill: "kill";
    lcd::Lcd: "lcd", "lchdir";
    less::Less: "less", "more";
    shell_escape::Lls: "lls";
    lcd::Lmkdir: "lmkdir";
    ln::Ln: "ln";
    lcd::Lpwd: "lpwd";
    ls::Ls: "ls", "dir";
    lumask::Lumask: "lumask";
    mkdir::Mkdir: "mkdir";
    mv::Mv: "mv";
    open::Open: "open";
    pause::Pause: "pause";
    progress::Progress: "progress";
    put::Put: "put", "mput";
    cd::Pwd: "pwd";
    reconnect::Reconnect: "reconnect";
    queue::Queue: "queue";
    get::Reget: "reget";
    rename::Rename: "rename";
    put::Reput: "reput";
    rm::Rm: "rm";
    rmdir::Rmdir: "rmdir";
    set::Set: "set";
    stat::Stat: "stat";
    sum::Sum: "sum";
    ln::Symlink: "symlink";
    tail::Tail: "tail";
    touch::Touch: "touch";
    tree::Tree: "tree";
    alias::Unalias: "unalias";
    unset::Unset: "unset";
    version::Version: "version";
    wait::Wait: "wait";
    wc::Wc: "wc";
    zcat::Zcat: "zcat";
    zless::Zless: "zless";
    shell_escape::Escape: "!";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::words;

    /// The messages of sftp(1) for invalid lines.
    #[test]
    fn lines_that_make_no_command_are_refused_in_sftps_words() {
        for (line, message) in [
            ("get", "You must specify at least one path after a get command."),
            ("reput", "You must specify at least one path after a reput command."),
            ("rename a", "You must specify two paths after a rename command."),
            ("ln", "You must specify two paths after a ln command."),
            ("symlink a", "You must specify two paths after a symlink command."),
            ("cp", "You must specify two paths after a cp command."),
            ("copy a", "You must specify two paths after a copy command."),
            ("rm", "You must specify a path after a rm command."),
            ("mkdir", "You must specify a path after a mkdir command."),
            ("rmdir", "You must specify a path after a rmdir command."),
            ("lmkdir", "You must specify a path after a lmkdir command."),
            ("chmod", "You must supply a numeric argument to the chmod command."),
            ("chmod 644", "You must specify a path after a chmod command."),
            ("chmod 8 a", "You must supply a numeric argument to the chmod command."),
            ("chown 09 a", "You must supply a numeric argument to the chown command."),
            ("chown 12", "You must specify a path after a chown command."),
            ("chgrp 99999999999 a", "You must supply a numeric argument to the chgrp command."),
            ("lumask", "You must supply a numeric argument to the lumask command."),
            ("lumask 9", "You must supply a numeric argument to the lumask command."),
            ("ls -z", "ls: Invalid flag -z"),
            ("rm -z a", "rm: Invalid flag -z"),
            ("cd -z", "cd: Invalid flag -z"),
            ("bye -x", "bye: Invalid flag -x"),
            ("ls --colour", "ls: Invalid flag --colour"),
            ("foo", "Invalid command. There is no \"foo\"."),
        ] {
            let failure = parse(&words(line)).unwrap_err();
            assert_eq!(failure.lines()[0], message, "{line}");
        }
    }

    /// A line of each command, and its purpose.
    const PURPOSES: &[(&str, Purpose)] = &[
        ("alias", Purpose::LocalEffect),
        ("bookmark", Purpose::LocalEffect),
        ("unalias a", Purpose::LocalEffect),
        ("unset limit", Purpose::LocalEffect),
        ("bg", Purpose::Effect),
        ("bye", Purpose::LocalEffect),
        ("cat a", Purpose::Output),
        ("cd a", Purpose::LocalEffect),
        ("chgrp 1 a", Purpose::Effect),
        ("chmod 600 a", Purpose::Effect),
        ("chown 1 a", Purpose::Effect),
        ("close", Purpose::Effect),
        ("cmp a b", Purpose::Output),
        ("cp a b", Purpose::Effect),
        ("df", Purpose::Output),
        ("diff a b", Purpose::Output),
        ("du", Purpose::Output),
        ("edit a", Purpose::Effect),
        ("fg", Purpose::Effect),
        ("find", Purpose::Output),
        ("get a", Purpose::LocalEffect),
        ("get -n a", Purpose::Output),
        ("head a", Purpose::Output),
        ("help", Purpose::Output),
        ("get --help", Purpose::Output),
        ("history", Purpose::Output),
        ("history clear", Purpose::LocalEffect),
        ("jobs", Purpose::Output),
        ("kill 1", Purpose::Effect),
        ("lcd a", Purpose::LocalEffect),
        ("less a", Purpose::Output),
        ("lls", Purpose::Output),
        ("lmkdir a", Purpose::LocalEffect),
        ("ln a b", Purpose::Effect),
        ("lpwd", Purpose::Output),
        ("ls", Purpose::Output),
        ("lumask 22", Purpose::LocalEffect),
        ("mkdir a", Purpose::Effect),
        ("mv a b", Purpose::Effect),
        ("open a", Purpose::Effect),
        ("pause", Purpose::Effect),
        ("progress", Purpose::LocalEffect),
        ("put a", Purpose::Effect),
        ("put --dry-run a", Purpose::Output),
        ("pwd", Purpose::Output),
        ("reconnect", Purpose::Effect),
        ("queue", Purpose::Output),
        ("queue get a", Purpose::Effect),
        ("reget a", Purpose::LocalEffect),
        ("reget -n a", Purpose::Output),
        ("rename a b", Purpose::Effect),
        ("reput a", Purpose::Effect),
        ("reput -n a", Purpose::Output),
        ("rm a", Purpose::Effect),
        ("rm -r a", Purpose::Effect),
        ("rmdir a", Purpose::Effect),
        ("set", Purpose::LocalEffect),
        ("sum a", Purpose::Output),
        ("symlink a b", Purpose::Effect),
        ("stat a", Purpose::Output),
        ("tail a", Purpose::Output),
        ("touch a", Purpose::Effect),
        ("tree", Purpose::Output),
        ("version", Purpose::Output),
        ("wait", Purpose::Effect),
        ("wc a", Purpose::Output),
        ("zcat a", Purpose::Output),
        ("zless a", Purpose::Output),
        ("!", Purpose::Effect),
        ("!ls", Purpose::Effect),
        ("?", Purpose::Output),
    ];

    #[test]
    fn each_command_says_whether_it_only_prints() {
        let mut left: Vec<&str> = COMMANDS.iter().map(Signature::name).collect();
        for &(line, purpose) in PURPOSES {
            let command = parse_raw(line.as_bytes()).unwrap_or_else(|| parse(&words(line)));
            assert_eq!(command.unwrap().purpose(), purpose, "{line}");
            let name = line.split_whitespace().next().unwrap_or_default();
            left.retain(|own| !name.starts_with('!') && *own != name || name.starts_with('!') && *own != "!");
        }
        assert!(left.is_empty(), "no line of {left:?}");
    }
}
