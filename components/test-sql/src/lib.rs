//! A component that makes the calls on databases which its messages say.

mod values;

use std::collections::HashMap;

use airssys_sdk::prelude::*;
use test_sql_calls::{Answer, Call, Failure, On, Outcome, Rows, Value};

use self::sql::airssys::sql::database::{self, Database, Statement, Transaction};
use self::sql::airssys::sql::types::{Column, Value as SqlValue};
use self::values::{failure, from_spin, from_sql, spin_failure, to_spin, to_sql};

mod sql {
    wit_bindgen::generate!({ path: "../../services/sql/wit/airssys", world: "imports", generate_all });
}

mod spin {
    wit_bindgen::generate!({ path: "../../services/sql/wit/spin", world: "imports", generate_all });
}

#[derive(Default)]
struct TestSql {
    databases: HashMap<String, Database>,
    transactions: HashMap<u32, Transaction>,
    rows: HashMap<u32, database::Rows>,
    statements: HashMap<u32, Statement>,
    last: u32,
}

fn missing(of: &str) -> Failure {
    Failure { case: "missing".to_owned(), text: of.to_owned() }
}

impl TestSql {
    fn handle(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    /// Opens a label, unless it is open.
    fn database(&mut self, label: &str) -> Result<&Database, Failure> {
        if !self.databases.contains_key(label) {
            let database = Database::open(label).map_err(failure)?;
            self.databases.insert(label.to_owned(), database);
        }
        self.databases.get(label).ok_or_else(|| missing("database"))
    }

    fn query(&mut self, on: On, text: &str, parameters: &[SqlValue]) -> Result<database::Rows, Failure> {
        let rows = match on {
            On::Label(label) => self.database(&label)?.query(text, parameters),
            On::Transaction(handle) => self.transaction(handle)?.query(text, parameters),
            On::Prepared(handle, within) => {
                let within = within.map(|within| self.transaction(within)).transpose()?;
                self.statement(handle)?.query(parameters, within)
            }
        };
        rows.map_err(failure)
    }

    fn execute(&mut self, on: On, text: &str, parameters: &[SqlValue]) -> Result<u64, Failure> {
        let changed = match on {
            On::Label(label) => self.database(&label)?.execute(text, parameters),
            On::Transaction(handle) => self.transaction(handle)?.execute(text, parameters),
            On::Prepared(handle, within) => {
                let within = within.map(|within| self.transaction(within)).transpose()?;
                self.statement(handle)?.execute(parameters, within)
            }
        };
        changed.map_err(failure)
    }

    fn transaction(&self, handle: u32) -> Result<&Transaction, Failure> {
        self.transactions.get(&handle).ok_or_else(|| missing("transaction"))
    }

    fn statement(&self, handle: u32) -> Result<&Statement, Failure> {
        self.statements.get(&handle).ok_or_else(|| missing("statement"))
    }

    fn take(&mut self, handle: u32) -> Result<Transaction, Failure> {
        self.transactions.remove(&handle).ok_or_else(|| missing("transaction"))
    }

    fn execute_times(&mut self, label: &str, text: &str, times: u32) -> Outcome {
        let mut changed = 0;
        for count in 0..times {
            let count = [SqlValue::Int64(i64::from(count))];
            changed += self.database(label)?.execute(text, &count).map_err(failure)?;
        }
        Ok(Answer::Changed(changed))
    }

    fn prepare(&mut self, label: &str, text: &str) -> Outcome {
        let statement = self.database(label)?.prepare(text).map_err(failure)?;
        let (handle, parameters) = (self.handle(), statement.parameters());
        let columns = statement.columns().into_iter().map(|column| column.name).collect();
        self.statements.insert(handle, statement);
        Ok(Answer::Prepared { handle, parameters, columns })
    }

    fn call(&mut self, call: Call) -> Outcome {
        Ok(match call {
            Call::Open(label) => {
                self.databases.remove(&label);
                self.database(&label)?;
                Answer::Done
            }
            Call::Query { on, text, parameters, page } => {
                let rows = self.query(on, &text, &to_sql(parameters))?;
                let mut read = with_columns(&rows.columns());
                loop {
                    let found = rows.next(page).map_err(failure)?;
                    if found.is_empty() {
                        break Answer::Rows(read);
                    }
                    add(&mut read, found);
                }
            }
            Call::OpenRows { on, text, parameters } => {
                let rows = self.query(on, &text, &to_sql(parameters))?;
                let handle = self.handle();
                self.rows.insert(handle, rows);
                Answer::Handle(handle)
            }
            Call::Next { rows, most } => {
                let rows = self.rows.get(&rows).ok_or_else(|| missing("rows"))?;
                let mut read = with_columns(&rows.columns());
                add(&mut read, rows.next(most).map_err(failure)?);
                Answer::Rows(read)
            }
            Call::Execute { on, text, parameters } => {
                Answer::Changed(self.execute(on, &text, &to_sql(parameters))?)
            }
            Call::ExecuteTimes { label, text, times } => self.execute_times(&label, &text, times)?,
            Call::Prepare { label, text } => self.prepare(&label, &text)?,
            Call::Begin(label) => {
                let transaction = self.database(&label)?.begin().map_err(failure)?;
                let handle = self.handle();
                self.transactions.insert(handle, transaction);
                Answer::Handle(handle)
            }
            Call::Commit(handle) => {
                Transaction::commit(self.take(handle)?).map_err(failure)?;
                Answer::Done
            }
            Call::Rollback(handle) => {
                Transaction::rollback(self.take(handle)?).map_err(failure)?;
                Answer::Done
            }
            Call::DropTransaction(handle) => {
                drop(self.take(handle)?);
                Answer::Done
            }
            Call::DropRows(handle) => {
                drop(self.rows.remove(&handle).ok_or_else(|| missing("rows"))?);
                Answer::Done
            }
            Call::Spin { label, text, parameters } => spin(&label, &text, parameters)?,
            Call::Trap => std::process::abort(),
        })
    }
}

fn with_columns(columns: &[Column]) -> Rows {
    let names = columns.iter().map(|column| column.name.clone());
    let types = columns.iter().map(|column| column.database_type.clone());
    Rows { columns: names.collect(), types: types.collect(), ..Rows::default() }
}

fn add(read: &mut Rows, page: Vec<Vec<SqlValue>>) {
    read.pages.push(page.len() as u32);
    read.rows.extend(page.into_iter().map(|row| row.into_iter().map(from_sql).collect()));
}

fn spin(label: &str, text: &str, parameters: Vec<Value>) -> Outcome {
    use self::spin::fermyon::spin::sqlite::Connection;
    let connection = Connection::open(label).map_err(spin_failure)?;
    let parameters: Vec<_> = parameters.into_iter().map(to_spin).collect();
    let found = connection.execute(text, &parameters).map_err(spin_failure)?;
    let rows = found.rows.into_iter().map(|row| row.values.into_iter().map(from_spin).collect());
    Ok(Answer::Rows(Rows { columns: found.columns, rows: rows.collect(), ..Rows::default() }))
}

impl Component for TestSql {
    fn initialize(_config: &Config, _context: &Context) -> Result<Self, StartError> {
        Ok(TestSql::default())
    }

    async fn handle(&mut self, message: Message, _context: &Context) -> Result<Reply, Rejection> {
        let outcome = self.call(message.decode()?);
        Ok(message.reply(&outcome)?)
    }
}

airssys_sdk::component!(TestSql);
