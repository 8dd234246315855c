//! `airssys:component/system`.

use super::GuestContext;
use crate::bindings::system::{Host, Identity, QuotaUsage};
use crate::usage;

impl Host for GuestContext {
    fn self_id(&mut self) -> Identity {
        Identity {
            app: self.identity.app.to_string(),
            name: self.identity.instance.to_string(),
            incarnation: self.incarnation,
        }
    }

    fn stop_self(&mut self) {
        self.stop_requested = true;
    }

    fn report_panic(&mut self, message: String) {
        let message = self.log_line(&message);
        self.set_panic(message);
    }

    fn usage(&mut self) -> Vec<QuotaUsage> {
        let requests = self.callbacks.under_way();
        let subscriptions = self.router.subscriptions_held(&self.sender, &self.myself);
        let own = usage::of_instance(
            &self.limits,
            &self.gauges,
            &self.memory,
            &self.myself,
            requests,
            subscriptions,
        );
        let retained = (self.router.retained_by(self.sender.subject.component()), self.limits.retained);
        let shared = usage::of_component(&self.sender.quota, &self.endpoint.budget, retained);
        let usage = own.into_iter().chain(shared);
        usage.map(|usage::QuotaUsage { name, used, limit }| QuotaUsage { name, used, limit }).collect()
    }
}
