//! The HTTP listeners of an app that runs.

use std::time::Duration;

use airssys_http::{HttpServer, ServeError};
use airssys_wasm::ComponentHost;
use airssys_wasm::manifest::App;

use crate::failure::Failure;
use crate::terminal::Terminal;

/// Listens on the addresses of an app, so that a taken port shows before anything starts.
pub(crate) async fn bind(manifest: &App, terminal: &Terminal) -> Result<HttpServer, Failure> {
    let server = HttpServer::bind(&manifest.http).await.map_err(failure)?;
    for address in server.addresses().unwrap_or_default() {
        terminal.line(&format!("listening on http://{address}"));
    }
    Ok(server)
}

/// Serves requests from now on.
pub(crate) fn serve(server: &mut HttpServer, host: &ComponentHost) -> Result<(), Failure> {
    server.serve(host).map_err(failure)
}

/// Ends the listeners, and waits for the requests that are being served.
pub(crate) async fn drain(server: &mut HttpServer, deadline: Duration, terminal: &Terminal) {
    if !server.drain(deadline).await {
        let seconds = deadline.as_secs_f64();
        terminal.line(&format!(
            "warning: HTTP requests were ended because they took longer than {seconds} s (half of --stop-timeout)"
        ));
    }
}

fn failure(error: ServeError) -> Failure {
    Failure::run("the app does not serve HTTP", error)
}
