//! The work on one connection for one user: a task with one transaction.

use std::collections::{HashMap, VecDeque};

use airssys_sql::session::{Command, Ended, PageRead, Purpose, Reply, answer};
use airssys_sql::{Access, Changed, Column, Description, Error, Page, Row, Statement, Value};
use mysql_async::prelude::Queryable;
use mysql_async::{BinaryProtocol, Conn, Params, QueryResult};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::errors::error;
use crate::text::{Parsed, Part, parse};
use crate::{types, values};

/// The most bytes of rows that a session holds for a result, while another statement uses the connection.
const MAX_HELD_BYTES: usize = 4 << 20;

/// The rows of a result that were read and not yet asked for.
#[derive(Default)]
struct Cursor {
    read: VecDeque<(Row, usize)>,
    bytes: usize,
}

struct Session<'c> {
    connection: &'c mut Conn,
    purpose: Purpose,
    cursors: HashMap<u64, Cursor>,
    last: u64,
    /// The result whose rows still come from the server. It may be closed.
    streaming: Option<u64>,
}

/// Begins a transaction, says so, and does what the commands say until it ends.
pub(crate) async fn run(
    connection: &mut Conn,
    purpose: Purpose,
    begun: Reply<()>,
    commands: &mut UnboundedReceiver<Command>,
) -> Ended {
    let begin = async {
        let text = match purpose {
            Purpose::Describe(_) => return Ok(()),
            _ if purpose.access() == Access::Read => "START TRANSACTION READ ONLY",
            _ => "START TRANSACTION READ WRITE",
        };
        connection.query_drop(text).await.map_err(error)
    };
    if let Some(ended) = answer(begun, begin).await {
        return ended;
    }
    let (cursors, last, streaming) = (HashMap::new(), 0, None);
    let mut session = Session { connection, purpose, cursors, last, streaming };
    let ended = loop {
        let Some(command) = commands.recv().await else { break Ended::Idle };
        let ended = match command {
            Command::Execute(statement, reply) => answer(reply, session.execute(&statement)).await,
            Command::Change(statement, reply) => answer(reply, session.change(&statement)).await,
            Command::Describe(text, access, reply) => answer(reply, session.describe(&text, access)).await,
            Command::Query(statement, reply) => answer(reply, session.query(&statement)).await,
            Command::Page { cursor, most, reply } => answer(reply, session.page(cursor, most)).await,
            Command::Close(cursor) => {
                session.cursors.remove(&cursor);
                None
            }
            Command::Commit(reply) => Some(answer(reply, session.end("COMMIT")).await.unwrap_or(Ended::Idle)),
            Command::Rollback(reply) => {
                Some(answer(reply, session.end("ROLLBACK")).await.unwrap_or(Ended::Idle))
            }
            Command::End => Some(Ended::Idle),
        };
        if let Some(ended) = ended {
            break ended;
        }
    };
    // The server still sends rows, perhaps without end.
    if session.streaming.is_some() { Ended::Running } else { ended }
}

/// A statement as the server takes it.
struct Bound {
    text: String,
    parameters: Vec<mysql_async::Value>,
}

impl Session<'_> {
    fn check(&self, parsed: &Parsed<'_>) -> Result<(), Error> {
        parsed.check(self.purpose.access(), matches!(self.purpose, Purpose::Transaction(_)))
    }

    async fn end(&mut self, text: &str) -> Result<(), Error> {
        self.free().await?;
        self.connection.query_drop(text).await.map_err(error)
    }

    /// Checks the parameters of a statement, and writes them as the server takes them.
    async fn bound(&mut self, statement: &Statement) -> Result<Bound, Error> {
        let parsed = parse(&statement.text)?;
        self.check(&parsed)?;
        self.free().await?;
        let (needed, given) = (parsed.parameters, statement.parameters.len());
        if needed != given {
            return Err(Error::WrongType(format!(
                "the statement has {needed} parameters, and {given} were given"
            )));
        }
        self.check_types(&parsed, &statement.parameters).await?;
        render(&parsed, &statement.parameters)
    }

    /// Checks that the columns of parameters take their values without a loss.
    async fn check_types(&mut self, parsed: &Parsed<'_>, given: &[Value]) -> Result<(), Error> {
        let targets = types::targets(parsed);
        if targets.iter().all(|(number, _)| matches!(given.get(*number), None | Some(Value::Null))) {
            return Ok(());
        }
        let mut tables = Vec::new();
        for table in types::tables(parsed) {
            // A name may be one of a common table expression, which has no types yet.
            let columns = self.connection.prep(format!("SELECT * FROM {table} LIMIT 0")).await;
            match columns.map_err(error) {
                Ok(prepared) => tables.push(prepared.columns().to_vec()),
                Err(found @ Error::Unavailable(_)) => return Err(found),
                Err(_) => {}
            }
        }
        for (number, target) in &targets {
            if let (Some(value), Some(column)) = (given.get(*number), types::column(target, &tables)) {
                types::check(value, column)?;
            }
        }
        Ok(())
    }

    /// Runs a statement, and returns the columns of its rows.
    async fn start(&mut self, statement: &Statement) -> Result<Vec<Column>, Error> {
        let Bound { text, parameters } = self.bound(statement).await?;
        let prepared = self.connection.prep(text).await.map_err(error)?;
        if usize::from(prepared.num_params()) != parameters.len() {
            return Err(Error::QueryFailed("the parameters of the statement are not understood".to_owned()));
        }
        let parameters = match parameters.is_empty() {
            true => Params::Empty,
            false => Params::Positional(parameters),
        };
        let result = self.connection.exec_iter(&prepared, parameters).await.map_err(error)?;
        Ok(result.columns().map(|columns| values::columns(&columns)).unwrap_or_default())
    }

    /// Reads a row of the last statement.
    async fn next(&mut self) -> Result<Option<mysql_async::Row>, Error> {
        let mut result = QueryResult::<'_, '_, BinaryProtocol>::new(&mut *self.connection);
        result.next().await.map_err(error)
    }

    /// Reads the rows that the server still sends, so that it takes another statement.
    async fn free(&mut self) -> Result<(), Error> {
        while let Some(cursor) = self.streaming {
            if self.cursors.get(&cursor).is_some_and(|cursor| cursor.bytes > MAX_HELD_BYTES) {
                return Err(Error::LimitExceeded(
                    "an open result has many rows; read it to its end, or drop it".to_owned(),
                ));
            }
            match self.next().await {
                Ok(Some(row)) => {
                    // Rows of a closed result are only read.
                    if let Some(cursor) = self.cursors.get_mut(&cursor) {
                        let (row, bytes) = values::row(row)?;
                        cursor.bytes += bytes;
                        cursor.read.push_back((row, bytes));
                    }
                }
                Ok(None) => self.streaming = None,
                Err(found) => {
                    self.streaming = None;
                    return Err(found);
                }
            }
        }
        Ok(())
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, Error> {
        self.start(statement).await?;
        // Rows that nobody asked for. No cursor has this number.
        self.streaming = Some(0);
        self.free().await?;
        Ok(self.connection.affected_rows())
    }

    async fn change(&mut self, statement: &Statement) -> Result<Changed, Error> {
        let (cursor, columns) = self.query(statement).await?;
        let (rows, more) = self.page(cursor, usize::MAX).await?;
        // A full page may be the last one.
        match more && !self.page(cursor, 1).await?.0.is_empty() {
            true => {
                let text = "the rows of the statement do not fit one page; run it in a transaction";
                Err(Error::LimitExceeded(text.to_owned()))
            }
            false => Ok((columns, rows)),
        }
    }

    async fn describe(&mut self, text: &str, access: Access) -> Result<Description, Error> {
        let parsed = parse(text)?;
        // A call decides later whether it may run in a transaction.
        if let Err(refused) = parsed.check(access, true) {
            parsed.check(access, false).map_err(|_| refused)?;
        }
        let text = render(&parsed, &[])?.text;
        let prepared = self.connection.prep(text).await.map_err(error)?;
        let parameters = u32::try_from(parsed.parameters).unwrap_or(u32::MAX);
        Ok(Description { parameters, columns: values::columns(&prepared.columns()) })
    }

    async fn query(&mut self, statement: &Statement) -> Result<(u64, Vec<Column>), Error> {
        let columns = self.start(statement).await?;
        self.last += 1;
        self.cursors.insert(self.last, Cursor::default());
        self.streaming = Some(self.last);
        Ok((self.last, columns))
    }

    async fn page(&mut self, cursor: u64, most: usize) -> Result<PageRead, Error> {
        let Some(mut rows) = self.cursors.remove(&cursor) else {
            return Err(Error::Other("the rows are closed".to_owned()));
        };
        let mut page = Page::new(most);
        while !page.is_full() {
            if let Some((row, bytes)) = rows.read.pop_front() {
                rows.bytes -= bytes;
                page.push(row, bytes)?;
                continue;
            }
            if self.streaming != Some(cursor) {
                break;
            }
            match self.next().await {
                Ok(Some(row)) => {
                    let (row, bytes) = values::row(row)?;
                    page.push(row, bytes)?;
                }
                Ok(None) => self.streaming = None,
                Err(found) => {
                    self.streaming = None;
                    return Err(found);
                }
            }
        }
        let more = self.streaming == Some(cursor) || !rows.read.is_empty();
        self.cursors.insert(cursor, rows);
        Ok((page.into_rows(), more))
    }
}

/// Writes a statement with the parameters of the server. Without values, their types are open.
fn render(parsed: &Parsed<'_>, given: &[Value]) -> Result<Bound, Error> {
    let mut bound = Bound { text: String::new(), parameters: Vec::new() };
    for part in &parsed.parts {
        match part {
            Part::Text(text) => bound.text.push_str(text),
            Part::Parameter(number) => {
                let value = given.get(*number);
                bound.text.push_str(&values::placeholder(value)?);
                if let Some(value) = value {
                    bound.parameters.push(values::parameter(value)?);
                }
            }
        }
    }
    Ok(bound)
}
