//! `alias` and `unalias`: short names for command lines.

use crate::commands::{Context, Example, Failure, Outcome, Purpose, Run, ShortName, Text};
use crate::terminal::Printable;

/// Show or define a short name for a command line
///
/// Without a line, print the named alias, or all. What follows the name in a later line is added to the alias. An alias
/// lasts until the end of the session, or is saved in the configuration file.
#[derive(Clone, Debug, clap::Args)]
pub struct Alias {
    /// Save it in the configuration file
    #[arg(long)]
    save: bool,
    /// The name [default: show all]
    #[arg(value_name = "name")]
    name: Option<ShortName>,
    /// The command line, in quotes if it contains some
    #[arg(value_name = "line")]
    line: Vec<Text>,
}

impl Run for Alias {
    const NEEDS_SERVER: bool = false;

    const EXAMPLES: &'static [Example] = &[
        Example { line: "alias ll 'ls -l'", does: "let ll stand for ls -l" },
        Example { line: "alias --save up 'cd ..'", does: "define up for later sessions too" },
    ];

    fn purpose(&self) -> Purpose {
        Purpose::LocalEffect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let line = self.line.into_iter().map(|Text(word)| word).collect::<Vec<_>>().join(" ");
        match self.name {
            Some(ShortName(name)) if !line.is_empty() => cx.configuration.set_alias(&name, Some(&line), self.save)?,
            Some(ShortName(name)) => {
                let line = cx.configuration.aliases.get(&name).ok_or_else(|| unknown(&name))?;
                cx.output.answer(Printable(line.as_bytes()));
            }
            None => {
                for (name, line) in &cx.configuration.aliases {
                    cx.output.answer(format_args!("{name} = {}", Printable(line.as_bytes())));
                }
            }
        }
        Ok(Outcome::Done)
    }
}

/// Remove a short name for a command line
#[derive(Clone, Debug, clap::Args)]
pub struct Unalias {
    /// Remove it from the configuration file too
    #[arg(long)]
    save: bool,
    /// The name
    #[arg(value_name = "name", required = true)]
    name: ShortName,
}

impl Run for Unalias {
    const NEEDS_SERVER: bool = false;

    const REQUIRED_PHRASE: &'static str = "the name of an alias";

    const EXAMPLES: &'static [Example] = &[Example { line: "unalias ll", does: "forget what ll stands for" }];

    fn purpose(&self) -> Purpose {
        Purpose::LocalEffect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let ShortName(name) = self.name;
        if !cx.configuration.aliases.contains_key(&name) {
            return Err(unknown(&name));
        }
        cx.configuration.set_alias(&name, None, self.save)?;
        Ok(Outcome::Done)
    }
}

fn unknown(name: &str) -> Failure {
    Failure::new(format!("There is no alias \"{name}\"")).with_hint("alias lists them")
}
