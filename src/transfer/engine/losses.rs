//! What the engine does about its connections: those that come, those that are lost, and files that change over.

use crate::sftp;
use crate::transfer::connections::io::{Asked, Turn};
use crate::transfer::connections::pool::{LineId, Newcomer, is_narrowing};
use crate::transfer::engine::{Engine, Way};
use crate::transfer::event::Note;
use crate::transfer::progress::reporter::Sequence;

impl Engine {
    /// Looks at what has become of connections.
    pub(crate) fn look_after_lines(&mut self) {
        while let Some((line, error)) = self.io.lines.ended_unnoticed() {
            self.lose_line(line, &error);
        }
        while let Some(newcomer) = self.io.lines.newcomer() {
            match newcomer {
                Newcomer::Line(session) => {
                    let was_lost = self.io.lines.idlest().is_none();
                    self.io.lines.welcome(session);
                    if was_lost {
                        self.io.reporter.interject(Note::Reconnected);
                    }
                }
                Newcomer::Narrower(session) => {
                    self.io.lines.welcome(session);
                }
                Newcomer::Attempt(attempt, attempts) => {
                    self.io.reporter.interject(Note::Reconnecting { attempt, attempts });
                }
                Newcomer::None(reason) => self.do_without(reason),
            }
        }
    }

    /// An attempt to connect has failed.
    pub(crate) fn do_without(&mut self, reason: Option<String>) {
        if self.io.lines.idlest().is_some() {
            // What was said once is not said again.
            let reason = reason.or_else(|| self.io.lines.unsaid_refusal());
            return reason.into_iter().for_each(|reason| self.io.reporter.interject(Note::FewerConnections(reason)));
        }
        if !self.io.lines.expects() {
            self.io.lines.give_up();
            self.lose(sftp::Error::ConnectionLost(
                reason.unwrap_or_else(|| String::from("it could not be made again")),
            ));
        }
    }

    /// A connection was lost. What it had in flight comes back as lost, and goes on elsewhere or later.
    pub(crate) fn lose_line(&mut self, line: LineId, error: &sftp::Error) {
        if self.io.lines.get(line).lost.is_some() {
            return;
        }
        if let Err(error) = self.io.lines.lose(line, error) {
            return self.lose(error);
        }
        let session = self.io.lines.get(line).session.clone();
        if is_narrowing(&session, error) {
            let most = session.width().most(true);
            self.io.reporter.interject(Note::Narrowed { reason: error.clone(), most });
        } else if self.io.lines.idlest().is_some() {
            self.io.reporter.interject(Note::FewerConnections(error.to_string()));
        }
        for (&sequence, moving) in &mut self.files {
            moving.spread.retain(|&other| other != line);
            if moving.home == line {
                // It is opened anew in any case.
                self.crowded.remove(&sequence);
                self.alone.take_if(|alone| *alone == sequence);
            }
            match &mut moving.file {
                Way::Get(download) => download.lose(line),
                Way::Put { upload, .. } => upload.lose(line),
            }
            if moving.home == line {
                self.homeless.insert(sequence);
            }
        }
    }

    /// Gives files that lost their connection another one, once every answer of the lost one is known to be lost.
    pub(crate) fn settle(&mut self) {
        self.ask_again();
        let homeless: Vec<Sequence> = self.homeless.iter().copied().collect();
        for sequence in homeless {
            let Some(home) = self.io.lines.idlest() else { return };
            self.note_others(sequence);
            let Some(moving) = self.files.get_mut(&sequence) else {
                self.homeless.remove(&sequence);
                continue;
            };
            let before = self.io.lines.get(moving.home);
            if before.lost.is_some() && before.outstanding > 0 {
                continue;
            }
            self.homeless.remove(&sequence);
            self.io.lines.get_mut(moving.home).files -= 1;
            // One that is open elsewhere too lives there.
            let home = moving.lines().next().unwrap_or(home);
            moving.home = home;
            moving.spread.retain(|&line| line != home);
            self.io.lines.get_mut(home).files += 1;
            if moving.is_open() {
                self.follow(sequence, Turn::MayAsk);
                continue;
            }
            self.io.line = home;
            let turn = match &mut moving.file {
                Way::Get(download) => {
                    download.go_on(&mut self.io);
                    Turn::Waits
                }
                Way::Put { upload, .. } => upload.go_on(&mut self.io),
            };
            self.follow(sequence, turn);
        }
    }

    /// Requests that belong to no file, such as MKDIR, are sent once more; before those for the files that need them.
    fn ask_again(&mut self) {
        let Some(line) = self.io.lines.idlest() else { return };
        self.io.line = line;
        for (sequence, asked) in std::mem::take(&mut self.unanswered) {
            let is_known = self.links.ask_again(sequence, asked, &mut self.io)
                || self.removals.ask_again(sequence, asked, &mut self.io);
            if !is_known {
                self.remote.ask_again(sequence, asked, &mut self.io);
            }
        }
    }

    /// An answer was lost with its connection.
    pub(crate) fn give_back(&mut self, sequence: Sequence, asked: Asked) {
        match self.files.get_mut(&sequence).map(|moving| &mut moving.file) {
            Some(Way::Get(download)) => download.give_back(asked),
            Some(Way::Put { upload, .. }) => upload.give_back(asked),
            None => return self.unanswered.push((sequence, asked)),
        }
        // What is given back may be asked for where else the file is open.
        self.follow(sequence, Turn::MayAsk);
    }
}
