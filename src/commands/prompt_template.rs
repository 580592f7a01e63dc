//! The text of the prompt, with placeholders for facts about the session.

/// The text of the prompt: a default, a longer one, or the user's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptTemplate(Vec<PromptPart>);

/// A part of the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptPart {
    /// Text that stays as it is.
    Text(String),
    /// A placeholder.
    Fact(PromptFact),
}

/// A fact that the prompt may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptFact {
    /// The host, as the user named it.
    Host,
    /// The user who is logged in.
    User,
    /// The working directory on the server.
    RemoteDirectory,
    /// The local working directory.
    LocalDirectory,
    /// 0 if the last command succeeded, otherwise 1.
    Status,
    /// The number of transfers in the background.
    Jobs,
}

/// Why a text can't be a prompt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrompt {
    /// It is empty.
    #[error("a prompt can't be empty")]
    Empty,
    /// It contains a control character, whose width is unknown.
    #[error("a prompt can't contain control characters")]
    ControlCharacter,
    /// It contains an unknown placeholder.
    #[error("there is no {{{0}}}, only {known}; write {{{{ for a brace", known = PromptFact::known())]
    NoSuchFact(String),
    /// A placeholder has no end.
    #[error("a }} is missing; write {{{{ for a brace")]
    Open,
}

/// Prompts with a name, as templates.
const NAMED: [(&str, &str); 2] = [("default", "sftp> "), ("full", "sftp {host}:{rdir}> ")];

impl PromptFact {
    const ALL: [PromptFact; 6] = [
        PromptFact::Host,
        PromptFact::User,
        PromptFact::RemoteDirectory,
        PromptFact::LocalDirectory,
        PromptFact::Status,
        PromptFact::Jobs,
    ];

    fn name(self) -> &'static str {
        match self {
            PromptFact::Host => "host",
            PromptFact::User => "user",
            PromptFact::RemoteDirectory => "rdir",
            PromptFact::LocalDirectory => "ldir",
            PromptFact::Status => "status",
            PromptFact::Jobs => "jobs",
        }
    }

    /// Returns all placeholders, as they are written.
    pub(super) fn known() -> String {
        PromptFact::ALL.map(|fact| format!("{{{}}}", fact.name())).join(", ")
    }
}

impl Default for PromptTemplate {
    fn default() -> PromptTemplate {
        PromptTemplate(vec![PromptPart::Text(NAMED[0].1.to_owned())])
    }
}

impl PromptTemplate {
    /// Returns the prompt with this name, in any case, or with this text.
    ///
    /// # Errors
    /// [`InvalidPrompt`] gives the reason why the text can't be a prompt.
    pub fn read(value: &str) -> Result<PromptTemplate, InvalidPrompt> {
        let named = NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(value));
        let mut rest = named.map_or(value, |(_, template)| template);
        if rest.is_empty() {
            return Err(InvalidPrompt::Empty);
        }
        if rest.contains(char::is_control) {
            return Err(InvalidPrompt::ControlCharacter);
        }
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let part;
            (part, rest) = next_part(rest)?;
            match (parts.last_mut(), part) {
                (Some(PromptPart::Text(before)), PromptPart::Text(text)) => before.push_str(&text),
                (_, part) => parts.push(part),
            }
        }
        Ok(PromptTemplate(parts))
    }

    /// Returns the names of prompts.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name)
    }

    /// Returns the parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[PromptPart] {
        &self.0
    }

    /// Returns the value that [`PromptTemplate::read`] takes: the name, or the text if it has none.
    pub(super) fn value(&self) -> String {
        let text: String = self.0.iter().map(PromptPart::written).collect();
        NAMED.iter().find(|(_, template)| *template == text).map_or(text, |(name, _)| (*name).to_owned())
    }
}

impl PromptPart {
    fn written(&self) -> String {
        match self {
            PromptPart::Text(text) => text.replace('{', "{{"),
            PromptPart::Fact(fact) => format!("{{{}}}", fact.name()),
        }
    }
}

/// Reads the first part of a text that is not empty. Returns it with the rest.
fn next_part(text: &str) -> Result<(PromptPart, &str), InvalidPrompt> {
    if let Some(rest) = text.strip_prefix("{{") {
        return Ok((PromptPart::Text("{".to_owned()), rest));
    }
    let Some(placeholder) = text.strip_prefix('{') else {
        let (text, rest) = text.split_at(text.find('{').unwrap_or(text.len()));
        return Ok((PromptPart::Text(text.to_owned()), rest));
    };
    let (name, rest) = placeholder.split_once('}').ok_or(InvalidPrompt::Open)?;
    let fact = PromptFact::ALL.into_iter().find(|fact| fact.name() == name);
    let fact = fact.ok_or_else(|| InvalidPrompt::NoSuchFact(name.to_owned()))?;
    Ok((PromptPart::Fact(fact), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_shown_as_it_can_be_set() {
        for (value, shown) in [
            ("default", "default"),
            ("FULL", "full"),
            ("sftp> ", "default"),
            ("{user}@{host} {status}{ldir}}> ", "{user}@{host} {status}{ldir}}> "),
            ("{{rdir}> ", "{{rdir}> "),
        ] {
            let template = PromptTemplate::read(value).unwrap();
            assert_eq!(template.value(), shown, "{value}");
            assert_eq!(PromptTemplate::read(shown).unwrap(), template, "{value}");
        }
        assert_eq!(PromptTemplate::read("default").unwrap(), PromptTemplate::default());
        assert_eq!(PromptTemplate::read("a{{b").unwrap().parts(), [PromptPart::Text("a{b".to_owned())]);
    }

    #[test]
    fn a_text_that_is_no_prompt_is_refused_with_the_reason() {
        for (value, why) in [
            ("", "a prompt can't be empty"),
            ("a\u{1b}[1m> ", "a prompt can't contain control characters"),
            (
                "{dir}> ",
                "there is no {dir}, only {host}, {user}, {rdir}, {ldir}, {status}, {jobs}; write {{ for a brace",
            ),
            ("{}> ", "there is no {}, only {host}, {user}, {rdir}, {ldir}, {status}, {jobs}; write {{ for a brace"),
            ("{host", "a } is missing; write {{ for a brace"),
        ] {
            assert_eq!(PromptTemplate::read(value).unwrap_err().to_string(), why, "{value:?}");
        }
    }
}
