//! `airssys:component/system`.

use super::GuestContext;
use crate::bindings::system::{Host, Identity};

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
}
