//! The names of what `set` shows and changes.

/// What can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Connections that a transfer uses.
    Jobs,
    /// How fast all transfers together may go.
    Limit,
    /// How transfers show how far they are.
    Progress,
    /// How often a connection that broke is made again.
    Retry,
    /// What the sizes that the server tells are worth.
    Sizes,
}

impl Setting {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Setting; 5] = [Setting::Jobs, Setting::Limit, Setting::Progress, Setting::Retry, Setting::Sizes];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Setting::Jobs => "jobs",
            Setting::Limit => "limit",
            Setting::Progress => "progress",
            Setting::Retry => "retry",
            Setting::Sizes => "sizes",
        }
    }

    /// The one of this name, whatever its case.
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
