//! Environment variables as a value.

use std::fmt;
use std::sync::Arc;

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The environment variables that a configuration may name.
#[derive(Clone)]
pub struct Variables(Arc<Lookup>);

impl Variables {
    /// Returns the variables of this process. A value that is not UTF-8 counts as absent.
    pub fn of_process() -> Variables {
        Variables::from_fn(|name| std::env::var(name).ok())
    }

    /// Makes variables that a function looks up.
    pub fn from_fn(get: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Variables {
        Variables(Arc::new(get))
    }

    /// Returns the value of a variable, or `None` if it is absent or empty.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

impl Default for Variables {
    fn default() -> Variables {
        Variables::of_process()
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables(..)")
    }
}
