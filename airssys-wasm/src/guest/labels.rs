//! Open labels of services, and the steps around each of their calls: rate, right, deadline, counters.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::current::Current;
use crate::backend::set::OpenError;
use crate::guest::caller::CallsExceeded;
use crate::guest::label_rights::{LabelAccess, LabelRights};
use crate::guest::service::{Service, ServiceCall};

/// The time in which a label is opened. The connection has 5 s, and one that others make is waited for.
const OPEN_TIMEOUT: Duration = Duration::from_secs(11);

/// Returns a label as its backend makes it at present.
type Present<T> = Arc<dyn Fn() -> Arc<T> + Send + Sync>;

/// A label that an instance has opened, with the rights to ask for at each call. Cheap to clone.
pub struct OpenLabel<T: ?Sized> {
    label: Present<T>,
    name: Arc<str>,
    rights: LabelRights,
}

impl<T: ?Sized> Clone for OpenLabel<T> {
    fn clone(&self) -> OpenLabel<T> {
        let OpenLabel { label, name, rights } = self;
        OpenLabel { label: Arc::clone(label), name: Arc::clone(name), rights: rights.clone() }
    }
}

impl<T: ?Sized> OpenLabel<T> {
    /// Returns the label, as its backend makes it at present. A reload of secrets can replace it, so ask for
    /// it at each call.
    pub fn get(&self) -> Arc<T> {
        (self.label)()
    }

    /// Puts another form of the label in its place, such as one with the limits of the component. The form
    /// is made at each call, so it has no state of its own.
    pub fn map<U: ?Sized + 'static>(
        self,
        form: impl Fn(Arc<T>) -> Arc<U> + Send + Sync + 'static,
    ) -> OpenLabel<U>
    where
        T: 'static,
    {
        let OpenLabel { label, name, rights } = self;
        OpenLabel { label: Arc::new(move || form(label())), name, rights }
    }

    /// Returns the label's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn present<T: ?Sized + Send + Sync + 'static>(label: Arc<Current<T>>) -> Present<T> {
    Arc::new(move || label.get())
}

/// Reasons for which a call on a label is not made, or does not end. The texts are for guests: those of
/// backends, which name servers and folders, are in the log only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The component lacks the right, whether or not the label exists.
    #[error("access denied")]
    AccessDenied,
    /// No backend serves the label.
    #[error("no backend serves the label")]
    NoBackend,
    /// The component makes too many calls.
    #[error(transparent)]
    CallsExceeded(#[from] CallsExceeded),
    /// The backend cannot be reached, or does not serve the label.
    #[error("the backend is unavailable")]
    Unavailable,
    /// The call took too long. A write may have been done.
    #[error("the call took too long")]
    Timeout,
}

/// Waits for a call of a backend, for a time. The call is dropped after that.
///
/// # Errors
/// That of the call, or [`LabelError::Timeout`].
pub async fn in_time<R, E: From<LabelError>>(
    time: Duration,
    call: impl Future<Output = Result<R, E>>,
) -> Result<R, E> {
    tokio::time::timeout(time, call).await.unwrap_or_else(|_| Err(LabelError::Timeout.into()))
}

impl<S: Service> ServiceCall<'_, S> {
    /// Opens a label, which is a call of its own: it is counted as `open`. Any right on the label is
    /// enough. The service's trait is `T`, such as `dyn Store`.
    ///
    /// # Errors
    /// [`LabelError`]. The reason for which a backend is unavailable goes to the log when it changes.
    pub async fn open_label<T: ?Sized + Send + Sync + 'static>(
        &mut self,
        label: &str,
    ) -> Result<OpenLabel<T>, LabelError> {
        let began = Instant::now();
        let opened = match self.admit() {
            Ok(()) => self.find_label(label, LabelAccess::Any).await,
            Err(exceeded) => Err(exceeded.into()),
        };
        self.record("open", began, opened.is_ok());
        opened
    }

    /// As [`ServiceCall::open_label`], as a part of a call that is counted otherwise, with the right that it
    /// needs.
    ///
    /// # Errors
    /// As [`ServiceCall::open_label`].
    pub async fn find_label<T: ?Sized + Send + Sync + 'static>(
        &mut self,
        label: &str,
        access: LabelAccess,
    ) -> Result<OpenLabel<T>, LabelError> {
        let rights = LabelRights::on::<S>(label).ok_or(LabelError::AccessDenied)?;
        self.allows_label(&rights, access).map_err(|_| LabelError::AccessDenied)?;
        let backends = self.backends().clone();
        let opened = async {
            match backends.open_current::<T>(S::NAME, label).await {
                Ok(opened) => Ok(OpenLabel { label: present(opened), name: label.into(), rights }),
                Err(OpenError::NoBackend { .. }) => Err(LabelError::NoBackend),
                Err(OpenError::Unavailable { .. } | OpenError::Refused { .. }) => {
                    Err(LabelError::Unavailable)
                }
            }
        };
        in_time(OPEN_TIMEOUT, opened).await
    }

    /// Counts a call on a label against the component's rate, and decides about its right now, so that a
    /// revocation counts at the next call.
    ///
    /// # Errors
    /// [`LabelError::CallsExceeded`] and [`LabelError::AccessDenied`].
    pub fn admit_label<T: ?Sized>(
        &self,
        label: &OpenLabel<T>,
        access: LabelAccess,
    ) -> Result<(), LabelError> {
        self.admit()?;
        self.allow(label, access)
    }

    /// Decides about a right on a label now.
    ///
    /// # Errors
    /// [`LabelError::AccessDenied`].
    pub fn allow<T: ?Sized>(&self, label: &OpenLabel<T>, access: LabelAccess) -> Result<(), LabelError> {
        self.allows_label(&label.rights, access).map_err(|_| LabelError::AccessDenied)
    }

    /// Returns true if the instance has rights on a label now. Neither counts nor audits a denial.
    pub fn has_access<T: ?Sized>(&self, label: &OpenLabel<T>, access: LabelAccess) -> bool {
        self.has_label(&label.rights, access)
    }

    /// Runs a call on a label: counts it, decides about its right, and drops it after its time.
    ///
    /// # Errors
    /// That of the call, or [`LabelError`].
    pub async fn on_label<T: ?Sized, R, E: From<LabelError>>(
        &mut self,
        function: &'static str,
        label: &OpenLabel<T>,
        access: LabelAccess,
        time: Duration,
        work: impl Future<Output = Result<R, E>>,
    ) -> Result<R, E> {
        let began = Instant::now();
        let done = match self.admit_label(label, access) {
            Ok(()) => in_time(time, work).await,
            Err(error) => Err(error.into()),
        };
        self.record(function, began, done.is_ok());
        done
    }
}
