//! Runs one handler at a time, over as many calls from the host as it takes.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};

use crate::component::{Component, Health};
use crate::config::Config;
use crate::context::Context;
use crate::error::{Rejection, StartError};
use crate::host::{Callback, Completion, MessageId, Outcome, RequestId, RunEnd, messaging};
use crate::message::{Bytes, Message};
use crate::progress;
use crate::reply::Reply;

/// A component instance and the handler it is in.
struct Executor<C, M, F> {
    context: Context,
    /// None while a handler has it.
    component: Option<Box<C>>,
    /// Makes a handler's future.
    make: M,
    /// The handler that is under way: one allocation for those of all messages.
    handler: Pin<Box<Option<F>>>,
    /// The message whose handler waits for a callback.
    deferred: Option<MessageId>,
    woken: Arc<Woken>,
    waker: Waker,
}

/// What a handler gives back when it ends: the component it had, and its result.
type Handled<C> = (Box<C>, Result<Reply, Rejection>);

/// What the host asks of an instance, whatever its component.
pub(crate) trait Running {
    fn handle_message(&mut self, id: MessageId, bytes: Vec<u8>) -> Outcome;
    fn handle_messages(&mut self, first: MessageId, lengths: &[u32], bodies: Vec<u8>) -> RunEnd;
    fn handle_callback(&mut self, request: RequestId, what: Callback);
    fn health(&self) -> Health;
    fn shutdown(&mut self);
}

/// Makes an instance of a component.
pub(crate) fn initialize<C: Component>(config: &Config) -> Result<impl Running + use<C>, StartError> {
    let context = Context::new(C::PREFERS);
    let component = Box::new(C::initialize(config, &context)?);
    let its_own = context.clone();
    let make = move |mut component: Box<C>, message| {
        let context = its_own.clone();
        async move {
            let result = component.handle(message, &context).await;
            (component, result)
        }
    };
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let (component, handler) = (Some(component), Box::pin(None));
    Ok(Executor { context, component, make, handler, deferred: None, woken, waker })
}

impl<C, M, F> Executor<C, M, F>
where
    C: Component,
    M: Fn(Box<C>, Message) -> F,
    F: Future<Output = Handled<C>>,
{
    /// Polls the handler for as long as it wakes itself; its result when it has ended.
    #[inline]
    fn run(&mut self) -> Option<Completion> {
        let mut task = TaskContext::from_waker(&self.waker);
        loop {
            self.woken.clear();
            match self.handler.as_mut().as_pin_mut()?.poll(&mut task) {
                Poll::Ready((component, result)) => {
                    self.handler.set(None);
                    self.component = Some(component);
                    return Some(match result {
                        Ok(reply) => reply.into_completion(),
                        Err(rejection) => rejection.into_completion(),
                    });
                }
                Poll::Pending if self.woken.is_set() => {}
                Poll::Pending => return None,
            }
        }
    }

    /// Handles a message; none if its handler waits for a callback.
    #[inline]
    fn handle(&mut self, id: MessageId, bytes: Bytes) -> Option<Completion> {
        let message = match Message::new(id, bytes, C::PREFERS) {
            Ok(message) => message,
            Err(error) => return Some(Completion::Rejected(error.to_string())),
        };
        let Some(component) = self.component.take() else {
            return Some(Completion::Rejected("another message is being handled".to_owned()));
        };
        self.handler.set(Some((self.make)(component, message)));
        let completion = self.run();
        if completion.is_none() {
            self.deferred = Some(id);
        }
        completion
    }

    /// Handles messages as far as they go in one run.
    fn handle_run(&mut self, first: MessageId, lengths: &[u32], bodies: Vec<u8>) -> RunEnd {
        let bodies = Rc::new(bodies);
        let (mut begun, mut from) = (0, 0);
        for (id, length) in (first..).zip(lengths) {
            begun += 1;
            let to = from + *length as usize;
            match self.handle(id, Bytes::shared(&bodies, from..to)) {
                Some(Completion::Done) => {}
                Some(how) => {
                    if messaging::complete(id, &how).is_err() {
                        log::error!("the host does not know the message that was handled");
                    }
                    if matches!(how, Completion::Retry(_)) {
                        break;
                    }
                }
                None => return RunEnd { begun, deferred: true },
            }
            progress::on(id + 1);
            if self.context.is_stopping() {
                break;
            }
            from = to;
        }
        RunEnd { begun, deferred: false }
    }
}

impl<C, M, F> Running for Executor<C, M, F>
where
    C: Component,
    M: Fn(Box<C>, Message) -> F,
    F: Future<Output = Handled<C>>,
{
    fn handle_message(&mut self, id: MessageId, bytes: Vec<u8>) -> Outcome {
        self.handle(id, Bytes::from(bytes)).map_or(Outcome::Deferred, Outcome::Completed)
    }

    fn handle_messages(&mut self, first: MessageId, lengths: &[u32], bodies: Vec<u8>) -> RunEnd {
        progress::on(first);
        self.handle_run(first, lengths, bodies)
    }

    fn handle_callback(&mut self, request: RequestId, what: Callback) {
        self.context.settle(request, what);
        let Some(id) = self.deferred else { return };
        if !self.woken.is_set() {
            return;
        }
        if let Some(completion) = self.run() {
            self.deferred = None;
            if messaging::complete(id, &completion).is_err() {
                log::error!("the host does not know the message that was handled");
            }
        }
    }

    fn health(&self) -> Health {
        match &self.component {
            Some(component) => component.health(),
            None => Health::Degraded("a message is being handled".to_owned()),
        }
    }

    fn shutdown(&mut self) {
        if let Some(component) = &mut self.component {
            component.shutdown();
        }
    }
}

/// Set by every waker, asked between polls.
struct Woken(AtomicBool);

impl Woken {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Woken>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Woken>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
