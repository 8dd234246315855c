//! The export through which the host hands over requests.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};
use wstd::http::request::try_from_incoming;
use wstd::http::server::Responder;
use wstd::http::{HeaderName, HeaderValue};

use crate::export::{Export, lend, take_back};
use crate::http::{HttpComponent, HttpError, Response, StatusCode, wait};

const CONTENT_LENGTH: HeaderName = HeaderName::from_static("content-length");

impl<C: HttpComponent> Guest for Export<C, true> {
    fn handle(request: IncomingRequest, response: ResponseOutparam) {
        let responder = Responder::new(response);
        let Some((mut component, context)) = lend::<C>() else {
            // The host hands over requests only after a start.
            responder.fail(wstd::http::Error::msg("the component is not initialized"));
            return;
        };
        wait::until_ended(&context, async {
            let response = match try_from_incoming(request) {
                Ok(request) => component.http(request, &context).await,
                Err(error) => Err(HttpError::bad_request(format!("the request is malformed: {error:#}\n"))),
            };
            let response = with_length(response.unwrap_or_else(HttpError::into_response));
            if let Err(error) = responder.respond(response).await {
                log::debug!("the client has not taken the whole response: {error:#}");
            }
        });
        take_back(component);
    }
}

/// Adds the length of the body, if it is known and the response may have one.
fn with_length(mut response: Response) -> Response {
    let status = response.status();
    let has_body =
        !status.is_informational() && ![StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
    if let Some(length) = response.body().content_length().filter(|_| has_body) {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    response
}

/// Exports a type that implements [`HttpComponent`](crate::http::HttpComponent) as the component of this
/// crate, in place of [`component!`](crate::component).
#[macro_export]
macro_rules! http_component {
    ($component:ty) => {
        const _: () = {
            $crate::__private::check_prefers(<$component as $crate::Component>::PREFERS);
            #[allow(dead_code, reason = "exported by its symbols, which only a component has")]
            type Exported = $crate::__private::Export<$component, true>;
            #[cfg(target_family = "wasm")]
    $crate::__private::export_component!(Exported with_types_in $crate::__private::bindings);
            #[cfg(target_family = "wasm")]
    $crate::__private::wasip2::http::proxy::export!(Exported with_types_in $crate::__private::wasip2);
            #[cfg(not(target_family = "wasm"))]
            const _: fn() -> Result<(), ::std::string::String> =
                || <Exported as $crate::__private::Lifecycle>::initialize(::std::vec::Vec::new());
            #[cfg(not(target_family = "wasm"))]
            const _: fn(
                $crate::__private::wasip2::http::types::IncomingRequest,
                $crate::__private::wasip2::http::types::ResponseOutparam,
            ) = <Exported as $crate::__private::IncomingHandler>::handle;
        };
    };
}
