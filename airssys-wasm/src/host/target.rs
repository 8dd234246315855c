//! Targets of messages: their mailboxes, accounts, subscriptions and names.

use std::sync::Arc;
use std::time::{Duration, Instant};

use airssys_message::Accepts;
use airssys_rt::{
    ActorRef, ChildSpec, OnLimit, Overflow, Prepared, RestartPolicy, SupervisorRef, TopicPattern,
};
use airssys_spec::pattern::check_component_name;
use airssys_spec::{Access, Capabilities, HOST_NAME, Limits, Subject};

use crate::actor::template::InstanceTemplate;
use crate::guest::component_log::ComponentLog;
use crate::guest::context::InstanceDependencies;
use crate::guest::long_stretches::LongStretches;
use crate::guest::settings::{LiveSettings, Settings};
use crate::host::error::SpawnError;
use crate::host::{ComponentHost, Registered};
use crate::observe::memory::MemoryGauge;
use crate::observe::stats::ComponentStats;
use crate::policy::byte_budget::ByteBudget;
use crate::policy::grants::Grants;
use crate::policy::name_bytes::most_bytes;
use crate::policy::quota::Quota;
use crate::routing::account::Account;
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::Envelope;
use crate::routing::identity::Identity;
use crate::routing::sender::Sender;

/// The parts of a specification that components and native actors have in common.
pub(super) struct TargetSpec<'a> {
    pub(super) name: &'a str,
    pub(super) accepts: Accepts,
    pub(super) capabilities: &'a Capabilities,
    pub(super) asks: &'a Capabilities,
    pub(super) subscribes: &'a [TopicPattern],
    pub(super) limits: &'a Limits,
    /// The memory of an instance that the host limits; 0 if it is native.
    pub(super) memory_bytes: usize,
    pub(super) capacity: usize,
    pub(super) overflow: Overflow,
    pub(super) restart: RestartPolicy,
    pub(super) on_limit: Option<OnLimit>,
    pub(super) stop_timeout: Duration,
    pub(super) instances: usize,
    pub(super) reads_input: bool,
    pub(super) takes_messages: bool,
    pub(super) settings: &'a Settings,
}

/// A target whose mailboxes and subscriptions exist, and that has no name yet.
pub(super) struct Target {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) seats: Vec<Seat>,
}

/// The mailbox of an instance, and the parts of the host that it works with.
pub(super) struct Seat {
    pub(super) prepared: Prepared<Envelope>,
    pub(super) instance: Arc<InstanceDependencies>,
}

/// The rights and rates that the instances of a target share.
struct Shares {
    grants: Arc<Grants>,
    quota: Arc<Quota>,
    limits: Arc<Limits>,
    log: Arc<ComponentLog>,
    settings: Arc<LiveSettings>,
    long_stretches: Arc<LongStretches>,
}

impl ComponentHost {
    /// Makes the mailboxes and the subscriptions of a target.
    pub(super) fn target(
        &self,
        supervisor: &SupervisorRef,
        spec: &TargetSpec<'_>,
    ) -> Result<Target, SpawnError> {
        self.check_name(spec.name)?;
        if spec.instances == 0 {
            return Err(SpawnError::NoInstances { name: spec.name.to_owned() });
        }
        let mailboxes = mailboxes(supervisor, spec)?;
        let endpoint = self.endpoint(spec, mailboxes.iter().map(Prepared::actor_ref).collect());
        let (asked, granted) = (spec.asks.clone(), spec.capabilities.clone());
        let clock = self.shared.router.app.trail.clock();
        let stats = Arc::clone(&endpoint.account.stats);
        let shares = Shares {
            grants: Arc::new(Grants::new(asked, granted, spec.subscribes.to_vec())),
            quota: Arc::new(Quota::new(spec.limits, clock)),
            limits: Arc::new(spec.limits.clone()),
            log: Arc::new(ComponentLog::new(spec.name, spec.limits, clock, stats)),
            settings: Arc::new(LiveSettings::new(spec.settings)),
            long_stretches: Arc::default(),
        };
        let mut seats = Vec::with_capacity(mailboxes.len());
        for prepared in mailboxes {
            let instance = self.dependencies(spec, &shares, &endpoint, prepared.actor_ref());
            let set_up = self.set_up(spec, &instance);
            seats.push(Seat { prepared, instance: Arc::new(instance) });
            if let Err(denied) = set_up {
                for seat in &seats {
                    self.shared.router.unsubscribe_all(&seat.instance.myself);
                }
                return Err(denied);
            }
        }
        Ok(Target { endpoint, seats })
    }

    /// Gives a target its name: from now on it can be sent to.
    pub(super) fn register(
        &self,
        name: &str,
        Target { endpoint, seats }: &Target,
        templates: Vec<Arc<InstanceTemplate>>,
    ) {
        let router = &self.shared.router;
        if seats.len() > 1 {
            for Seat { instance, .. } in seats {
                router.add(&instance.identity.instance, Arc::clone(&instance.endpoint));
            }
        }
        router.add(name, Arc::clone(endpoint));
        let instances = seats.iter().map(|seat| Arc::clone(&seat.instance)).collect();
        let registered = Registered { endpoint: Arc::clone(endpoint), instances, templates };
        self.shared.began.get_or_init(Instant::now);
        self.components().insert(name.to_owned(), registered);
    }

    fn check_name(&self, name: &str) -> Result<(), SpawnError> {
        check_component_name(name)
            .map_err(|source| SpawnError::InvalidName { name: name.to_owned(), source })?;
        match name == HOST_NAME || self.components().contains_key(name) {
            true => Err(SpawnError::NameTaken { name: name.to_owned() }),
            false => Ok(()),
        }
    }

    fn endpoint(&self, spec: &TargetSpec<'_>, members: Vec<ActorRef<Envelope>>) -> Arc<Endpoint> {
        let app = &self.shared.router.app;
        app.accepts_messages_up_to(spec.limits.message_size_bytes);
        let account = Account {
            name: Arc::from(spec.name),
            members: members.iter().map(ActorRef::handle).collect(),
            accepts: spec.accepts,
            max_message_bytes: match spec.takes_messages {
                true => spec.limits.message_size_bytes as u64,
                false => 0,
            },
            budget: ByteBudget::new(spec.limits.memory_bytes, spec.limits.message_size_bytes),
            overflow: spec.overflow,
            stats: Arc::new(ComponentStats::new()),
            dead_letters: Arc::clone(&app.dead_letters),
            in_flight: app.in_flight.part(),
        };
        Arc::new(Endpoint { account: Arc::new(account), members })
    }

    fn dependencies(
        &self,
        spec: &TargetSpec<'_>,
        shares: &Shares,
        endpoint: &Arc<Endpoint>,
        myself: ActorRef<Envelope>,
    ) -> InstanceDependencies {
        let router = &self.shared.router;
        let instance: Arc<str> = Arc::from(myself.name());
        let own = match spec.instances {
            1 => Arc::clone(endpoint),
            _ => Arc::new(endpoint.of_member(myself.clone())),
        };
        let sender = Sender {
            subject: Subject::new(spec.name, &*instance),
            instance: Arc::clone(&instance),
            accepts: Some(spec.accepts),
            stats: Arc::clone(&endpoint.account.stats),
            grants: Arc::clone(&shares.grants),
            quota: Arc::clone(&shares.quota),
            trail: Arc::clone(&router.app.trail),
        };
        InstanceDependencies {
            identity: Identity { app: Arc::clone(&self.shared.app), instance },
            limits: Arc::clone(&shares.limits),
            router: Arc::clone(router),
            sender,
            myself,
            endpoint: own,
            gauges: Arc::default(),
            memory: Arc::new(MemoryGauge::new(spec.memory_bytes)),
            log: Arc::clone(&shares.log),
            settings: Arc::clone(&shares.settings),
            backends: self.shared.connections.backends().clone(),
            long_stretches: Arc::clone(&shares.long_stretches),
        }
    }

    /// Subscribes an instance from the start, and checks whether it may do what it is set up for.
    fn set_up(&self, spec: &TargetSpec<'_>, instance: &InstanceDependencies) -> Result<(), SpawnError> {
        let InstanceDependencies { sender, myself, endpoint, router, .. } = instance;
        let denied = |source| SpawnError::Denied { name: spec.name.to_owned(), source: Box::new(source) };
        if spec.reads_input {
            sender.allows(&Access::Input).map_err(denied)?;
        }
        for pattern in spec.subscribes {
            router.subscribe(sender, pattern.clone(), myself, endpoint).map_err(denied)?;
        }
        let (used, most) = (router.subscriptions_held(sender, myself).bytes, most_bytes(spec.limits));
        if used > most {
            return Err(SpawnError::SubscriptionBytes { name: spec.name.to_owned(), used, most });
        }
        self.restore(sender, spec.limits, myself, endpoint);
        Ok(())
    }

    /// Subscribes an instance to what it had subscribed to by itself in earlier runs, as far as it
    /// still may; forgets the rest.
    fn restore(
        &self,
        sender: &Sender,
        limits: &Limits,
        actor: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
    ) {
        let router = &self.shared.router;
        let Some(state) = router.app.state() else { return };
        for pattern in state.subscriptions(&sender.instance) {
            let has_room = router.has_room_for_subscription(sender, &pattern, actor, limits).is_ok();
            // Decided without a record, because the instance has not tried anything yet.
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
}

/// Makes the mailbox of each instance.
fn mailboxes(
    supervisor: &SupervisorRef,
    spec: &TargetSpec<'_>,
) -> Result<Vec<Prepared<Envelope>>, SpawnError> {
    let prepare = |number| {
        let name = match spec.instances {
            1 => spec.name.to_owned(),
            _ => format!("{}/{number}", spec.name),
        };
        let child = ChildSpec::new(name.clone())
            .restart(spec.restart)
            .shutdown(spec.stop_timeout)
            .capacity(spec.capacity)
            .overflow(spec.overflow)
            .movable(true);
        let child = match spec.on_limit {
            Some(step) => child.on_limit(step),
            None => child,
        };
        supervisor.prepare(child).map_err(|source| SpawnError::Prepare { name, source })
    };
    (1..=spec.instances).map(prepare).collect()
}
