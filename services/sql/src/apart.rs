//! The place of a label's data on a server: labels on one table of a backend have to be apart.

use airssys_wasm::manifest::{Diagnostics, LabelTable, Secret};

/// The most bytes of a name on a server. A longer one is cut by some, which would join labels.
const MAX_NAME_BYTES: usize = 63;

/// A name on a server, in which `*` stands for the name of the label.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NamePattern(String);

impl NamePattern {
    fn parse(text: &str) -> Result<NamePattern, &'static str> {
        match text {
            "" => Err("is empty"),
            text if text.len() > MAX_NAME_BYTES => Err("has more than 63 bytes"),
            text if text.chars().any(char::is_control) => Err("contains a control character"),
            text if text.matches('*').count() > 1 => Err("contains `*` twice"),
            text => Ok(NamePattern(text.to_owned())),
        }
    }

    /// Makes the pattern of a name that is the same for all labels.
    fn fixed(name: &str) -> NamePattern {
        NamePattern(name.replace('*', ""))
    }

    fn differs(&self) -> bool {
        self.0.contains('*')
    }

    /// Returns the name for a label, or `None` if it is too long.
    fn of(&self, label: &str) -> Option<String> {
        Some(self.0.replace('*', label)).filter(|name| name.len() <= MAX_NAME_BYTES)
    }

    /// Returns the label for which the pattern is this name.
    fn label<'n>(&self, name: &'n str) -> Option<&'n str> {
        let (before, after) = self.0.split_once('*')?;
        name.strip_prefix(before)?.strip_suffix(after)
    }
}

/// The options of a label on a server.
#[derive(Clone, Debug)]
pub struct LabelOptions {
    database: Option<NamePattern>,
    user: Option<NamePattern>,
    schema: Option<NamePattern>,
    password: Option<Secret>,
}

/// The names of a label on a server. Those that are `None` are the table's.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LabelPlace {
    /// The database.
    pub database: Option<String>,
    /// The user, who has only the rights of the label.
    pub user: Option<String>,
    /// The schema in the database.
    pub schema: Option<String>,
    /// The password of the user.
    pub password: Option<Secret>,
}

/// The separation of labels that a product has.
#[derive(Clone, Copy, Debug)]
pub struct Separation<'a> {
    /// The database of the table.
    pub database: &'a str,
    /// The user of the table.
    pub user: &'a str,
    /// True if a user in one database cannot reach another one.
    pub by_database: bool,
}

impl LabelOptions {
    /// Reads the options `database`, `user` and `password` of a label, and `schema` if the product has it.
    ///
    /// # Errors
    /// Every mistake in the options.
    pub fn read(label: &LabelTable, has_schemas: bool) -> Result<LabelOptions, Diagnostics> {
        label.read(|table| {
            let pattern = |key| {
                table.parsed(key, "\"orders\"", |text| {
                    let help = format!("write `{key} = \"orders\"`, or `\"*\"` for the name of the label");
                    NamePattern::parse(text).map_err(|reason| (format!("`{key}` {reason}"), help))
                })
            };
            let (database, user) = (pattern("database"), pattern("user"));
            let schema = if has_schemas { pattern("schema") } else { None };
            let password = table.secret("password", "{ env = \"ORDERS_PASSWORD\" }");
            LabelOptions { database, user, schema, password }
        })
    }

    /// Returns the place of a label.
    ///
    /// # Errors
    /// A message if a name is too long for a server.
    pub fn place(&self, label: &str) -> Result<LabelPlace, String> {
        let name = |pattern: &Option<NamePattern>| match pattern.as_ref().map(|pattern| pattern.of(label)) {
            None => Ok(None),
            Some(Some(name)) => Ok(Some(name)),
            Some(None) => Err(format!("a name of the label has more than {MAX_NAME_BYTES} bytes")),
        };
        let (database, user, schema) = (name(&self.database)?, name(&self.user)?, name(&self.schema)?);
        Ok(LabelPlace { database, user, schema, password: self.password.clone() })
    }

    /// Returns the patterns of which two labels need one that differs.
    fn patterns(&self, product: Separation<'_>) -> Vec<NamePattern> {
        let own = |pattern: &Option<NamePattern>, table| {
            pattern.clone().unwrap_or_else(|| NamePattern::fixed(table))
        };
        let mut patterns = vec![own(&self.user, product.user)];
        if product.by_database {
            patterns.push(own(&self.database, product.database));
        }
        patterns
    }
}

/// Checks that the labels on one table are apart: each has a user of its own, or a database.
///
/// # Errors
/// A report for each pair of labels that would share their data.
pub fn check_apart(
    product: Separation<'_>,
    labels: &[(&LabelTable, &LabelOptions)],
) -> Result<(), Diagnostics> {
    let listed: Vec<_> = labels.iter().map(|(label, _)| label.label()).collect();
    let of = if product.by_database { "a `database` or a `user`" } else { "a `user`" };
    let key = if product.by_database { "database" } else { "user" };
    let mut found: Option<Diagnostics> = None;
    let mut report = |label: &LabelTable, message: String| {
        let backend = label.backend();
        let help = format!(
            "give each label {of} of its own, such as `{{ backend = \"{backend}\", {key} = \"orders\" }}`; \
             `{key} = \"*\"` is the name of the label"
        );
        let fault = label.label_fault(message, help);
        match &mut found {
            Some(found) => found.append(fault),
            None => found = Some(fault),
        }
    };
    for (at, (label, options)) in labels.iter().enumerate() {
        let patterns = options.patterns(product);
        if label.is_for_all() && !patterns.iter().any(NamePattern::differs) {
            report(label, "the labels of `\"*\"` would share their data".to_owned());
            continue;
        }
        for (other, others) in &labels[..at] {
            let others = others.patterns(product);
            let (one, two) = ((label.label(), &*patterns), (other.label(), &*others));
            if let Some((one, two)) = shared(one, two, &listed) {
                report(label, format!("the labels `{one}` and `{two}` would share their data"));
            }
        }
    }
    found.map_or(Ok(()), Err)
}

/// Returns two labels of these entries that have the same names.
fn shared(
    one: (&str, &[NamePattern]),
    two: (&str, &[NamePattern]),
    listed: &[&str],
) -> Option<(String, String)> {
    let (all, (label, patterns)) = match (one.0, two.0) {
        ("*", _) => (one.1, two),
        (_, "*") => (two.1, one),
        _ => {
            let names = |(label, patterns): (&str, &[NamePattern])| {
                patterns.iter().map(|pattern| pattern.0.replace('*', label)).collect::<Vec<_>>()
            };
            return (names(one) == names(two)).then(|| (one.0.to_owned(), two.0.to_owned()));
        }
    };
    let mut unlisted = None;
    for (pattern, own) in all.iter().zip(patterns) {
        let name = own.0.replace('*', label);
        match pattern.differs() {
            false if pattern.0 == name => {}
            false => return None,
            true => {
                let other =
                    pattern.label(&name).filter(|other| !other.is_empty() && !listed.contains(other))?;
                if unlisted.as_deref().is_some_and(|unlisted| unlisted != other) {
                    return None;
                }
                unlisted = Some(other.to_owned());
            }
        }
    }
    unlisted.map(|unlisted| (unlisted, label.to_owned()))
}

#[cfg(test)]
mod tests {
    use airssys_wasm::manifest::{Runtime, RuntimeSource, Variables};

    use super::*;

    fn check(by_database: bool, entries: &str) -> Result<(), String> {
        let text = format!("[backend.main]\ntype = \"server\"\n\n[sql]\n{entries}\n");
        let sources = vec![RuntimeSource::new("runtime.toml", text)];
        let runtime = Runtime::parse(sources, Variables::default(), None).unwrap();
        let options: Vec<_> =
            runtime.labels().iter().map(|label| LabelOptions::read(label, true).unwrap()).collect();
        let labels: Vec<_> = runtime.labels().iter().zip(&options).collect();
        let product = Separation { database: "db", user: "me", by_database };
        check_apart(product, &labels).map_err(|found| found.to_string())
    }

    #[test]
    fn labels_that_are_apart_are_accepted() {
        for entries in [
            "orders = 'main'",
            "orders = 'main'\nother = { backend = 'main', database = 'other' }",
            "orders = 'main'\nother = { backend = 'main', user = 'other' }",
            "'*' = { backend = 'main', database = '*' }",
            "'*' = { backend = 'main', user = 'app_*' }\norders = { backend = 'main', user = 'orders' }",
            "'*' = { backend = 'main', database = '*' }\norders = { backend = 'main', database = 'orders' }",
        ] {
            assert_eq!(check(true, entries), Ok(()), "{entries}");
        }
    }

    #[test]
    fn labels_that_would_share_their_data_are_reported() {
        for (by_database, entries, named) in [
            (true, "'*' = 'main'", "labels of `\"*\"`"),
            (true, "orders = 'main'\nother = 'main'", "`orders`"),
            (true, "orders = 'main'\nother = { backend = 'main', database = 'db' }", "`other`"),
            (true, "orders = 'main'\nother = { backend = 'main', schema = 'other' }", "`other`"),
            (true, "'*' = { backend = 'main', database = '*' }\norders = 'main'", "`db`"),
            (
                true,
                "'*' = { backend = 'main', database = 'x*' }\na = { backend = 'main', database = 'xy' }",
                "`y`",
            ),
            (false, "orders = 'main'\nother = { backend = 'main', database = 'other' }", "`other`"),
            (false, "'*' = { backend = 'main', database = '*' }", "labels of `\"*\"`"),
        ] {
            let found = check(by_database, entries).expect_err(entries);
            assert!(found.contains(named) && found.contains("share their data"), "{entries}: {found}");
        }
    }

    #[test]
    fn names_are_those_of_the_label_and_not_too_long() {
        let options = |text: &str| LabelOptions {
            database: NamePattern::parse(text).ok(),
            user: None,
            schema: None,
            password: None,
        };
        assert_eq!(options("app_*").place("a").unwrap().database.as_deref(), Some("app_a"));
        assert!(options("*").place(&"a".repeat(64)).is_err());
        for wrong in ["", "**", "a\0", &"a".repeat(64)] {
            assert!(NamePattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
