//! A host with the component, on the backend under test.

use std::path::PathBuf;

use airssys_conformance::{Role, TestComponent, TestHost, limits};
use airssys_wasm::{Backends, CallError, ComponentHost, Services};
use test_sql_calls::{Answer, Call, Failure, On, Outcome, Rows, Value};

use super::dialect::Dialect;
use crate::Sql;

/// The instances of the component that may write.
const INSTANCES: usize = 4;

/// The label that most scenarios use. The component `writer` may write it, and `reader` may read it.
pub const LABEL: &str = "orders";

/// Another label, which only `writer` may use.
pub const OTHER: &str = "other";

/// An instance that may write.
#[derive(Clone, Copy, Debug)]
pub struct Writes(pub usize);

/// A host with the component `test-sql`, on the backend under test.
pub struct Subject {
    host: TestHost,
    pub(super) dialect: Dialect,
}

/// Returns the value of a result, or panics with its failure.
#[track_caller]
pub(super) fn done(outcome: Outcome) -> Answer {
    outcome.unwrap_or_else(|failure| panic!("the call fails: {failure:?}"))
}

/// Returns the case of a failure, or panics with the answer.
#[track_caller]
pub(super) fn case<T: std::fmt::Debug>(outcome: Result<T, Failure>) -> String {
    outcome.expect_err("the call has to fail").case
}

impl Subject {
    /// Starts the component on the backends of a runtime configuration. `data` is the folder for data.
    pub async fn new(backends: Backends, runtime: &str, data: Option<PathBuf>, dialect: Dialect) -> Subject {
        let component = TestComponent {
            folder: "test-sql",
            services: Services::default().with(Sql),
            limits: limits(),
            roles: &[
                Role { name: "writer", instances: INSTANCES, uses: &["sql/orders", "sql/other"] },
                Role { name: "reader", instances: 1, uses: &["sql/orders:read"] },
                Role { name: "stranger", instances: 1, uses: &[] },
            ],
        };
        Subject { host: TestHost::start(component, backends, runtime, data).await, dialect }
    }

    /// Returns the host, for checks of its records.
    pub fn host(&self) -> &ComponentHost {
        self.host.host()
    }

    /// Makes a call in an instance; an error of the instance is returned.
    pub async fn try_call(&self, instance: &str, call: &Call) -> Result<Outcome, CallError> {
        self.host.try_call(instance, call).await
    }

    /// Makes a call in an instance.
    pub async fn call_in(&self, instance: &str, call: Call) -> Outcome {
        self.host.call(instance, &call).await
    }

    /// Makes a call in the first instance that may write.
    pub async fn call(&self, call: Call) -> Outcome {
        self.call_in("writer/1", call).await
    }

    /// Makes a call in an instance that may write.
    pub async fn call_writer(&self, Writes(number): Writes, call: Call) -> Outcome {
        self.call_in(&format!("writer/{number}"), call).await
    }

    /// Executes a statement, in the first instance that may write.
    pub async fn execute(&self, text: &str, parameters: &[Value]) -> Result<u64, Failure> {
        self.execute_on(On::Label(LABEL.to_owned()), text, parameters).await
    }

    /// As [`Subject::execute`], in a place of the instance.
    pub async fn execute_on(&self, on: On, text: &str, parameters: &[Value]) -> Result<u64, Failure> {
        let call = Call::Execute { on, text: text.to_owned(), parameters: parameters.to_vec() };
        match self.call(call).await? {
            Answer::Changed(changed) => Ok(changed),
            answer => panic!("{text}: {answer:?}"),
        }
    }

    /// Runs a query, in the first instance that may write.
    pub async fn query(&self, text: &str, parameters: &[Value]) -> Result<Rows, Failure> {
        self.query_on(On::Label(LABEL.to_owned()), text, parameters).await
    }

    /// As [`Subject::query`], in a place of the instance.
    pub async fn query_on(&self, on: On, text: &str, parameters: &[Value]) -> Result<Rows, Failure> {
        self.query_in("writer/1", on, text, parameters).await
    }

    /// As [`Subject::query_on`], in an instance.
    pub async fn query_in(
        &self,
        instance: &str,
        on: On,
        text: &str,
        parameters: &[Value],
    ) -> Result<Rows, Failure> {
        let (text, parameters) = (text.to_owned(), parameters.to_vec());
        match self.call_in(instance, Call::Query { on, text, parameters, page: 1_000 }).await? {
            Answer::Rows(rows) => Ok(rows),
            answer => panic!("{answer:?}"),
        }
    }

    /// Returns the only number of a result.
    pub async fn number(&self, text: &str) -> i64 {
        let rows = self.query(text, &[]).await.expect("the query runs");
        match rows.rows.as_slice() {
            [row] => match row.as_slice() {
                [Value::Int64(number)] => *number,
                [Value::Int32(number)] => i64::from(*number),
                row => panic!("{text}: {row:?}"),
            },
            rows => panic!("{text}: {rows:?}"),
        }
    }

    /// Makes a table anew, with columns that are written for this product.
    pub async fn table(&self, name: &str, columns: &str) {
        self.execute(&format!("DROP TABLE IF EXISTS {name}"), &[]).await.expect("the table is dropped");
        let text = format!("CREATE TABLE {name} ({columns})");
        self.execute(&text, &[]).await.unwrap_or_else(|failure| panic!("{text}: {failure:?}"));
    }

    /// Returns the handle of an answer.
    pub async fn handle(&self, call: Call) -> u32 {
        match done(self.call(call).await) {
            Answer::Handle(handle) => handle,
            answer => panic!("{answer:?}"),
        }
    }

    /// Begins a transaction in the first instance that may write.
    pub async fn begin(&self) -> u32 {
        self.handle(Call::Begin(LABEL.to_owned())).await
    }

    /// Gives or takes a right of the component `writer`.
    pub(super) fn change_right(&self, gives: bool, right: &str) {
        self.host.change_right("writer", gives, right);
    }
}
