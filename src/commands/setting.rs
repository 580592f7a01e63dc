//! The names of the settings of `set`.

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The number of channels that an upload to a far server uses.
    Channels,
    /// The number of names above which `rm` asks a person.
    ConfirmRemovals,
    /// The keys that edit a line.
    Editing,
    /// The number of connections that a transfer uses.
    Jobs,
    /// The limit on the rate of all transfers together.
    Limit,
    /// The form in which transfers show their progress.
    Progress,
    /// The text of the prompt.
    Prompt,
    /// The number of queued transfers that run at once.
    QueueParallel,
    /// The number of attempts to reconnect after the connection broke.
    Retry,
    /// How far the server's file sizes are trusted.
    Sizes,
    /// The use of the window's title for the host and the directory.
    Title,
}

impl Setting {
    /// All settings, in the order in which they are listed.
    pub const ALL: [Setting; 11] = [
        Setting::Channels,
        Setting::ConfirmRemovals,
        Setting::Editing,
        Setting::Jobs,
        Setting::Limit,
        Setting::Progress,
        Setting::Prompt,
        Setting::QueueParallel,
        Setting::Retry,
        Setting::Sizes,
        Setting::Title,
    ];

    /// Returns the name of the setting.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Setting::Channels => "channels",
            Setting::ConfirmRemovals => "confirm-removals",
            Setting::Editing => "editing",
            Setting::Jobs => "jobs",
            Setting::Limit => "limit",
            Setting::Progress => "progress",
            Setting::Prompt => "prompt",
            Setting::QueueParallel => "queue-parallel",
            Setting::Retry => "retry",
            Setting::Sizes => "sizes",
            Setting::Title => "title",
        }
    }

    /// Returns the setting with this name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Setting> {
        Setting::ALL.into_iter().find(|setting| setting.name().eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_found_by_its_name() {
        for setting in Setting::ALL {
            assert_eq!(Setting::named(&setting.name().to_uppercase()), Some(setting));
        }
        assert_eq!(Setting::named("job"), None);
    }
}
