//! Logs its settings, read under every published name of `wasi:config`, and stays.

use airssys_sdk::prelude::*;

use self::wasi::config0_2_0_draft::store as draft;
use self::wasi::config0_2_0_draft_2024_09_27::store as draft_of_2024;
use self::wasi::config0_2_0_rc_1::store as rc1;
use self::wasi::logging::logging::{Level, log};

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package test:config;

            world guest {
                include airssys:config/imports;
                include wasi:logging/imports@0.1.0-draft;
            }
        ",
        path: ["../../services/config/wit", "../../services/logging/wit"],
        world: "test:config/guest",
        generate_all,
    });
}

use self::bindings::wasi;

struct Settings {
    /// The setting `watched` as it was logged last.
    watched: Option<String>,
}

impl airssys_sdk::Component for Settings {
    fn initialize(config: &Config, context: &Context) -> Result<Self, StartError> {
        let failed = |error: &dyn std::fmt::Debug| StartError::from(format!("no settings: {error:?}"));
        let all = [
            ("rc.1", rc1::get_all().map_err(|error| failed(&error))?),
            ("draft-2024-09-27", draft_of_2024::get_all().map_err(|error| failed(&error))?),
            ("draft", draft::get_all().map_err(|error| failed(&error))?),
        ];
        let [(_, own), ..] = &all;
        if let Some((version, found)) = all.iter().find(|(_, found)| found != own) {
            return Err(StartError::from(format!("{version} has {found:?}, and rc.1 {own:?}")));
        }
        for (key, value) in own {
            if config.get(key) != Some(value) {
                return Err(StartError::from(format!("`initialize` got another `{key}`")));
            }
            let each = [
                rc1::get(key).map_err(|error| failed(&error))?,
                draft_of_2024::get(key).map_err(|error| failed(&error))?,
                draft::get(key).map_err(|error| failed(&error))?,
            ];
            if each.iter().any(|found| found.as_deref() != Some(value)) {
                return Err(StartError::from(format!("{key} is {each:?}")));
            }
            log(Level::Info, "setting", &format!("{key} is `{value}`"));
        }
        if let Ok(Some(found)) = rc1::get("no such setting") {
            return Err(StartError::from(format!("an absent setting is {found}")));
        }
        log(Level::Critical, "", "all settings are read");
        let watched = config.get("watched").map(str::to_owned);
        if watched.is_some() {
            context.try_send(&context.identity().name, &())?;
        }
        Ok(Settings { watched })
    }

    /// Logs the setting `watched` whenever it changes, until the app ends.
    async fn handle(&mut self, _message: Message, context: &Context) -> Result<Reply, Rejection> {
        let found = rc1::get("watched").map_err(|error| Rejection::from(format!("{error:?}")))?;
        if found != self.watched {
            log(Level::Info, "watched", &format!("is now {found:?}"));
            self.watched = found;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        context
            .try_send(&context.identity().name, &())
            .map_err(|error| Rejection::from(error.to_string()))?;
        Ok(Reply::none())
    }
}

airssys_sdk::component!(Settings);
