//! How the engine opens files again that the server refused while others were open.

use crate::transfer::engine::Engine;
use crate::transfer::engine::crowd::Refusals;
use crate::transfer::plan::Plan;
use crate::transfer::progress::reporter::Sequence;

impl Engine {
    /// Postpones a file that could not be opened while other files or directories were open.
    pub(super) fn crowd_out(&mut self, sequence: Sequence) {
        self.crowd.end_attempt(sequence);
        let open = self.files.values().filter(|moving| moving.is_open()).count();
        if let Some(moving) = self.files.get_mut(&sequence) {
            moving.refusals = moving.refusals.again(open);
        }
        self.crowd.waiting.insert(sequence);
    }

    /// Learns from a file that was refused beside others and is open now: that many files may be open at once, and no more.
    pub(super) fn learn_from(&mut self, sequence: Sequence) {
        let Some(moving) = self.files.get_mut(&sequence).filter(|moving| moving.is_open()) else { return };
        let (Refusals::Once { beside } | Refusals::Again { beside }) = std::mem::take(&mut moving.refusals) else {
            return;
        };
        self.crowd.end_attempt(sequence);
        self.io.learnt.allows(beside);
        self.io.settings.files = self.io.settings.files.min(beside.max(1));
    }

    /// Opens refused files again, as far as there is room.
    pub(super) fn open_crowded(&mut self) {
        while self.crowd.alone.is_none() {
            let others = self.files.len() - self.crowd.waiting.len();
            let has_room = self.io.learnt.allowed_files().is_some_and(|files| others < files);
            let is_alone = others == 0 && self.io.pool.nothing_is_open();
            let has_to_be_alone = |sequence: &Sequence| {
                self.files.get(sequence).is_some_and(|moving| matches!(moving.refusals, Refusals::Again { .. }))
            };
            let mut waiting = self.crowd.waiting.iter().copied();
            let Some(sequence) = waiting.find(|sequence| is_alone || has_room && !has_to_be_alone(sequence)) else {
                if others == 0 && !self.crowd.waiting.is_empty() {
                    // A walk has directories open.
                    self.plan.iter().for_each(Plan::let_go);
                    self.io.pool.wake_when_nothing_is_open();
                }
                return;
            };
            self.crowd.waiting.remove(&sequence);
            self.crowd.alone = is_alone.then_some(sequence);
            let Some(moving) = self.files.get_mut(&sequence) else { continue };
            self.io.has_others = others > 0;
            let home = moving.home;
            moving.mover_mut().open_again(&mut self.io.on(home));
        }
    }
}
