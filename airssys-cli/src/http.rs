//! The HTTP listeners of an app that runs.

use std::time::Duration;

use airssys_http::{HttpServer, ServeError};
use airssys_wasm::ComponentHost;
use airssys_wasm::manifest::{App, HttpListener, HttpTarget};

use crate::failure::Failure;
use crate::output::Output;
use crate::terminal::Terminal;

/// Listens on the addresses of an app, so that a taken port shows before anything starts.
pub(crate) async fn bind(manifest: &App, terminal: &Terminal) -> Result<HttpServer, Failure> {
    let server = HttpServer::bind(&manifest.http).await.map_err(failure)?;
    for (listener, address) in manifest.http.iter().zip(server.addresses().unwrap_or_default()) {
        terminal.line(&format!("listening on {}://{address}", scheme(listener)));
    }
    Ok(server)
}

/// Checks the files of listeners, and prints their routes.
pub(crate) fn check(listeners: &[HttpListener], output: &Output) -> Result<(), Failure> {
    HttpServer::check(listeners).map_err(|error| Failure::misfit("the app cannot serve HTTP", error))?;
    for listener in listeners {
        output.line(format!("{}://{}", scheme(listener), listener.listen));
        for route in &listener.routes {
            let (method, host) =
                (route.method.as_deref().unwrap_or("*"), route.host.as_deref().unwrap_or(""));
            let target = match &route.target {
                HttpTarget::Component(name) => name.clone(),
                HttpTarget::Files(folder) => format!("files of {}", folder.display()),
            };
            output.line(format!("  {method} {host}{}: {target}", route.path));
        }
    }
    Ok(())
}

fn scheme(listener: &HttpListener) -> &'static str {
    if listener.tls.is_some() { "https" } else { "http" }
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
