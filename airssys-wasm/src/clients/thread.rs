//! The thread of a server.

use std::future::Future;
use std::io;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

/// A thread with a small runtime, on which a server answers while components hold every worker. A long
/// answer delays no component. Dropping it ends the thread and the tasks of all clients.
#[derive(Debug)]
pub(crate) struct ServerThread {
    name: &'static str,
    /// Dropping it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ServerThread {
    /// Starts the thread, which serves until it is dropped.
    ///
    /// # Errors
    /// The system starts no thread, or has no file descriptor left.
    pub(crate) fn start<F>(
        name: &'static str,
        serve: impl FnOnce() -> F + Send + 'static,
    ) -> io::Result<ServerThread>
    where
        F: Future<Output = ()>,
    {
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = serve() => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(ServerThread { name, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread {} panicked", self.name);
        }
    }
}
