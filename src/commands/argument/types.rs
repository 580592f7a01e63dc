//! The list of argument types, which maps an operand of a clap definition to its kinds.

use std::any::TypeId;

use clap::builder::ValueParserFactory;

use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::{Argument, Reader};
use crate::commands::argument::{
    CommandName, Count, Depth, DestinationArg, GetOperand, HistoryPart, Id, JobNumber, LocalDir, LocalPathArg, Mode,
    Moment, NamePattern, OwnerIds, PutOperand, QueueWord, RemoteDir, RemotePathArg, RemotePattern, SettingName,
    SettingValue, ShellLine, ShortName, Size, SizeRange, Text, Umask,
};

macro_rules! argument_types {
    ($($type:ident),* $(,)?) => {
        $(impl ValueParserFactory for $type {
            type Parser = Reader<$type>;

            fn value_parser() -> Reader<$type> {
                Reader::default()
            }
        })*

        /// Returns the kinds for the word number `index` of an argument, counted from 0. Empty for an argument of
        /// another type.
        pub(in super::super) fn kinds(argument: &clap::Arg, index: usize) -> &'static [ArgumentKind] {
            let type_id = argument.get_value_parser().type_id();
            $(if type_id == TypeId::of::<$type>() {
                return if index == 0 { $type::KINDS } else { $type::FURTHER_KINDS };
            })*
            &[]
        }

        /// Returns the operand as help writes it, if not by its name.
        pub(in super::super) fn written(argument: &clap::Arg) -> Option<&'static str> {
            let type_id = argument.get_value_parser().type_id();
            $(if type_id == TypeId::of::<$type>() {
                return $type::WRITTEN;
            })*
            None
        }
    };
}

argument_types! {
    CommandName, Count, Depth, DestinationArg, GetOperand, HistoryPart, Id, JobNumber, LocalDir, LocalPathArg, Mode, Moment, NamePattern, OwnerIds, PutOperand, QueueWord, RemoteDir,
    RemotePathArg, RemotePattern, SettingName, SettingValue, ShellLine, ShortName, Size, SizeRange, Text, Umask,
}
