//! The keys of the line editor that are not rustyline's own.

use rustyline::{
    Cmd, ConditionalEventHandler, EditMode, Editor, Event, EventContext, EventHandler, Helper, InputMode, KeyCode,
    KeyEvent, Modifiers, RepeatCount,
};

use crate::shell::prompt::past::Past;
use crate::shell::prompt::recall::Way;
use crate::shell::prompt::suggestion::first_word;

/// Binds the keys.
pub(super) fn bind(editor: &mut Editor<impl Helper, Past>, past: &Past) {
    let plain = |code| KeyEvent(code, Modifiers::NONE);
    for (key, way) in [
        (plain(KeyCode::Up), Way::Older),
        (KeyEvent::ctrl('P'), Way::Older),
        (plain(KeyCode::Down), Way::Newer),
        (KeyEvent::ctrl('N'), Way::Newer),
    ] {
        set(editor, key, Line { past: past.clone(), way });
    }
    for (key, way) in [('<', Way::Oldest), ('>', Way::Typed)] {
        set(editor, KeyEvent::alt(key), InEmacsMode(Line { past: past.clone(), way }));
    }
    for (letter, way) in [('k', Way::Older), ('j', Way::Newer)] {
        set(editor, KeyEvent::from(letter), InViCommandMode(Line { past: past.clone(), way }));
    }
    for key in [KeyEvent::alt('.'), KeyEvent::alt('_')] {
        set(editor, key, InEmacsMode(LastWord(past.clone())));
    }
    for key in [plain(KeyCode::Right), plain(KeyCode::End), KeyEvent::ctrl('E'), KeyEvent::ctrl('F')] {
        set(editor, key, TakeSuggestion);
    }
    set(editor, KeyEvent::alt('f'), InEmacsMode(TakeWord));
    for modifier in [Modifiers::ALT, Modifiers::CTRL] {
        set(editor, KeyEvent(KeyCode::Right, modifier), TakeWord);
    }
}

/// Binds one key.
pub(super) fn set(
    editor: &mut Editor<impl Helper, Past>,
    key: KeyEvent,
    handler: impl ConditionalEventHandler + 'static,
) {
    editor.bind_sequence(key, EventHandler::Conditional(Box::new(handler)));
}

/// Replaces the line by an earlier one that begins alike.
struct Line {
    past: Past,
    way: Way,
}

impl ConditionalEventHandler for Line {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, line: &EventContext<'_>) -> Option<Cmd> {
        let (before, after) = line.line().split_at_checked(line.pos())?;
        let has_row_that_way = match self.way {
            Way::Older => before.contains('\n'),
            Way::Newer => after.contains('\n'),
            Way::Oldest | Way::Typed => false,
        };
        if has_row_that_way {
            return None;
        }
        Some(if self.past.recall(line.line(), self.way) { Cmd::PreviousHistory } else { Cmd::Noop })
    }
}

/// A key that is a command only in vi's command mode.
struct InViCommandMode<H>(H);

impl<H: ConditionalEventHandler> ConditionalEventHandler for InViCommandMode<H> {
    fn handle(&self, event: &Event, n: RepeatCount, positive: bool, line: &EventContext<'_>) -> Option<Cmd> {
        (line.input_mode() == InputMode::Command).then(|| self.0.handle(event, n, positive, line))?
    }
}

/// A key with Alt, which in vi mode is an Escape and the key.
struct InEmacsMode<H>(H);

impl<H: ConditionalEventHandler> ConditionalEventHandler for InEmacsMode<H> {
    fn handle(&self, event: &Event, n: RepeatCount, positive: bool, line: &EventContext<'_>) -> Option<Cmd> {
        (line.mode() == EditMode::Emacs).then(|| self.0.handle(event, n, positive, line))?
    }
}

/// Puts the last word of an earlier line at the cursor. At the end of the line, each further press takes an older one.
struct LastWord(Past);

impl ConditionalEventHandler for LastWord {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, line: &EventContext<'_>) -> Option<Cmd> {
        let is_at_end = line.pos() == line.line().len();
        let insert = |word| Cmd::Insert(1, word);
        Some(match is_at_end {
            true if self.0.recall_last_word(line.line()) => Cmd::PreviousHistory,
            true => Cmd::Noop,
            false => self.0.newest_word().map_or(Cmd::Noop, insert),
        })
    }
}

/// Takes over the suggestion, if there is one at the cursor. Otherwise the key moves.
struct TakeSuggestion;

impl ConditionalEventHandler for TakeSuggestion {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, line: &EventContext<'_>) -> Option<Cmd> {
        let is_at_end = line.has_hint() && line.pos() == line.line().len();
        is_at_end.then(|| line.hint_text().map_or(Cmd::Noop, |_| Cmd::CompleteHint))
    }
}

/// Takes over the first word of the suggestion.
struct TakeWord;

impl ConditionalEventHandler for TakeWord {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, line: &EventContext<'_>) -> Option<Cmd> {
        let rest = line.hint_text().filter(|_| line.pos() == line.line().len())?;
        Some(Cmd::Insert(1, first_word(rest).to_owned()))
    }
}
