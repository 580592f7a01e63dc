//! Where a session starts: in the directory that the destination names, or with the one file that it names.

use std::ffi::{OsStr, OsString};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;

use super::end::RunEnd;
use super::performer::{Performer, Verdict};
use crate::cli::{Destination, Invocation, Target};
use crate::commands::{self, Word};
use crate::name::RemotePath;
use crate::terminal::Printable;

impl Performer {
    /// Goes to the directory that the destination names, or fetches the file that it names, which ends the run.
    pub(crate) fn begin_at(&mut self, invocation: &Invocation) -> ControlFlow<RunEnd> {
        let Target::Server(Destination { path: Some(path), .. }) = &invocation.target else {
            return ControlFlow::Continue(());
        };
        let path: &[u8] = if path.is_empty() { b"." } else { path };
        let Ok(path) = RemotePath::new(path) else {
            self.context.output.failure("The destination's path holds a NUL byte");
            return ControlFlow::Break(RunEnd::CommandFailed);
        };
        let absolute = self.context.remote.resolve(&path);
        // Seen from a start directory that does not begin at the root, only the path as it was given leads there.
        let is_plain = self.context.remote.working_directory().begins_with_slash();
        let named = if is_plain { &absolute } else { &path };
        // Commands that are given need a directory to run in, so the path can't be a file to fetch.
        if invocation.commands.is_some() || (invocation.local.is_none() && self.is_directory(&absolute)) {
            return self.enter(named);
        }
        if self.signals.is_interrupted() {
            self.signals.tell_interruption(&self.context.output);
            return ControlFlow::Break(RunEnd::Interrupted);
        }
        let verdict = self.fetch(&path, invocation.local.as_deref());
        ControlFlow::Break(self.ended().unwrap_or(match verdict {
            Verdict::Failed => RunEnd::CommandFailed,
            Verdict::Done | Verdict::End => RunEnd::Done,
        }))
    }

    fn is_directory(&self, path: &RemotePath) -> bool {
        self.context.remote.is_directory(path)
    }

    fn enter(&mut self, directory: &RemotePath) -> ControlFlow<RunEnd> {
        self.context.output.status(format_args!("Changing to: {}", Printable(directory.as_bytes())));
        match self.perform_words(&[Word::literal(b"cd"), Word::literal(b"--"), Word::literal(directory.as_bytes())]) {
            Verdict::Failed => ControlFlow::Break(self.ended().unwrap_or(RunEnd::CommandFailed)),
            Verdict::Done | Verdict::End => ControlFlow::Continue(()),
        }
    }

    /// Wildcards of the destination's path are expanded; nothing else in it is special, and the start directory is taken as it is.
    fn fetch(&mut self, path: &RemotePath, local: Option<&OsStr>) -> Verdict {
        self.lines_follow = false;
        let mut source = Word::default();
        let start = self.context.remote.working_directory();
        if !path.is_absolute() && start.begins_with_slash() {
            source = Word::literal(start.as_bytes());
            source.push_bare(b'/');
        }
        path.as_bytes().iter().for_each(|&byte| source.push_bare(byte));
        let mut words = vec![Word::literal(b"get"), Word::literal(b"--"), source];
        words.extend(local.map(|local| Word::literal(local.as_bytes())));
        self.perform_words(&words)
    }

    /// The command that the command line holds, word by word as the user's shell made them: only wildcards are special.
    /// What a local shell is to read is quoted for it, so that it finds the same words.
    pub(crate) fn perform_given(&mut self, words: &[OsString]) -> RunEnd {
        let line = match words {
            [one] => one.as_bytes().to_vec(),
            [name, rest @ ..] => {
                let quoted = shlex::bytes::try_join(rest.iter().map(|word| word.as_bytes())).unwrap_or_default();
                [name.as_bytes(), b" ", &quoted].concat()
            }
            [] => Vec::new(),
        };
        let bare = words.iter().map(|word| {
            let mut bare = Word::default();
            for (at, &byte) in word.as_bytes().iter().enumerate() {
                // The user's shell has made homes of those that are meant.
                if at == 0 && byte == b'~' { bare.push_protected(byte) } else { bare.push_bare(byte) }
            }
            bare
        });
        let command = commands::parse_raw(&line).unwrap_or_else(|| commands::parse(&bare.collect::<Vec<_>>()));
        let verdict = self.perform_parsed(command);
        self.ended().unwrap_or(if verdict == Verdict::Failed { RunEnd::CommandFailed } else { RunEnd::Done })
    }

    fn perform_words(&mut self, words: &[Word]) -> Verdict {
        self.perform_parsed(commands::parse(words))
    }

    fn perform_parsed(&mut self, command: Result<commands::Command, commands::Failure>) -> Verdict {
        match command {
            Ok(command) => self.perform(command, false),
            Err(failure) => {
                self.show(&failure);
                Verdict::Failed
            }
        }
    }
}
