//! How the engine treats its connections: new ones, lost ones, and files that move from one to another.

use crate::sftp::{self, Session};
use crate::transfer::connections::io::Turn;
use crate::transfer::connections::pool::{ConnectionId, MoreChannels, Newcomer, is_narrowing};
use crate::transfer::connections::tag::Tag;
use crate::transfer::engine::Engine;
use crate::transfer::event::Note;
use crate::transfer::progress::reporter::Sequence;

impl Engine {
    /// Handles the connections that have ended or arrived.
    pub(super) fn look_after_connections(&mut self) {
        while let Some((connection, error)) = self.io.pool.ended_unnoticed() {
            self.lose_connection(connection, &error);
        }
        while let Some(newcomer) = self.io.pool.newcomer() {
            match newcomer {
                Newcomer::Connection(session) => {
                    let was_lost = self.io.pool.idlest().is_none();
                    self.io.pool.welcome(session);
                    if was_lost {
                        self.io.reporter.interject(Note::Reconnected);
                    }
                }
                Newcomer::Narrower(session) => {
                    self.io.pool.welcome(session);
                }
                Newcomer::Channel(opened) => self.take_channel(opened),
                Newcomer::Attempt(attempt) => self.io.reporter.interject(Note::Reconnecting(attempt)),
                Newcomer::None(reason) => self.do_without(reason),
            }
        }
    }

    /// Opens further channels if the window of a channel limits the job.
    pub(super) fn open_channels(&mut self) {
        if !self.io.learnt.may_open_channels() {
            return;
        }
        if let Some(MoreChannels { count, round_trip }) = self.io.pool.open_channels()
            && self.io.pool.tells_of_channels()
        {
            self.io.reporter.interject(Note::MoreChannels { count, round_trip });
        }
    }

    /// Takes a further channel. A server that refuses one is not asked again in the user's session.
    fn take_channel(&mut self, opened: Result<Session, sftp::Error>) {
        let error = match opened {
            Ok(session) => match session.end() {
                None => {
                    self.io.pool.welcome(session);
                    return;
                }
                Some(end) => end,
            },
            Err(error) => error,
        };
        let is_first = self.io.learnt.may_open_channels();
        if self.io.pool.has_working() {
            self.io.learnt.refuses_channels();
        }
        if is_first && self.io.pool.tells_of_channels() {
            self.io.reporter.interject(Note::NoMoreChannels(error.to_string()));
        }
    }

    /// Continues with the connections that are left after an attempt to connect has failed, or ends the job.
    fn do_without(&mut self, reason: Option<String>) {
        if self.io.pool.idlest().is_some() {
            // One refusal is reported once.
            let reason = reason.or_else(|| self.io.pool.unsaid_refusal());
            return reason.into_iter().for_each(|reason| self.io.reporter.interject(Note::FewerConnections(reason)));
        }
        if !self.io.pool.expects() {
            self.io.pool.give_up();
            let reason = reason.unwrap_or_else(|| String::from("could not reconnect"));
            self.lose(sftp::Error::ConnectionLost(reason));
        }
    }

    /// Removes a lost connection. The answers to its requests come back as lost. The files continue on another
    /// connection, now or later.
    pub(super) fn lose_connection(&mut self, connection: ConnectionId, error: &sftp::Error) {
        if self.io.pool.get(connection).lost.is_some() {
            return;
        }
        if let Err(error) = self.io.pool.lose(connection, error) {
            return self.lose(error);
        }
        let session = self.io.pool.get(connection).session.clone();
        if is_narrowing(&session, error) {
            let most = session.width().most(true);
            self.io.reporter.interject(Note::Narrowed { reason: error.clone(), most });
        } else if self.io.pool.has_working() {
            let note = if session.is_further() { Note::FewerChannels } else { Note::FewerConnections };
            self.io.reporter.interject(note(error.to_string()));
        }
        for (&sequence, moving) in &mut self.files {
            moving.spread.retain(|&other| other != connection);
            moving.mover_mut().lose(connection);
            if moving.home == connection {
                // It is opened again in any case.
                self.crowd.remove(sequence);
                self.disconnected.insert(sequence);
            }
        }
    }

    /// Gives files that lost their connection another one, once all answers of the lost one are known to be lost.
    pub(super) fn move_disconnected_files(&mut self) {
        self.ask_again();
        let disconnected: Vec<Sequence> = self.disconnected.iter().copied().collect();
        for sequence in disconnected {
            let Some(home) = self.io.pool.idlest() else { return };
            self.note_others(sequence);
            let Some(moving) = self.files.get_mut(&sequence) else {
                self.disconnected.remove(&sequence);
                continue;
            };
            let before = self.io.pool.get(moving.home);
            if before.lost.is_some() && before.outstanding > 0 {
                continue;
            }
            self.disconnected.remove(&sequence);
            self.io.pool.get_mut(moving.home).files -= 1;
            // A file that is open on another connection has its home there now.
            let home = moving.open_connections().next().unwrap_or(home);
            moving.home = home;
            moving.spread.retain(|&other| other != home);
            self.io.pool.get_mut(home).files += 1;
            let turn = match moving.is_open() {
                true => Turn::MayAsk,
                false => moving.mover_mut().resume(&mut self.io.on(home)),
            };
            self.follow(sequence, turn);
        }
    }

    /// Sends lost requests again that belong to no file, such as MKDIR: before those of the files that need them.
    fn ask_again(&mut self) {
        let Some(connection) = self.io.pool.idlest() else { return };
        let mut wire = self.io.on(connection);
        for (sequence, tag) in std::mem::take(&mut self.unanswered) {
            match tag {
                Tag::Directory(tag) => self.remote.ask_again(sequence, tag, &mut wire),
                Tag::Link(tag) => self.links.ask_again(sequence, tag, &mut wire),
                Tag::Removal(tag) => self.removals.ask_again(sequence, tag, &mut wire),
                // Their files take them back at once.
                Tag::Get(_) | Tag::Put(_) => {}
            }
        }
    }
}
