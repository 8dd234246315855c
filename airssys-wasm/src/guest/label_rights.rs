//! The rights on a label of a service, made once when it is opened and decided at every call.

use airssys_spec::{Denied, UsePattern};

use crate::guest::service::{Service, ServiceCall};

/// The rights `SERVICE/LABEL:read` and `SERVICE/LABEL:write`.
#[derive(Clone, Debug)]
pub struct LabelRights {
    read: UsePattern,
    write: UsePattern,
}

/// The rights on a label that a function needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelAccess {
    /// The right to read or the right to write. A denial is counted and audited as one to read.
    Any,
    /// The right to read.
    Read,
    /// The right to write.
    Write,
    /// Both rights.
    Both,
}

impl LabelRights {
    /// Returns the rights on a label of `S`, or `None` if the text, which a guest may have chosen,
    /// is not a name. A wildcard is not one.
    pub fn on<S: Service>(label: &str) -> Option<LabelRights> {
        let right = |verb: &str| UsePattern::exact(&format!("{}/{label}:{verb}", S::NAME)).ok();
        Some(LabelRights { read: right("read")?, write: right("write")? })
    }
}

impl<S: Service> ServiceCall<'_, S> {
    /// Decides whether the instance has rights on a label now. A denial is counted and audited.
    ///
    /// # Errors
    /// [`Denied`], with the manifest lines that would allow it.
    pub fn allows_label(&self, rights: &LabelRights, access: LabelAccess) -> Result<(), Denied> {
        match access {
            LabelAccess::Any => self.allows_any([&rights.read, &rights.write]),
            LabelAccess::Read => self.allows(&rights.read),
            LabelAccess::Write => self.allows(&rights.write),
            LabelAccess::Both => self.allows(&rights.read).and_then(|()| self.allows(&rights.write)),
        }
    }

    /// Returns true if the instance has rights on a label now. Neither counts nor audits a denial.
    pub fn has_label(&self, rights: &LabelRights, access: LabelAccess) -> bool {
        let (read, write) = (|| self.has(&rights.read), || self.has(&rights.write));
        match access {
            LabelAccess::Any => read() || write(),
            LabelAccess::Read => read(),
            LabelAccess::Write => write(),
            LabelAccess::Both => read() && write(),
        }
    }
}
