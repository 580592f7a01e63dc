//! How the engine takes answers: each goes to the owner of its request.

use crate::sftp::{self, Reply};
use crate::transfer::connections::io::Turn;
use crate::transfer::connections::pool::ConnectionId;
use crate::transfer::connections::tag::{DirectoryTag, GetTag, LinkTag, PutTag, RemovalTag, Tag, Token};
use crate::transfer::engine::Engine;
use crate::transfer::engine::moving::Way;
use crate::transfer::progress::reporter::Sequence;
use crate::transfer::put::directories::DirectoryState;
use crate::transfer::put::links::{EndedLink, LinkStatus};
use crate::transfer::removal::Moved;

/// The answer to a request.
type Outcome = Result<Reply, sftp::Error>;

impl Engine {
    /// Takes an answer.
    pub(super) fn answer(&mut self, token: &Token, outcome: Outcome) {
        self.io.answered(token, &outcome);
        // A handle that came before the connection was lost, and is taken from the queue after that, is lost with it.
        let lost = self.io.pool.get(token.connection).lost.as_ref();
        let lost = lost.filter(|_| matches!(outcome, Ok(Reply::Handle(_))));
        let outcome = lost.map_or(outcome, |lost| Err(lost.clone()));
        if let Err(error) = &outcome
            && !error.leaves_the_session_alive()
        {
            self.lose_connection(token.connection, error);
            return self.give_back(token.sequence, token.tag);
        }
        self.io.pool.answered();
        match token.tag {
            Tag::Get(tag) => self.answer_download(token, tag, outcome),
            Tag::Put(tag) => self.answer_upload(token, tag, outcome),
            Tag::Directory(tag) => self.answer_directory(token, tag, outcome),
            Tag::Link(tag) => self.answer_link(token, tag, outcome),
            Tag::Removal(tag) => self.answer_removal(token, tag, outcome),
        }
    }

    fn answer_download(&mut self, token: &Token, tag: GetTag, outcome: Outcome) {
        self.note_others(token.sequence);
        let is_opened = tag == GetTag::Open && outcome.is_ok();
        let Some(moving) = self.files.get_mut(&token.sequence) else { return };
        let Way::Get(download) = &mut moving.way else { return };
        let turn = download.answer(&mut self.io.on(token.connection), tag, outcome);
        self.answered_file(token.sequence, is_opened, turn);
    }

    fn answer_upload(&mut self, token: &Token, tag: PutTag, outcome: Outcome) {
        let sequence = token.sequence;
        self.note_others(sequence);
        let is_opened = tag == PutTag::Open && outcome.is_ok();
        // If the file is gone it has failed, and this request was still in flight.
        let Some(moving) = self.files.get_mut(&sequence) else { return };
        let Way::Put { upload, directory } = &mut moving.way else { return };
        if let Some(directory) = directory.as_ref().filter(|directory| !directory.was_begun_again)
            && outcome.is_err()
            && upload.may_lack_its_directory(tag)
        {
            return match self.remote.state(directory.sequence) {
                Some(DirectoryState::Pending) => self.remote.wait_for(directory.sequence, sequence),
                _ => self.begin_again(sequence, token.connection),
            };
        }
        let turn = upload.answer(&mut self.io.on(token.connection), tag, outcome);
        self.answered_file(sequence, is_opened, turn);
    }

    fn answered_file(&mut self, sequence: Sequence, is_opened: bool, turn: Turn) {
        if self.files.get_mut(&sequence).is_some_and(|moving| moving.has_advanced()) {
            self.io.pool.made_progress();
        }
        if is_opened {
            self.learn_from(sequence);
        }
        self.follow(sequence, turn);
    }

    fn answer_directory(&mut self, token: &Token, tag: DirectoryTag, outcome: Outcome) {
        self.io.pool.made_progress();
        for step in self.remote.answer(token.sequence, tag, outcome, &mut self.io.on(token.connection)) {
            self.begin_again(step, token.connection);
        }
    }

    fn answer_link(&mut self, token: &Token, tag: LinkTag, outcome: Outcome) {
        self.io.pool.made_progress();
        let state = self.links.directory(token.sequence).and_then(|directory| self.remote.state(directory));
        let status = self.links.answer(token.sequence, tag, outcome, state, &mut self.io.on(token.connection));
        self.follow_link(token.sequence, token.connection, status);
    }

    fn answer_removal(&mut self, token: &Token, tag: RemovalTag, outcome: Outcome) {
        self.io.pool.made_progress();
        self.removals.answer(token.sequence, tag, outcome, &mut self.io.on(token.connection));
    }

    /// Begins a file or a link again, now that the state of its directory is known.
    fn begin_again(&mut self, sequence: Sequence, connection: ConnectionId) {
        self.note_others(sequence);
        let state = self.links.directory(sequence).and_then(|directory| self.remote.state(directory));
        if let Some(status) = self.links.go_on(sequence, state, &mut self.io.on(connection)) {
            return self.follow_link(sequence, connection, status);
        }
        let Some(moving) = self.files.get_mut(&sequence) else { return };
        let home = moving.home;
        let Way::Put { upload, directory: Some(directory) } = &mut moving.way else { return };
        if self.remote.state(directory.sequence) == Some(DirectoryState::Refused) {
            return self.abandon(sequence);
        }
        // If its connection was lost in the meantime, it may have been opened on another one: a new OPEN would empty it.
        if upload.is_at_its_beginning() {
            directory.was_begun_again = true;
            upload.send_first(&mut self.io.on(home));
        }
    }

    /// Ends a file whose directory can't be made, which was reported.
    fn abandon(&mut self, sequence: Sequence) {
        self.io.reporter.file_left(sequence);
        self.follow(sequence, Turn::Concluded);
    }

    fn follow_link(&mut self, sequence: Sequence, connection: ConnectionId, status: LinkStatus) {
        match status {
            LinkStatus::Waits => {}
            LinkStatus::NeedsDirectory(directory) => self.remote.wait_for(directory, sequence),
            LinkStatus::Ended(EndedLink { directory, made }) => {
                let mut wire = self.io.on(connection);
                if let Some(link) = made {
                    let moved = Moved::SentLink { local: link.local, shown: link.shown };
                    self.removals.begin(sequence, moved, &mut wire);
                }
                wire.io.reporter.conclude(sequence);
                if let Some(directory) = directory {
                    self.remote.release(directory, &mut wire);
                }
            }
        }
    }

    /// Returns a request to its owner after its answer was lost with the connection.
    fn give_back(&mut self, sequence: Sequence, tag: Tag) {
        match (tag, self.files.get_mut(&sequence).map(|moving| &mut moving.way)) {
            (Tag::Get(tag), Some(Way::Get(download))) => download.give_back(tag),
            (Tag::Put(tag), Some(Way::Put { upload, .. })) => {
                // Its home may be alive, but it has to be opened again.
                if upload.give_back(tag) {
                    self.disconnected.insert(sequence);
                }
            }
            // The file has failed already.
            (Tag::Get(_) | Tag::Put(_), _) => return,
            (tag, _) => return self.unanswered.push((sequence, tag)),
        }
        // The request may go out on another connection of the file.
        self.follow(sequence, Turn::MayAsk);
    }
}
