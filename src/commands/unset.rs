//! `unset`: puts a setting back.

use crate::commands::{Context, Example, Failure, Outcome, Purpose, Run, SettingName};

/// Put a setting back to its value at the start of the session
#[derive(Clone, Debug, clap::Args)]
pub struct Unset {
    /// The setting
    #[arg(value_name = "name", required = true)]
    setting: SettingName,
}

impl Run for Unset {
    const NEEDS_SERVER: bool = false;

    const REQUIRED_PHRASE: &'static str = "a setting";

    const EXAMPLES: &'static [Example] = &[Example { line: "unset limit", does: "go back to the limit of the start" }];

    fn purpose(&self) -> Purpose {
        Purpose::LocalEffect
    }

    fn run(self, cx: &mut Context) -> Result<Outcome, Failure> {
        let SettingName(setting) = self.setting;
        if let Some(value) = cx.configuration.initial(setting) {
            setting.change(cx, &value)?;
        }
        Ok(Outcome::Done)
    }
}
