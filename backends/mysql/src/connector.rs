//! Connections to the server, and the check of their users.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use airssys_sql::Error;
use airssys_wasm::{Backoff, FailureLog};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};

use crate::errors::{connecting, error, of_connecting};

/// The delay after the first failure. It doubles with each failure that follows.
const FIRST_DELAY: Duration = Duration::from_millis(50);

/// The longest delay.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// The time that an attempt to end a statement has.
const KILL_TIME: Duration = Duration::from_secs(2);

/// Makes connections.
pub(crate) struct Connector {
    opts: Opts,
    /// True if a user with rights on the server is accepted.
    privileged: bool,
    /// The attempts since the last success.
    attempts: Mutex<Backoff<Error>>,
    log: FailureLog,
}

impl Connector {
    pub(crate) fn new(name: &str, opts: Opts, privileged: bool) -> Connector {
        let attempts = Mutex::new(Backoff::new(FIRST_DELAY, MAX_DELAY));
        Connector { opts, privileged, attempts, log: FailureLog::new(name) }
    }

    fn attempts(&self) -> MutexGuard<'_, Backoff<Error>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a connection, unless the last attempt failed a short time ago. The reason of a failure goes to
    /// the log, and not to components.
    pub(crate) async fn connect(&self) -> Result<Conn, Error> {
        if let Some(last) = self.attempts().last() {
            return Err(of_connecting(last));
        }
        match self.checked().await {
            Ok(connection) => {
                self.attempts().succeeded();
                self.log.works();
                Ok(connection)
            }
            Err(error) => {
                self.attempts().failed(error.clone());
                self.log.failed(&error);
                Err(of_connecting(&error))
            }
        }
    }

    /// Returns the reason for which the last attempt failed, until the next one is due.
    pub(crate) fn reason(&self) -> Option<Error> {
        self.attempts().last().cloned()
    }

    /// Makes a connection, and checks its user.
    async fn checked(&self) -> Result<Conn, Error> {
        let mut connection = Conn::new(self.opts.clone()).await.map_err(connecting)?;
        if !self.privileged {
            let grants: Vec<String> = connection.query("SHOW GRANTS").await.map_err(error)?;
            if let Some(rights) = grants.iter().find_map(|grant| rights_on_server(grant)) {
                return Err(Error::ConnectionFailed(format!(
                    "the user has rights on the server: {rights}; use a user with rights on its database only, \
                     or write `allow_privileged_role = true`"
                )));
            }
        }
        Ok(connection)
    }

    /// Ends a connection and the statement on it, whose transaction the server rolls back.
    pub(crate) async fn kill(&self, id: u32) {
        let kill = async {
            let mut connection = Conn::new(self.opts.clone()).await?;
            connection.query_drop(format!("KILL {id}")).await?;
            connection.disconnect().await
        };
        match tokio::time::timeout(KILL_TIME, kill).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a statement of MySQL was not ended"),
            Err(_) => tracing::debug!("a statement of MySQL was not ended in time"),
        }
    }
}

/// Returns the rights of a grant beyond those on the user's own databases.
fn rights_on_server(grant: &str) -> Option<&str> {
    let (rights, rest) = grant.strip_prefix("GRANT ")?.split_once(" ON ")?;
    let is_of_server = rest.starts_with("*.*") || rest.starts_with("`mysql`.") || rights == "PROXY";
    (is_of_server && rights != "USAGE").then_some(rights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_on_the_server_are_found() {
        for (grant, found) in [
            ("GRANT USAGE ON *.* TO `orders`@`%` IDENTIFIED BY PASSWORD '*1'", None),
            ("GRANT ALL PRIVILEGES ON `orders`.* TO `orders`@`%`", None),
            ("GRANT `role` TO `orders`@`%`", None),
            ("GRANT SELECT, FILE ON *.* TO `orders`@`%`", Some("SELECT, FILE")),
            ("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", Some("ALL PRIVILEGES")),
            ("GRANT SELECT ON `mysql`.* TO `orders`@`%`", Some("SELECT")),
            ("GRANT PROXY ON ''@'%' TO 'root'@'localhost'", Some("PROXY")),
        ] {
            assert_eq!(rights_on_server(grant), found, "{grant}");
        }
    }
}
