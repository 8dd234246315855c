//! A component as it is to run.

use airssys_message::{Accepts, Codec};
use airssys_rt::{Overflow, RestartPolicy, TopicPattern};
use airssys_spec::manifest::AppComponent;
use airssys_spec::{Capabilities, Delivery, Input, Limits};

use crate::actor::batch_size::MAX_BATCH_SIZE;
use crate::guest::component::Component;

/// A component as it is to run. What is not said is denied, or its default.
#[derive(Clone, Debug)]
pub struct ComponentSpec {
    /// The name by which it is reached.
    pub name: String,
    /// Its code.
    pub component: Component,
    /// What it may do. Default: nothing.
    pub capabilities: Capabilities,
    /// The codecs that it accepts, of messages and of replies, and the one it prefers. Default: cbor.
    pub accepts: Accepts,
    /// What it asks for: the most that it may be given while it runs. Default: what it may do.
    pub asks: Option<Capabilities>,
    /// Topics that every instance is subscribed to from the start; its capabilities have to allow
    /// each. Default: none.
    pub subscribes: Vec<TopicPattern>,
    /// The most that an instance may use.
    pub limits: Limits,
    /// Messages that the mailbox of an instance holds. Default: 1,024.
    pub capacity: usize,
    /// What a message meets when a mailbox is full. `Wait` and `Reject`: who sends is told
    /// `mailbox-full`; a publisher waits, or loses this copy to the dead letters. `DropOldest`: the
    /// oldest goes to the dead letters. `DropNewest`: this one does; a request is told
    /// `mailbox-full`. Default: `Wait`.
    pub overflow: Overflow,
    /// What becomes of a message whose handler fails, or asks for another attempt. Default: it goes
    /// to the dead letters.
    pub delivery: Delivery,
    /// The most messages that an instance gets with one call, if it takes several: 1 to 64. More
    /// cost less each; with fewer, a callback or a stop waits for fewer. Default: 64.
    pub batch_size: usize,
    /// When an instance that ended is restarted. Default: always.
    pub restart: RestartPolicy,
    /// How many instances run. With more than one, they are named `name/1`, `name/2`, … Default: 1.
    pub instances: usize,
    /// Settings that `initialize` gets.
    pub config: Vec<(String, String)>,
    /// What it reads as its standard input. Default: nothing.
    pub input: Option<Input>,
}

impl ComponentSpec {
    /// A component that may do nothing, with the defaults of everything.
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
            instances: 1,
            config: Vec::new(),
            input: None,
        }
    }

    /// The component of an app, with its code.
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
            instances: component.instances,
            config: component.config.clone(),
            input: component.input.clone(),
            ..ComponentSpec::new(component.name.clone(), code)
        }
    }
}
