//! The operator's bounds on outgoing requests: `[service.http.outgoing]`.

use std::path::PathBuf;
use std::time::Duration;

use airssys_spec::manifest::{ConfigTable, Diagnostics, ServiceTable};
use airssys_wasm::{Origin, OriginPattern};
use wasmtime_wasi_http::RequestOptions;

/// The bounds of a time, in milliseconds.
const TIMES_MS: std::ops::RangeInclusive<u64> = 1..=3_600_000;

/// The configuration of the service.
#[derive(Clone, Debug, Default)]
pub struct HttpConfig {
    pub(crate) outgoing: OutgoingOptions,
}

impl HttpConfig {
    pub(crate) fn read(table: &ServiceTable) -> Result<HttpConfig, Diagnostics> {
        table.read(|table| HttpConfig {
            outgoing: table.table("outgoing", OutgoingOptions::read).unwrap_or_default(),
        })
    }
}

/// The bounds on the outgoing requests of each component.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingOptions {
    timeouts: Timeouts,
    /// The timeouts of single servers. The first pattern that contains a server counts.
    per_target: Vec<(OriginPattern, Timeouts)>,
    /// The most bytes of a response's status line and headers.
    pub(crate) header_bytes: usize,
    /// The most requests at once, and the most connections.
    pub(crate) concurrent: usize,
    /// The most requests that wait for their turn.
    pub(crate) waiting: usize,
    /// The time after which an unused connection is closed.
    pub(crate) idle_timeout: Duration,
    /// A file with certificates to trust, besides those of the system.
    pub(crate) ca: Option<PathBuf>,
}

/// The longest times of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// Waits for a place among the component's requests.
    pub(crate) place: Duration,
    /// Finds the address, connects, and agrees on TLS.
    pub(crate) connect: Duration,
    /// Passes without progress of the request until the response begins.
    pub(crate) first_byte: Duration,
    /// Passes between two parts of the response's body.
    pub(crate) between_bytes: Duration,
}

impl Timeouts {
    const DEFAULT: Timeouts = Timeouts {
        place: Duration::from_secs(5),
        connect: Duration::from_secs(10),
        first_byte: Duration::from_secs(30),
        between_bytes: Duration::from_secs(30),
    };

    fn read(table: &ConfigTable<'_>, default: Timeouts) -> Timeouts {
        let time =
            |key, default: Duration| table.time(key, TIMES_MS, default.as_millis() as u64).unwrap_or(default);
        Timeouts {
            place: time("wait_timeout", default.place),
            connect: time("connect_timeout", default.connect),
            first_byte: time("first_byte_timeout", default.first_byte),
            between_bytes: time("between_bytes_timeout", default.between_bytes),
        }
    }

    /// Returns these times, or shorter ones that a guest asks for.
    pub(crate) fn bounded(self, asked: Option<RequestOptions>) -> Timeouts {
        let asked = asked.unwrap_or_default();
        let least = |asked: Option<Duration>, own: Duration| asked.map_or(own, |asked| asked.min(own));
        Timeouts {
            place: self.place,
            connect: least(asked.connect_timeout, self.connect),
            first_byte: least(asked.first_byte_timeout, self.first_byte),
            between_bytes: least(asked.between_bytes_timeout, self.between_bytes),
        }
    }
}

impl Default for OutgoingOptions {
    fn default() -> OutgoingOptions {
        OutgoingOptions {
            timeouts: Timeouts::DEFAULT,
            per_target: Vec::new(),
            header_bytes: 64 << 10,
            concurrent: 64,
            waiting: 256,
            idle_timeout: Duration::from_secs(60),
            ca: None,
        }
    }
}

impl OutgoingOptions {
    fn read(table: &ConfigTable<'_>) -> OutgoingOptions {
        let default = OutgoingOptions::default();
        let timeouts = Timeouts::read(table, default.timeouts);
        let count = |key, range, default: usize| {
            table.count(key, range, default as u64).map_or(default, |count| count as usize)
        };
        let header_bytes = table.bytes("headers", 8 << 10..=1 << 20, default.header_bytes as u64);
        let idle_timeout = table.time("idle_timeout", TIMES_MS, default.idle_timeout.as_millis() as u64);
        let per_target = table.table("to", |targets| {
            targets.each_table(|server, own| {
                let pattern = server.parse::<OriginPattern>();
                if let Err(error) = &pattern {
                    let help = "name a server, such as \"https://api.example.com:443\"";
                    own.fault(error.to_string(), help);
                }
                pattern.ok().map(|pattern| (pattern, Timeouts::read(own, timeouts)))
            })
        });
        OutgoingOptions {
            timeouts,
            per_target: per_target.unwrap_or_default().into_iter().flatten().collect(),
            header_bytes: header_bytes.map_or(default.header_bytes, |bytes| bytes as usize),
            concurrent: count("concurrent", 1..=4_096, default.concurrent),
            waiting: count("waiting", 0..=65_536, default.waiting),
            idle_timeout: idle_timeout.unwrap_or(default.idle_timeout),
            ca: table.path("ca", "\"ca.pem\""),
        }
    }

    /// Returns the longest times of requests to a server.
    pub(crate) fn timeouts(&self, origin: &Origin) -> Timeouts {
        let own = self.per_target.iter().find(|(pattern, _)| pattern.matches(origin));
        own.map_or(self.timeouts, |(_, timeouts)| *timeouts)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<HttpConfig, Diagnostics> {
        HttpConfig::read(&ServiceTable::parse(text, Path::new("app/app.toml")).unwrap()[0])
    }

    #[test]
    fn timeouts_are_those_of_the_first_pattern_and_a_guest_can_only_shorten_them() {
        let config = read(
            "[service.http.outgoing]\nconnect_timeout = \"2 s\"\nca = \"ca.pem\"\n\
             [service.http.outgoing.to.\"https://*.a.test:443\"]\nfirst_byte_timeout = \"1 s\"\n\
             [service.http.outgoing.to.\"*\"]\nconnect_timeout = \"9 s\"\n",
        );
        let options = config.unwrap().outgoing;
        assert_eq!(options.ca.as_deref(), Some(Path::new("app/ca.pem")));
        let seconds = Duration::from_secs;
        let of = |text: &str| options.timeouts(&text.parse().unwrap());
        let (a, other) = (of("https://x.a.test"), of("http://b.test"));
        assert_eq!((a.connect, a.first_byte), (seconds(2), seconds(1)));
        assert_eq!((other.connect, other.first_byte), (seconds(9), seconds(30)));
        let asked = RequestOptions {
            connect_timeout: Some(seconds(60)),
            between_bytes_timeout: Some(seconds(3)),
            ..RequestOptions::default()
        };
        let bounded = a.bounded(Some(asked));
        assert_eq!((bounded.connect, bounded.between_bytes), (seconds(2), seconds(3)));
    }

    #[test]
    fn mistakes_are_reported_with_their_places() {
        let found = read(
            "[service.http.outgoing]\nconcurrent = 0\ncolour = 1\n\
             [service.http.outgoing.to.\"https://a.test\"]\nconnect_timeout = \"0 s\"\n",
        )
        .unwrap_err();
        assert_eq!(found.iter().count(), 4, "{found}");
        assert!(found.to_string().contains("its form is `https://a.test:443`"), "{found}");
    }
}
