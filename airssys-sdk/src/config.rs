//! A component's settings.

use std::str::FromStr;

use crate::error::ConfigError;

/// A component's settings: the names and values that its app gives in `config`, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    entries: Vec<(String, String)>,
}

impl Config {
    /// Returns the value of this setting, or `None` if the app does not give it.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Returns the value of a setting that the component needs.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] if the app does not give it.
    pub fn require(&self, key: &str) -> Result<&str, ConfigError> {
        self.get(key).ok_or_else(|| ConfigError::Missing { key: key.to_owned() })
    }

    /// Returns the value of this setting as a `T`, or `None` if the app does not give it.
    ///
    /// ```
    /// # use airssys_sdk::prelude::*;
    /// # fn main() -> Result<(), airssys_sdk::ConfigError> {
    /// let config: Config = [("batch", "64")].into_iter().collect();
    /// assert_eq!(config.parse("batch")?.unwrap_or(32), 64);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if the text is not a `T`.
    pub fn parse<T>(&self, key: &str) -> Result<Option<T>, ConfigError>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.parse().map(Some).map_err(|source: T::Err| ConfigError::Invalid {
            key: key.to_owned(),
            value: value.to_owned(),
            source: Box::new(source),
        })
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Config {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Config {
        Config { entries: entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_is_present_missing_or_invalid() {
        let config: Config = [("batch", "64"), ("to", "quake-parse")].into_iter().collect();
        assert_eq!(config.get("to"), Some("quake-parse"));
        assert_eq!(config.get("from"), None);
        assert_eq!(config.parse::<u32>("batch").unwrap(), Some(64));
        assert_eq!(config.parse::<u32>("from").unwrap(), None);
        assert_eq!(config.require("from").unwrap_err().to_string(), "the setting `from` is missing");
        let wrong = config.parse::<u32>("to").unwrap_err();
        assert_eq!(wrong.to_string(), "the setting `to` cannot be `quake-parse`");
        assert!(std::error::Error::source(&wrong).is_some());
    }
}
