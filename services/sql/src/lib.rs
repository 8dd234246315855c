//! Databases for components: the interface `airssys:sql`, the trait that a backend implements, and
//! SQLite as the embedded default. Components of Spin use the same databases by their own interface.
//!
//! [`Sql`] is the service and [`Sqlite`] the embedded backend. A backend implements [`Database`] and
//! passes the scenarios of `conformance`.

mod apart;
mod bindings;
mod calendar;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connections;
mod database;
mod handles;
mod held;
mod host;
mod service;
pub mod session;
mod shared;
mod spin;
mod sqlite;
mod types;
mod values;

pub use apart::{LabelOptions, LabelPlace, Separation, check_apart};
pub use connections::{CloseIdle, Connections};
pub use database::{
    Access, Changed, Database, Description, MAX_PAGE_ROWS, MAX_ROW_BYTES, PAGE_BYTES, Page, Rows, Statement,
    Transaction, VALUE_BYTES, check_row,
};
pub use service::Sql;
pub use sqlite::Sqlite;
pub use values::{Column, Date, Error, Row, Time, Timestamp, Value, check, size};

/// Conversions between values, numbers and texts, for backends.
pub mod convert {
    pub use crate::calendar::{date_since_1970, days_since_1970, micros_of, of_instant, time_of, to_instant};
    pub use crate::values::{
        date_text, instant_text, is_uuid, parse_date, parse_instant, parse_time, parse_timestamp, time_text,
        timestamp_text,
    };
}
