//! The reading of a typed argument from a word, through clap.

use std::ffi::OsStr;
use std::marker::PhantomData;

use clap::builder::TypedValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;

/// A type that is read from a word.
pub trait Argument: Clone + Send + Sync + 'static {
    /// The operand as help writes it, if not by its name.
    const WRITTEN: Option<&'static str> = None;

    /// The kinds of candidates that complete the word, the likeliest first. Empty if there is no completion.
    const KINDS: &'static [ArgumentKind] = &[];

    /// The kinds for the words after the first one, if an operand takes several.
    const FURTHER_KINDS: &'static [ArgumentKind] = Self::KINDS;

    /// Reads the word.
    ///
    /// # Errors
    /// The reason why the word is invalid, as text for the user.
    fn read(word: &Word) -> Result<Self, String>;
}

/// Lets clap parse words as arguments of a type.
#[derive(Clone)]
pub struct Reader<T>(PhantomData<fn() -> T>);

impl<T> Default for Reader<T> {
    fn default() -> Reader<T> {
        Reader(PhantomData)
    }
}

impl<T: Argument> TypedValueParser for Reader<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        T::read(&Word::from_argument(value)).map_err(|why| {
            let mut error = clap::Error::new(ErrorKind::ValueValidation).with_cmd(command);
            let id = argument.map(|argument| argument.get_id().to_string()).unwrap_or_default();
            error.insert(ContextKind::InvalidArg, ContextValue::String(id));
            error.insert(ContextKind::InvalidValue, ContextValue::String(value.to_string_lossy().into_owned()));
            error.insert(ContextKind::Custom, ContextValue::String(why));
            error
        })
    }
}
