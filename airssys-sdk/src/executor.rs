//! Runs one handler at a time, over as many calls from the host as the handler needs.

#[cfg(feature = "http")]
use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};

use crate::component::{Component, Health};
use crate::config::Config;
use crate::context::Context;
use crate::error::StartError;
use crate::host::{BatchEnd, Callback, Completion, MessageId, Outcome, RequestId, messaging};
use crate::message::{Bytes, Message};
use crate::progress;

/// A component instance and the handler it is in.
struct Executor<C, M, F, const WAITS: bool> {
    context: Context,
    /// `None` while a handler has it.
    component: Option<Box<C>>,
    /// Makes a handler's future.
    make: M,
    /// The running handler. All handlers use the same allocation.
    handler: Pin<Box<Option<F>>>,
    /// The message whose handler waits for a callback.
    deferred: Option<MessageId>,
    woken: Arc<Woken>,
    waker: Waker,
}

/// An instance, whatever the type of its component.
pub(crate) trait Running {
    fn handle_message(&mut self, id: MessageId, bytes: Vec<u8>) -> Outcome;
    fn handle_batch(&mut self, first: MessageId, lengths: &[u32], bodies: Vec<u8>) -> BatchEnd;
    fn handle_callback(&mut self, request: RequestId, what: Callback);
    fn health(&self) -> Health;
    fn shutdown(&mut self);
    /// Gives the component away until [`Running::take_back`].
    #[cfg(feature = "http")]
    fn lend(&mut self) -> Option<(Box<dyn Any>, Context)>;
    #[cfg(feature = "http")]
    fn take_back(&mut self, component: Box<dyn Any>);
}

/// Makes an instance of a component. With `WAITS`, its handlers wait within calls, not between them.
pub(crate) fn initialize<C: Component, const WAITS: bool>(
    config: &Config,
) -> Result<impl Running + use<C, WAITS>, StartError> {
    let context = Context::new(C::PREFERS);
    let component = Box::new(C::initialize(config, &context)?);
    let its_own = context.clone();
    let make = move |mut component: Box<C>, message| {
        let context = its_own.clone();
        async move {
            match component.handle(message, &context).await {
                Ok(reply) if reply.is_none() => {}
                Ok(reply) => context.complete(reply.into_completion()),
                Err(rejection) => context.complete(rejection.into_completion()),
            }
            component
        }
    };
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let (component, handler) = (Some(component), Box::pin(None));
    Ok(Executor::<_, _, _, WAITS> { context, component, make, handler, deferred: None, woken, waker })
}

impl<C, M, F, const WAITS: bool> Executor<C, M, F, WAITS>
where
    C: Component,
    M: Fn(Box<C>, Message) -> F,
    F: Future<Output = Box<C>>,
{
    /// Polls the handler until it has ended, or until it waits without having woken itself.
    #[inline]
    fn run(&mut self) -> Poll<()> {
        #[cfg(feature = "http")]
        if WAITS {
            return self.run_to_the_end();
        }
        let mut task = TaskContext::from_waker(&self.waker);
        loop {
            self.woken.clear();
            let Some(handler) = self.handler.as_mut().as_pin_mut() else { return Poll::Pending };
            match handler.poll(&mut task) {
                Poll::Ready(component) => {
                    self.handler.set(None);
                    self.component = Some(component);
                    return Poll::Ready(());
                }
                Poll::Pending if self.woken.is_set() => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Runs the handler until it has ended.
    #[cfg(feature = "http")]
    fn run_to_the_end(&mut self) -> Poll<()> {
        let Some(handler) = self.handler.as_mut().as_pin_mut() else { return Poll::Pending };
        let component = crate::http::wait::until_ended(&self.context, handler);
        self.handler.set(None);
        self.component = Some(component);
        Poll::Ready(())
    }

    /// Handles a message. A completion other than `done` is left in the context.
    #[inline]
    fn handle(&mut self, id: MessageId, bytes: Bytes) -> Poll<()> {
        let message = match Message::new(id, bytes, C::PREFERS) {
            Ok(message) => message,
            Err(error) => return self.reject(error.to_string()),
        };
        let Some(component) = self.component.take() else {
            return self.reject("another message is being handled".to_owned());
        };
        self.handler.set(Some((self.make)(component, message)));
        let ended = self.run();
        if ended.is_pending() {
            self.deferred = Some(id);
        }
        ended
    }

    #[cold]
    fn reject(&self, reason: String) -> Poll<()> {
        self.context.complete(Completion::Rejected(reason));
        Poll::Ready(())
    }

    /// Handles the messages of a batch, up to the first that ends it.
    fn handle_each(&mut self, first: MessageId, lengths: &[u32], bodies: Vec<u8>) -> BatchEnd {
        let bodies = Rc::new(bodies);
        let (mut begun, mut from) = (0, 0);
        for (id, length) in (first..).zip(lengths) {
            begun += 1;
            let to = from + *length as usize;
            if self.handle(id, Bytes::shared(&bodies, from..to)).is_pending() {
                return BatchEnd { begun, deferred: true };
            }
            if let Some(how) = self.context.take_completion() {
                complete(id, &how);
                if matches!(how, Completion::Retry(_)) {
                    break;
                }
            }
            progress::set_current(id + 1);
            if self.context.is_stopping() {
                break;
            }
            from = to;
        }
        BatchEnd { begun, deferred: false }
    }
}

fn complete(id: MessageId, how: &Completion) {
    if messaging::complete(id, how).is_err() {
        log::error!("the host does not know the message that was handled");
    }
}

impl<C, M, F, const WAITS: bool> Running for Executor<C, M, F, WAITS>
where
    C: Component,
    M: Fn(Box<C>, Message) -> F,
    F: Future<Output = Box<C>>,
{
    fn handle_message(&mut self, id: MessageId, bytes: Vec<u8>) -> Outcome {
        match self.handle(id, Bytes::from(bytes)) {
            Poll::Ready(()) => Outcome::Completed(self.context.take_completion().unwrap_or(Completion::Done)),
            Poll::Pending => Outcome::Deferred,
        }
    }

    fn handle_batch(&mut self, first: MessageId, lengths: &[u32], bodies: Vec<u8>) -> BatchEnd {
        progress::set_current(first);
        self.handle_each(first, lengths, bodies)
    }

    fn handle_callback(&mut self, request: RequestId, what: Callback) {
        self.context.deliver(request, what);
        let Some(id) = self.deferred else { return };
        if !self.woken.is_set() {
            return;
        }
        if self.run().is_ready() {
            self.deferred = None;
            complete(id, &self.context.take_completion().unwrap_or(Completion::Done));
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

    #[cfg(feature = "http")]
    fn lend(&mut self) -> Option<(Box<dyn Any>, Context)> {
        Some((self.component.take()?, self.context.clone()))
    }

    #[cfg(feature = "http")]
    fn take_back(&mut self, component: Box<dyn Any>) {
        self.component = component.downcast().ok();
    }
}

/// A flag that every waker sets, checked between polls.
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
