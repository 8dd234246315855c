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
pub(crate) struct Executor<C> {
    context: Context,
    /// None while a handler has it.
    component: Option<Box<C>>,
    handling: Box<dyn Handling<C>>,
    /// The message whose handler waits for a callback.
    deferred: Option<MessageId>,
    woken: Arc<Woken>,
    waker: Waker,
}

/// What the host asks of an instance, whatever its component.
pub(crate) trait Running {
    fn handle_message(&mut self, id: MessageId, bytes: Vec<u8>) -> Outcome;
    fn handle_messages(&mut self, first: MessageId, lengths: &[u32], bodies: Vec<u8>) -> RunEnd;
    fn handle_callback(&mut self, request: RequestId, what: Callback);
    fn health(&self) -> Health;
    fn shutdown(&mut self);
}

impl<C: Component> Executor<C> {
    pub(crate) fn initialize(config: &Config) -> Result<Executor<C>, StartError> {
        let context = Context::new(C::PREFERS);
        let component = Box::new(C::initialize(config, &context)?);
        let handling = handling(context.clone());
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        Ok(Executor { context, component: Some(component), handling, deferred: None, woken, waker })
    }

    /// Polls the handler for as long as it wakes itself; its result when it has ended.
    fn run(&mut self) -> Option<Completion> {
        let mut task = TaskContext::from_waker(&self.waker);
        loop {
            self.woken.take();
            match self.handling.poll(&mut task) {
                Poll::Ready((component, result)) => {
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
}

impl<C: Component> Executor<C> {
    fn handle(&mut self, id: MessageId, bytes: Bytes) -> Outcome {
        let message = match Message::new(id, bytes, C::PREFERS) {
            Ok(message) => message,
            Err(error) => return Outcome::Completed(Completion::Rejected(error.to_string())),
        };
        let Some(component) = self.component.take() else {
            return Outcome::Completed(Completion::Rejected("another message is being handled".to_owned()));
        };
        self.handling.begin(component, message);
        match self.run() {
            Some(completion) => Outcome::Completed(completion),
            None => {
                self.deferred = Some(id);
                Outcome::Deferred
            }
        }
    }

    /// Handles messages as far as they go in one run.
    fn handle_run(&mut self, first: MessageId, lengths: &[u32], bodies: Vec<u8>) -> RunEnd {
        let bodies = Rc::new(bodies);
        let (mut begun, mut from) = (0, 0);
        for (id, length) in (first..).zip(lengths) {
            begun += 1;
            let to = from + *length as usize;
            match self.handle(id, Bytes::shared(&bodies, from..to)) {
                Outcome::Completed(Completion::Done) => {}
                Outcome::Completed(how) => {
                    if messaging::complete(id, &how).is_err() {
                        log::error!("the host does not know the message that was handled");
                    }
                    if matches!(how, Completion::Retry(_)) {
                        break;
                    }
                }
                Outcome::Deferred => return RunEnd { begun, deferred: true },
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

impl<C: Component> Running for Executor<C> {
    fn handle_message(&mut self, id: MessageId, bytes: Vec<u8>) -> Outcome {
        self.handle(id, Bytes::from(bytes))
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

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
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

/// What a handler gives back when it ends: the component it had, and its result.
type Handled<C> = (Box<C>, Result<Reply, Rejection>);

/// A handler's future, under way or ended.
trait Handling<C> {
    fn begin(&mut self, component: Box<C>, message: Message);
    fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<Handled<C>>;
}

fn handling<C: Component>(context: Context) -> Box<dyn Handling<C>> {
    let make = move |mut component: Box<C>, message| {
        let context = context.clone();
        async move {
            let result = component.handle(message, &context).await;
            (component, result)
        }
    };
    Box::new(Reused { make, future: Box::pin(None) })
}

/// Keeps one allocation for the futures of all messages.
struct Reused<M, F> {
    make: M,
    future: Pin<Box<Option<F>>>,
}

impl<C, M, F> Handling<C> for Reused<M, F>
where
    M: Fn(Box<C>, Message) -> F,
    F: Future<Output = Handled<C>>,
{
    fn begin(&mut self, component: Box<C>, message: Message) {
        self.future.set(Some((self.make)(component, message)));
    }

    fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<Handled<C>> {
        let Some(future) = self.future.as_mut().as_pin_mut() else { return Poll::Pending };
        let handled = future.poll(task);
        if handled.is_ready() {
            self.future.set(None);
        }
        handled
    }
}

#[cfg(test)]
mod tests;
