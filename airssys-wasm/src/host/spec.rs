//! Specifications of components and native actors.

use std::time::Duration;

use airssys_message::{Accepts, Codec};
use airssys_rt::{OnLimit, Overflow, RestartPolicy, TopicPattern};
use airssys_spec::manifest::{AppComponent, ComponentGivesUp, SettingValue};
use airssys_spec::{Capabilities, Delivery, Input, Limits};

use crate::actor::batch_size::MAX_BATCH_SIZE;
use crate::guest::component::Component;

/// The time that an instance has to stop, if its specification does not say otherwise.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The specification of a component. Rights that are not given are denied; the rest has defaults.
#[derive(Clone, Debug)]
pub struct ComponentSpec {
    /// The name by which others reach it.
    pub name: String,
    /// Its code.
    pub component: Component,
    /// The rights that it has at the start. Default: none.
    pub capabilities: Capabilities,
    /// The codecs that it accepts, of messages and of replies, and the one it prefers. Default: cbor.
    pub accepts: Accepts,
    /// The rights that it asks for: the most that it can be given while it runs. Default: those that
    /// it has at the start.
    pub asks: Option<Capabilities>,
    /// Topics that every instance is subscribed to from the start; its capabilities have to allow
    /// each. Default: none.
    pub subscribes: Vec<TopicPattern>,
    /// The limits of an instance.
    pub limits: Limits,
    /// Messages that the mailbox of an instance holds. Default: 1,024.
    pub capacity: usize,
    /// The policy of a full mailbox. `Wait` and `Reject` refuse a message with `mailbox-full`; with
    /// `Wait` a publisher waits, with `Reject` its copy goes to the dead letters. `DropOldest` moves
    /// the oldest message to the dead letters. `DropNewest` moves the new one there, and refuses a
    /// request with `mailbox-full`. Default: `Wait`.
    pub overflow: Overflow,
    /// The attempts of a message whose handler fails, or asks for another attempt. Default: one; then
    /// the message goes to the dead letters.
    pub delivery: Delivery,
    /// The most messages that an instance gets with one call, if it takes several: 1 to 64. In a
    /// large batch, each message costs less; in a small one, a callback or a stop waits less.
    /// Default: 64.
    pub batch_size: usize,
    /// The ends of an instance that a restart follows. Default: all.
    pub restart: RestartPolicy,
    /// The step that follows if an instance would be restarted more often than its supervisor allows.
    /// Default: `None`, that of its supervisor.
    pub on_limit: Option<OnLimit>,
    /// The time that an instance has to stop: with the app, alone, or with its group. It is ended after
    /// that. Default: 5 s.
    pub stop_timeout: Duration,
    /// The most instances at once, if each call from a service gets an instance of its own. The component
    /// must not export the contract then. Default: `None`, instances live on.
    pub per_request: Option<usize>,
    /// How many instances run. With more than one, they are named `name/1`, `name/2`, … Default: 1.
    pub instances: usize,
    /// Settings that `initialize` gets, and services that read them. Default: none.
    pub config: Vec<(String, SettingValue)>,
    /// Its standard input. Default: an empty one.
    pub input: Option<Input>,
}

/// The specification of a native actor that is a target of messages. Rights that are not given are
/// denied; the rest has defaults.
#[derive(Clone, Debug)]
pub struct NativeSpec {
    /// The name by which components and others reach it.
    pub name: String,
    /// The rights of its [`NativeSender`](crate::NativeSender). Default: none.
    pub capabilities: Capabilities,
    /// The codecs of messages that it accepts. Default: cbor.
    pub accepts: Accepts,
    /// Topics that it is subscribed to from the start; its capabilities have to allow each.
    /// Default: none.
    pub subscribes: Vec<TopicPattern>,
    /// Its limits: the size of a message, the bytes that wait in its mailbox (as many as
    /// `memory_bytes`), its rates and what it retains. The limits on a guest's code do not apply.
    pub limits: Limits,
    /// Messages that its mailbox holds. Default: 1,024.
    pub capacity: usize,
    /// The policy of its mailbox when it is full, as [`ComponentSpec::overflow`]. Default: `Wait`.
    pub overflow: Overflow,
    /// The ends after which it is restarted. Default: all.
    pub restart: RestartPolicy,
}

impl NativeSpec {
    /// Makes the specification of an actor without rights, with the default of everything else.
    pub fn new(name: impl Into<String>) -> NativeSpec {
        NativeSpec {
            name: name.into(),
            capabilities: Capabilities::default(),
            accepts: Accepts::only(Codec::Cbor),
            subscribes: Vec::new(),
            limits: Limits::default(),
            capacity: 1_024,
            overflow: Overflow::Wait,
            restart: RestartPolicy::Permanent,
        }
    }
}

impl ComponentSpec {
    /// Makes the specification of a component without rights, with the default of everything else.
    pub fn new(name: impl Into<String>, component: Component) -> ComponentSpec {
        ComponentSpec {
            name: name.into(),
            component,
            capabilities: Capabilities::default(),
            accepts: Accepts::only(Codec::Cbor),
            asks: None,
            subscribes: Vec::new(),
            limits: Limits::default(),
            capacity: 1_024,
            overflow: Overflow::Wait,
            delivery: Delivery::default(),
            batch_size: MAX_BATCH_SIZE,
            restart: RestartPolicy::Permanent,
            on_limit: None,
            stop_timeout: STOP_TIMEOUT,
            per_request: None,
            instances: 1,
            config: Vec::new(),
            input: None,
        }
    }

    /// Makes the specification of an app's component, with its code.
    pub fn of_app(component: &AppComponent, code: Component) -> ComponentSpec {
        ComponentSpec {
            capabilities: component.capabilities.clone(),
            asks: Some(component.manifest.capabilities.clone()),
            accepts: component.manifest.accepts,
            subscribes: component.manifest.subscribes.clone(),
            limits: component.limits.clone(),
            capacity: component.mailbox.capacity,
            overflow: component.mailbox.overflow,
            delivery: component.manifest.delivery,
            batch_size: component.manifest.batch_size,
            restart: component.restart,
            on_limit: component.on_give_up.map(|on_give_up| match on_give_up {
                ComponentGivesUp::Quarantine => OnLimit::Quarantine,
                ComponentGivesUp::StopApp => OnLimit::End,
            }),
            instances: component.instances,
            per_request: component.per_request,
            config: component.config.clone(),
            input: component.input.clone(),
            ..ComponentSpec::new(component.name.clone(), code)
        }
    }
}
