//! The types of arguments, one for each kind of word that a command takes.
//!
//! A word becomes a value of its type before the command runs, so no command meets a value that is invalid.

mod command_name;
mod count;
mod depth;
mod destination;
mod history_part;
mod job;
mod kind;
mod local;
mod mode;
mod moment;
mod name_pattern;
mod operand;
mod owner;
mod queue_word;
mod reader;
mod remote;
mod setting;
mod shell_line;
mod size;
mod text;
mod types;

pub use self::command_name::CommandName;
pub use self::count::Count;
pub use self::depth::Depth;
pub use self::destination::DestinationArg;
pub use self::history_part::HistoryPart;
pub use self::job::JobNumber;
pub use self::kind::ArgumentKind;
pub use self::local::{LocalDir, LocalPathArg};
pub use self::mode::{Mode, Umask};
pub use self::moment::Moment;
pub use self::name_pattern::NamePattern;
pub use self::operand::{GetOperand, PutOperand};
pub use self::owner::{Id, OwnerIds};
pub use self::queue_word::QueueWord;
pub(super) use self::reader::Argument;
pub use self::remote::{RemoteDir, RemotePathArg, RemotePattern};
pub use self::setting::{SettingName, SettingValue};
pub use self::shell_line::ShellLine;
pub use self::size::{Size, SizeRange};
pub use self::text::{ShortName, Text};
pub(super) use self::types::{kinds, written};
