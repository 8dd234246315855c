//! The service `wasi:config`: a component reads its settings, under the three names that were published.
//!
//! The settings are those of `config` in the component's `[[component]]`, which `initialize` gets too.

use airssys_wasm::wasmtime::component::Linker;
use airssys_wasm::{Entry, GuestState, HasService, Interface, Service, ServiceCall, Waits, wasmtime};

use self::bindings::wasi::{config0_2_0_draft, config0_2_0_draft_2024_09_27, config0_2_0_rc_1};

mod bindings {
    airssys_wasm::wasmtime::component::bindgen!({
        path: "wit",
        world: "imports",
        imports: { default: trappable },
        wasmtime_crate: airssys_wasm::wasmtime,
    });
}

/// The service. A component needs no right to read its own settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config;

impl Service for Config {
    const NAME: &'static str = "config";

    type Config = ();
    type Connection = ();
    type Data = ();

    fn interfaces(&self) -> Vec<Interface> {
        let interface = |version| Interface { name: "wasi:config/store", version, waits: Waits::Never };
        ["0.2.0-rc.1", "0.2.0-draft-2024-09-27", "0.2.0-draft"].map(interface).into()
    }

    fn link(&self, linker: &mut Linker<GuestState>, _entry: Entry) -> wasmtime::Result<()> {
        link_all(linker)
    }
}

/// Returns the value of a setting.
fn get(call: &mut ServiceCall<'_, Config>, key: &str) -> wasmtime::Result<Option<String>> {
    call.count("get", |call| {
        let settings = call.settings();
        let found = settings.iter().find(|(own, _)| own == key);
        Ok(found.map(|(_, value)| value.as_str().to_owned()))
    })
}

/// Returns all settings with their values.
fn get_all(call: &mut ServiceCall<'_, Config>) -> wasmtime::Result<Vec<(String, String)>> {
    call.count("get-all", |call| {
        let settings = call.settings();
        Ok(settings.iter().map(|(key, value)| (key.clone(), value.as_str().to_owned())).collect())
    })
}

/// Implements one published version of the interface.
macro_rules! published {
    ($($version:ident),+) => {
        $(impl $version::store::Host for ServiceCall<'_, Config> {
            fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, $version::store::Error>> {
                get(self, &key).map(Ok)
            }

            fn get_all(
                &mut self,
            ) -> wasmtime::Result<Result<Vec<(String, String)>, $version::store::Error>> {
                get_all(self).map(Ok)
            }
        })+

        fn link_all(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
            $($version::store::add_to_linker::<_, HasService<Config>>(linker, GuestState::service::<Config>)?;)+
            Ok(())
        }
    };
}

published!(config0_2_0_rc_1, config0_2_0_draft_2024_09_27, config0_2_0_draft);
