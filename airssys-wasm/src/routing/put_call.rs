//! The way of a service's call into a mailbox.

use std::sync::Arc;

use airssys_rt::SendWithError;
use bytes::Bytes;
use tokio::time::Instant;

use crate::routing::draft::{Draft, Origin};
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::{Envelope, ReplyTo};
use crate::routing::queued_call::{CallRefused, QueuedCall};
use crate::routing::refusal::Refusal;

/// Puts a call into the mailbox of the least loaded instance, and wakes it.
///
/// A full mailbox refuses the call, unless it makes room for new entries (`drop-oldest`). The call is
/// dropped then, because its caller is told by the result.
pub(crate) fn put_call(
    endpoint: &Arc<Endpoint>,
    origin: Arc<Origin>,
    call: Box<dyn QueuedCall>,
) -> Result<(), CallRefused> {
    let account = &endpoint.account;
    let draft = Draft { body: Bytes::new(), origin };
    let Some(held) = account.budget.take(0) else { return Err(refused(endpoint, CallRefused::MailboxFull)) };
    let index = endpoint.least_loaded_member();
    let member = &endpoint.members[index];
    let now = Instant::now().into_std();
    let accept = || {
        Ok::<_, CallRefused>(Envelope::accept(draft, held, (account, index), Some(ReplyTo::Call(call)), now))
    };
    match member.try_send_with(accept) {
        Ok(is_idle) => {
            if is_idle {
                member.wake();
            }
            Ok(())
        }
        Err(SendWithError::Full) => Err(refused(endpoint, CallRefused::MailboxFull)),
        Err(_) => Err(refused(endpoint, CallRefused::Stopped)),
    }
}

/// Counts a refusal.
fn refused(endpoint: &Endpoint, reason: CallRefused) -> CallRefused {
    let refusal = match reason {
        CallRefused::MailboxFull => Refusal::MailboxFull,
        CallRefused::Stopped => Refusal::TargetStopped,
    };
    drop(endpoint.account.refuse(refusal));
    reason
}
