//! Targets of messages: their accounts, their subscriptions and their names.

use std::sync::Arc;

use airssys_rt::ActorRef;
use airssys_spec::pattern::check_component_name;
use airssys_spec::{Access, HOST_NAME};

use crate::actor::template::InstanceTemplate;
use crate::host::error::SpawnError;
use crate::host::spec::ComponentSpec;
use crate::host::{ComponentHost, Registered};
use crate::observe::stats::ComponentStats;
use crate::policy::byte_budget::ByteBudget;
use crate::routing::account::Account;
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::Envelope;
use crate::routing::sender::Sender;

impl ComponentHost {
    pub(super) fn check_name(&self, name: &str) -> Result<(), SpawnError> {
        check_component_name(name)
            .map_err(|source| SpawnError::InvalidName { name: name.to_owned(), source })?;
        match name == HOST_NAME || self.components().contains_key(name) {
            true => Err(SpawnError::NameTaken { name: name.to_owned() }),
            false => Ok(()),
        }
    }

    pub(super) fn endpoint(&self, spec: &ComponentSpec, members: Vec<ActorRef<Envelope>>) -> Arc<Endpoint> {
        let router = &self.shared.router;
        let account = Account {
            name: Arc::from(spec.name.as_str()),
            members: members.iter().map(ActorRef::handle).collect(),
            accepts: spec.accepts,
            max_message_bytes: spec.limits.message_size_bytes as u64,
            budget: ByteBudget::new(spec.limits.memory_bytes, spec.limits.message_size_bytes),
            overflow: spec.overflow,
            stats: Arc::new(ComponentStats::new()),
            dead_letters: Arc::clone(&router.app.dead_letters),
            in_flight: router.app.in_flight.part(),
        };
        Arc::new(Endpoint { account: Arc::new(account), members })
    }

    /// Subscribes an instance from the start, and looks whether it may do what it is set up for.
    pub(super) fn set_up(
        &self,
        spec: &ComponentSpec,
        sender: &Sender,
        actor: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
    ) -> Result<(), SpawnError> {
        let denied = |source| SpawnError::Denied { name: spec.name.clone(), source };
        if spec.input.is_some() {
            sender.allows(&Access::Input).map_err(denied)?;
        }
        for pattern in &spec.subscribes {
            self.shared.router.subscribe(sender, pattern.clone(), actor, endpoint).map_err(denied)?;
        }
        self.restore(sender, spec.limits.subscriptions, actor, endpoint);
        Ok(())
    }

    /// Subscribes an instance to what it had subscribed to by itself in earlier runs, as far as it
    /// still may; forgets the rest.
    fn restore(&self, sender: &Sender, limit: usize, actor: &ActorRef<Envelope>, endpoint: &Arc<Endpoint>) {
        let router = &self.shared.router;
        let Some(state) = router.app.state() else { return };
        for pattern in state.subscriptions(&sender.instance) {
            let has_room = router.subscriptions(actor).len() < limit;
            // Decided first: that it is not allowed any more is no denial of something it tried.
            let access = Access::Subscribe { pattern: &pattern };
            let may = has_room && sender.grants.decide(&sender.subject, &access).is_ok();
            if !may || router.subscribe(sender, pattern.clone(), actor, endpoint).is_err() {
                tracing::warn!(
                    instance = %sender.instance, %pattern,
                    "a subscription of an earlier run is not allowed any more: it is forgotten"
                );
                state.unsubscribed(&sender.instance, &pattern);
            }
        }
    }

    pub(super) fn register(&self, name: &str, endpoint: Arc<Endpoint>, templates: &[Arc<InstanceTemplate>]) {
        if templates.len() > 1 {
            for template in templates {
                self.shared
                    .router
                    .add(&template.instance.identity.instance, Arc::clone(&template.instance.endpoint));
            }
        }
        self.shared.router.add(name, Arc::clone(&endpoint));
        let registered = Registered { endpoint, templates: templates.to_vec() };
        self.components().insert(name.to_owned(), registered);
    }
}
