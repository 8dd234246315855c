//! `airssys:component/system`.

use crate::contract::system::{Host, Identity, QuotaUsage};
use crate::guest::context::GuestContext;
use crate::observe::usage;
use crate::routing::wait_graph::WaitNode;

impl Host for GuestContext {
    fn self_id(&mut self) -> Identity {
        self.sampled(|guest| Identity {
            app: guest.instance.identity.app.to_string(),
            name: guest.instance.identity.instance.to_string(),
            incarnation: guest.incarnation,
        })
    }

    fn stop_self(&mut self) {
        self.stop_requested = true;
    }

    fn report_panic(&mut self, message: String) {
        self.timed(|guest| {
            let message = guest.log_line(&message);
            guest.set_panic(message.into());
        });
    }

    fn usage(&mut self) -> Vec<QuotaUsage> {
        self.timed(|guest| guest.used())
    }
}

impl GuestContext {
    fn used(&self) -> Vec<QuotaUsage> {
        let requests = self.callbacks.in_flight_count();
        let subscriptions =
            self.instance.router.subscriptions_held(&self.instance.sender, &self.instance.myself);
        let own = usage::of_instance(
            &self.instance.limits,
            &self.instance.gauges,
            &self.instance.memory,
            &self.instance.myself.handle(),
            requests,
            subscriptions,
        );
        let retained = (
            self.instance.router.retained_by(self.instance.sender.subject.component()),
            self.instance.limits.retained,
        );
        let shared = usage::of_component(
            &self.instance.sender.quota,
            &self.instance.endpoint.account.budget,
            retained,
        );
        let usage = own.into_iter().chain(shared);
        usage.map(|usage::QuotaUsage { name, used, limit }| QuotaUsage { name, used, limit }).collect()
    }
}
