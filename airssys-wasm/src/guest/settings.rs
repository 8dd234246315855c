//! The settings of a component, which a reload can replace.

use std::sync::{Arc, RwLock};

use airssys_spec::manifest::SettingValue;

use crate::sync::{read, write};

/// The settings of a component, with their keys.
pub(crate) type Settings = [(String, SettingValue)];

/// The settings that all instances of a component share.
pub(crate) struct LiveSettings(RwLock<Arc<Settings>>);

impl LiveSettings {
    pub(crate) fn new(settings: &Settings) -> LiveSettings {
        LiveSettings(RwLock::new(Arc::from(settings)))
    }

    pub(crate) fn get(&self) -> Arc<Settings> {
        Arc::clone(&read(&self.0))
    }

    /// Reads again the settings that are variables or files. Returns the key of each that has changed, or
    /// that is missing and keeps its old value, with the reason. Blocks on the disk.
    pub(crate) fn reload(&self) -> Vec<(String, Result<(), String>)> {
        let (mut settings, mut found) = (self.get().to_vec(), Vec::new());
        for (key, value) in &mut settings {
            match value.read_again() {
                None => {}
                Some(Ok(new)) if new == *value => {}
                Some(Ok(new)) => {
                    *value = new;
                    found.push((key.clone(), Ok(())));
                }
                Some(Err(reason)) => found.push((key.clone(), Err(format!("it {reason}")))),
            }
        }
        *write(&self.0) = Arc::from(settings);
        found
    }
}
