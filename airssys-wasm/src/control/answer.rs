//! What a running app answers.

use super::protocol::{About, Answer, Asked, Request, VERSION};
use crate::component_host::ComponentHost;

/// What of a request says which version it is in.
#[derive(serde::Deserialize)]
struct Versioned {
    version: u32,
}

/// Answers a line, whatever is in it.
pub(super) async fn answer_line(host: &ComponentHost, line: &[u8]) -> Answer {
    match parse(line) {
        Ok(request) => answer(host, request).await,
        Err(message) => Answer::Failed { message },
    }
}

fn parse(line: &[u8]) -> Result<Request, String> {
    // A request in another version need not be one in this.
    let Versioned { version } =
        serde_json::from_slice(line).map_err(|error| format!("this is no request: {error}"))?;
    if version != VERSION {
        return Err(format!(
            "the request is in version {version} of the protocol; this run speaks {VERSION}"
        ));
    }
    let asked = serde_json::from_slice(line);
    asked.map(|Asked { request, .. }| request).map_err(|error| format!("this is no request: {error}"))
}

async fn answer(host: &ComponentHost, request: Request) -> Answer {
    match request {
        Request::About => Answer::About(About {
            app: host.system().name().to_owned(),
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            components: host.names(),
        }),
        Request::Snapshot => Answer::Snapshot(Box::new(host.snapshot())),
    }
}
