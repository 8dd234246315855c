//! Errors of requests, as the guest sees them.

use std::error::Error as _;
use std::io;

use rustls::CertificateError;
use wasmtime_wasi_http::Error;

/// Returns the error of a request whose response has not begun.
pub(super) fn of_request(error: &hyper::Error, header_bytes: usize) -> Error {
    let header_bytes = u32::try_from(header_bytes).ok();
    if error.is_parse_too_large() {
        return Error::HttpResponseHeaderSectionSize(header_bytes);
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Error::ConnectionTerminated;
    }
    if error.is_parse() || error.is_user() {
        return Error::HttpProtocolError;
    }
    match io_error(error) {
        Some(_) => Error::ConnectionTerminated,
        None => Error::HttpProtocolError,
    }
}

/// Returns the error of a response whose body does not come to its end.
pub(super) fn of_response_body(error: &hyper::Error) -> Error {
    let is_malformed = io_error(error).is_some_and(|error| {
        matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
    });
    match is_malformed {
        true => Error::HttpProtocolError,
        false => Error::HttpResponseIncomplete,
    }
}

/// Returns the error of a connection that is not made.
pub(super) fn of_connect(error: &io::Error) -> Error {
    use io::ErrorKind::*;
    match error.kind() {
        ConnectionRefused => Error::ConnectionRefused,
        TimedOut => Error::ConnectionTimeout,
        HostUnreachable | NetworkUnreachable | AddrNotAvailable => Error::DestinationIpUnroutable,
        _ => Error::DestinationUnavailable,
    }
}

/// Returns the error of a server with which there is no agreement on TLS.
pub(super) fn of_tls(error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            log_certificate(reason);
            Error::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        Some(_) => Error::TlsProtocolError,
        None => Error::ConnectionTerminated,
    }
}

fn log_certificate(reason: &CertificateError) {
    tracing::debug!(target: "airssys::http", ?reason, "a server's certificate is not trusted");
}

fn io_error(error: &hyper::Error) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(error) = inner.downcast_ref() {
            return Some(error);
        }
        source = inner.source();
    }
    None
}
