//! The settings that `set` shows and changes.

use crate::commands::Word;
use crate::commands::argument::kind::ArgumentKind;
use crate::commands::argument::reader::Argument;
use crate::commands::setting::Setting;

/// The name of a setting, in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingName(pub Setting);

impl Argument for SettingName {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::SettingName];

    fn read(word: &Word) -> Result<SettingName, String> {
        let name = word.plain();
        let setting = std::str::from_utf8(&name).ok().and_then(Setting::named);
        setting.map(SettingName).ok_or_else(|| {
            let known: Vec<&str> = Setting::ALL.into_iter().map(Setting::name).collect();
            format!("there is no such setting, only {}", known.join(", "))
        })
    }
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingValue(pub String);

impl Argument for SettingValue {
    const KINDS: &'static [ArgumentKind] = &[ArgumentKind::SettingValue];

    fn read(word: &Word) -> Result<SettingValue, String> {
        Ok(SettingValue(String::from_utf8_lossy(&word.plain()).into_owned()))
    }
}
