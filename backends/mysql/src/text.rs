//! The texts of statements: their words, their parameters, and their effects.

use airssys_sql::{Access, Error};

/// A word of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token<'t> {
    Word(&'t str),
    /// A name in backticks.
    Name(String),
    /// A parameter, by the place of its value.
    Parameter(usize),
    /// Another character. Operators of two are two of them.
    Sign(char),
    /// A text or a number.
    Literal,
}

impl Token<'_> {
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    /// Returns the name of a table or a column.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Token::Word(name) => Some(name),
            Token::Name(name) => Some(name),
            _ => None,
        }
    }
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'t> {
    Text(&'t str),
    Parameter(usize),
}

/// A statement in its parts.
#[derive(Debug)]
pub(crate) struct Parsed<'t> {
    pub(crate) tokens: Vec<Token<'t>>,
    pub(crate) parts: Vec<Part<'t>>,
    /// The number of values that it needs.
    pub(crate) parameters: usize,
}

/// The effect of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Read,
    Change,
    /// It changes tables, which commits the transaction before it.
    Define,
    Savepoint,
}

fn refused(text: &str) -> Error {
    Error::QueryFailed(text.to_owned())
}

/// Reads a statement. Parameters are `$1`, `$2` and so on, or `?` in their order.
pub(crate) fn parse(text: &str) -> Result<Parsed<'_>, Error> {
    let (bytes, mut at, mut from) = (text.as_bytes(), 0, 0);
    let mut parsed = Parsed { tokens: Vec::new(), parts: Vec::new(), parameters: 0 };
    let mut unnumbered = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        match byte {
            b'\'' | b'"' => {
                at = after_quote(bytes, at, byte);
                parsed.tokens.push(Token::Literal);
            }
            b'`' => {
                let end = after_quote(bytes, at, byte);
                let name = text.get(at + 1..end.saturating_sub(1)).unwrap_or_default();
                parsed.tokens.push(Token::Name(name.replace("``", "`")));
                at = end;
            }
            b'#' => at = after_line(bytes, at),
            b'-' if next == Some(b'-') && bytes.get(at + 2).is_none_or(|byte| *byte <= b' ') => {
                at = after_line(bytes, at);
            }
            b'/' if next == Some(b'*') => {
                if text[at + 2..].starts_with('!') || text[at + 2..].starts_with("M!") {
                    return Err(refused("comments that run, such as `/*! … */`, are refused"));
                }
                at = text[at + 2..].find("*/").map_or(bytes.len(), |end| at + 2 + end + 2);
            }
            b'$' | b'?' => {
                let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                let number = match (byte, digits) {
                    (b'$', 1..) => text[at + 1..at + 1 + digits].parse().unwrap_or(0),
                    (b'$', _) => 0,
                    _ => {
                        unnumbered += 1;
                        unnumbered
                    }
                };
                if !(1..=1_000).contains(&number) || (byte == b'$' && unnumbered > 0) {
                    return Err(refused("a parameter is not one of `$1` to `$1000`"));
                }
                parsed.parts.extend([Part::Text(&text[from..at]), Part::Parameter(number - 1)]);
                parsed.tokens.push(Token::Parameter(number - 1));
                parsed.parameters = parsed.parameters.max(number);
                at += 1 + if byte == b'$' { digits } else { 0 };
                from = at;
            }
            byte if byte.is_ascii_digit() => {
                let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'.';
                at += bytes[at..].iter().take_while(is_part).count();
                parsed.tokens.push(Token::Literal);
            }
            byte if is_word(byte) => {
                let length = bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
                parsed.tokens.push(Token::Word(&text[at..at + length]));
                at += length;
            }
            byte => {
                if byte > b' ' {
                    parsed.tokens.push(Token::Sign(char::from(byte)));
                }
                at += 1;
            }
        }
    }
    parsed.parts.push(Part::Text(&text[from..]));
    Ok(parsed)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Returns the place after a quoted text. A doubled quotation mark is a part of it, and in texts also one
/// behind a backslash.
fn after_quote(bytes: &[u8], from: usize, mark: u8) -> usize {
    let mut at = from + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if mark != b'`' => at += 2,
            byte if byte != mark => at += 1,
            _ if bytes.get(at + 1) == Some(&mark) => at += 2,
            _ => return at + 1,
        }
    }
    bytes.len()
}

fn after_line(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| from + end + 1)
}

impl Parsed<'_> {
    /// Returns the effect of the statement. Statements about sessions, and those that are unknown, are refused.
    fn class(&self) -> Result<Class, Error> {
        let mut words = self.tokens.iter().skip_while(|token| **token == Token::Sign('('));
        let first = words.next();
        let is = |token: Option<&Token<'_>>, of: &[&str]| {
            token.is_some_and(|token| of.iter().any(|word| token.is(word)))
        };
        let mut second = words.next();
        if is(second, &["OR"]) {
            second = words.nth(1);
        }
        const OBJECTS: [&str; 10] = [
            "TABLE",
            "INDEX",
            "UNIQUE",
            "FULLTEXT",
            "SPATIAL",
            "VIEW",
            "TEMPORARY",
            "SEQUENCE",
            "ONLINE",
            "TRIGGER",
        ];
        if is(first, &["SELECT", "WITH", "VALUES", "SHOW", "DESCRIBE", "DESC", "EXPLAIN"]) {
            Ok(Class::Read)
        } else if is(first, &["INSERT", "UPDATE", "DELETE", "REPLACE"]) {
            Ok(Class::Change)
        } else if (is(first, &["CREATE", "ALTER", "DROP", "RENAME"]) && is(second, &OBJECTS))
            || is(first, &["TRUNCATE"])
        {
            Ok(Class::Define)
        } else if is(first, &["SAVEPOINT", "RELEASE"])
            || (is(first, &["ROLLBACK"]) && (is(second, &["TO"]) || is(words.next(), &["TO"])))
        {
            Ok(Class::Savepoint)
        } else {
            Err(refused("components cannot run a statement of this kind"))
        }
    }

    /// Checks that a statement may run with this access, in a transaction of the component or outside of one.
    ///
    /// MariaDB defines tables in a transaction that only reads, because it ends that first. So the words
    /// decide, and the transaction is the second guard for changes of rows.
    pub(crate) fn check(&self, access: Access, in_transaction: bool) -> Result<(), Error> {
        match (self.class()?, access) {
            (Class::Read, _) => Ok(()),
            (Class::Savepoint, _) if in_transaction => Ok(()),
            (Class::Savepoint, _) => Err(refused("there is no transaction; call `begin`")),
            (Class::Change | Class::Define, Access::Read) => Err(Error::AccessDenied),
            (Class::Define, Access::Write) if in_transaction => {
                Err(refused("a change of tables would commit the transaction; run it outside of one"))
            }
            (Class::Change | Class::Define, Access::Write) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Result<Class, Error> {
        parse(text)?.class()
    }

    #[test]
    fn statements_are_known_by_their_words() {
        for (text, expected) in [
            ("SELECT 1", Class::Read),
            ("-- a\n# b\n/* c */ (select 1)", Class::Read),
            ("INSERT INTO t VALUES (1)", Class::Change),
            ("create or replace table t (n int)", Class::Define),
            ("TRUNCATE t", Class::Define),
            ("ROLLBACK TO a", Class::Savepoint),
            ("rollback work to savepoint a", Class::Savepoint),
        ] {
            assert_eq!(class(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "COMMIT",
            "ROLLBACK",
            "BEGIN NOT ATOMIC COMMIT; END",
            "SET autocommit = 0",
            "CALL p()",
            "EXECUTE IMMEDIATE 'COMMIT'",
            "/*! COMMIT */",
            "SELECT 1 /*M!100000 INTO OUTFILE 'a' */",
            "--1\nCOMMIT",
            "ALTER USER CURRENT_USER() IDENTIFIED BY 'a'",
            "CREATE OR REPLACE USER a",
            "CREATE PROCEDURE p() COMMIT",
            "LOAD DATA LOCAL INFILE 'a' INTO TABLE t",
            "LOCK TABLES t WRITE",
            "KILL 1",
            "USE mysql",
        ] {
            assert!(matches!(class(text), Err(Error::QueryFailed(_))), "{text}");
        }
    }

    #[test]
    fn parameters_are_found_outside_of_texts_and_comments() {
        let text = "SELECT $2, '$1 \\' ''', \"$3\", `$4`, /* $5 */ $1 -- $6\n + $2";
        let parsed = parse(text).unwrap();
        let found: Vec<_> = parsed
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Parameter(number) => Some(*number),
                Part::Text(_) => None,
            })
            .collect();
        assert_eq!((found, parsed.parameters), (vec![1, 0, 1], 2));
        assert_eq!(parse("SELECT ?, ?").unwrap().parameters, 2);
        for wrong in ["SELECT $0", "SELECT $", "SELECT ?, $1", "SELECT $1001"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
