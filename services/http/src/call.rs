//! A request as an entry in the mailbox of its component.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airssys_wasm::{EntryCall, EntryEnd, EntryGuest, EntryPoint, EntryTimedOut, wasmtime};
use hyper::{Request, Response};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::answer::NoAnswer;
use crate::body::{BodyProgress, RequestBody, ResponseBody};
use crate::service::{HandleParams, view};

/// The answer of a component, or the reason for which it has none.
pub(crate) type Answer = Result<Response<ResponseBody>, NoAnswer>;

type Head = Result<Response<HyperOutgoingBody>, ErrorCode>;

/// A request in the mailbox of its component.
pub(crate) struct RequestCall {
    pub(crate) point: EntryPoint,
    /// True if the client speaks TLS.
    pub(crate) is_tls: bool,
    /// True if the request shares its connection with others, as in HTTP/2.
    pub(crate) shares_connection: bool,
    /// `None` once the guest has it.
    pub(crate) request: Option<Request<RequestBody>>,
    /// `None` once the client has an answer.
    pub(crate) answer: Option<oneshot::Sender<Answer>>,
    /// The time by which the response must have begun.
    pub(crate) deadline: Instant,
    /// The time from the request to the response, and from the end of the response to that of the call.
    pub(crate) request_timeout: Duration,
    pub(crate) client_timeout: Duration,
    /// The progress of the request's body.
    pub(crate) progress: Arc<BodyProgress>,
    /// Set when the call ends before the guest has returned.
    pub(crate) cut: Arc<AtomicBool>,
}

/// The state of a call that goes on behind the head of its response.
enum Begun {
    Response(Head),
    /// The outparam was dropped.
    Nothing,
    /// The client was too slow with its body.
    Late,
}

/// Sets a mark when it is dropped, unless it is disarmed before.
struct CutGuard(Option<Arc<AtomicBool>>);

impl CutGuard {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for CutGuard {
    fn drop(&mut self) {
        if let Some(cut) = &self.0 {
            cut.store(true, Ordering::Release);
        }
    }
}

impl RequestCall {
    fn answer(&mut self, answer: Answer) {
        let is_too_large = self.progress.is_too_large.load(Ordering::Relaxed);
        let is_late = self.progress.is_late.load(Ordering::Relaxed);
        let answer = match answer {
            Err(NoAnswer::Failed) if is_too_large => Err(NoAnswer::BodyTooLarge),
            Err(NoAnswer::Failed) if is_late => Err(NoAnswer::SlowClient),
            answer => answer,
        };
        if let Some(sender) = self.answer.take() {
            // Fails if the client has gone.
            drop(sender.send(answer));
        }
    }

    /// Passes the head of the response on. Resolves when its body has ended, or the client has been given up.
    fn begin_response(&mut self, head: Head) -> impl Future<Output = ()> + use<> {
        self.progress.is_answered.store(true, Ordering::Relaxed);
        let (open, ended) = oneshot::channel();
        let timeout = self.client_timeout.max(self.request_timeout);
        let cut = Arc::clone(&self.cut);
        let answer = match head {
            Ok(response) => Ok(response.map(|body| ResponseBody::of_component(body, timeout, open, cut))),
            Err(error) => Err(NoAnswer::of_error(&error)),
        };
        // A connection of one request notices by itself that its client takes nothing.
        let source = answer.as_ref().ok().map(|response| response.body().source());
        let source = source.filter(|_| self.shares_connection);
        let client_timeout = self.client_timeout;
        self.answer(answer);
        async move {
            let stalled = async {
                match source {
                    Some(source) => source.stalled(client_timeout).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Resolves when the body is dropped.
                _ = ended => {}
                () = stalled => {}
            }
        }
    }

    async fn enter(&mut self, mut guest: EntryGuest<'_>) -> wasmtime::Result<()> {
        let limit = self.request_timeout;
        let has_gone = self.answer.as_ref().is_none_or(oneshot::Sender::is_closed);
        let Some(request) = self.request.take().filter(|_| !has_gone) else { return Ok(()) };
        // Dropped before the store, whose streams end then as if the body were complete.
        let cut = CutGuard(Some(Arc::clone(&self.cut)));
        let handle = guest.function::<HandleParams, ()>(self.point)?;
        let (sender, mut head) = oneshot::channel();
        let params = {
            let mut store = guest.store();
            let mut view = view(store.data_mut());
            let scheme = if self.is_tls { Scheme::Https } else { Scheme::Http };
            let request = view.new_incoming_request(scheme, request)?;
            (request, view.new_response_outparam(sender)?)
        };
        let mut handled = pin!(handle.call_async(guest.store(), params));
        let began = tokio::select! {
            biased;
            head = &mut head => head.map_or(Begun::Nothing, Begun::Response),
            handled = &mut handled => {
                handled?;
                // The guest may have set the response just before it returned.
                if let Ok(head) = head.try_recv() {
                    drop(self.begin_response(head));
                }
                cut.disarm();
                return Ok(());
            }
            () = sleep_until(self.deadline) => {
                if self.progress.has_ended.load(Ordering::Relaxed) {
                    return Err(EntryTimedOut { limit }.into());
                }
                // The client is late, and not the guest, which sees an error of the body now.
                self.answer(Err(NoAnswer::SlowClient));
                Begun::Late
            }
        };
        // The guest goes on with the body. A guest that dropped its outparam has no response.
        let (is_late, ended) = match began {
            Begun::Response(head) => (false, Some(self.begin_response(head))),
            Begun::Nothing => (false, None),
            Begun::Late => (true, None),
        };
        let given_up = async {
            if is_late {
                // A response that comes now has no reader.
                drop(timeout(limit, head).await);
            }
            if let Some(ended) = ended {
                ended.await;
            }
            sleep(limit).await;
        };
        tokio::select! {
            handled = handled => handled?,
            () = given_up => return Err(EntryTimedOut { limit }.into()),
        }
        cut.disarm();
        Ok(())
    }
}

impl EntryCall for RequestCall {
    fn run<'a>(
        &'a mut self,
        guest: EntryGuest<'a>,
    ) -> Pin<Box<dyn Future<Output = wasmtime::Result<()>> + Send + 'a>> {
        Box::pin(self.enter(guest))
    }

    fn ended(mut self: Box<Self>, how: EntryEnd<'_>) {
        self.answer(Err(NoAnswer::of_end(how)));
    }
}
