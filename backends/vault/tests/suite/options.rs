//! The options of a table, their defaults and their mistakes.

use std::path::Path;

use airssys_wasm::manifest::{Diagnostics, Runtime, RuntimeSource, Variables};

use crate::server::backends;

fn configured(text: &str, variables: &'static [(&'static str, &'static str)]) -> Result<(), Diagnostics> {
    let variables = Variables::from_fn(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    });
    let sources = vec![RuntimeSource::new("runtime.toml", format!("[backend.a]\ntype = \"vault\"\n{text}"))];
    let runtime = Runtime::parse(sources, variables, None).unwrap();
    backends().configure(&runtime, &Default::default(), None).map(drop)
}

#[test]
fn variables_of_the_products_are_defaults() {
    configured("", &[("VAULT_ADDR", "https://vault.example.com:8200/under"), ("VAULT_TOKEN", "hvs.a")])
        .unwrap();
    let found = configured("", &[("VAULT_ADDR", "vault"), ("VAULT_TOKEN", "hvs.a")]).unwrap_err().to_string();
    assert!(found.contains("or the variable `VAULT_ADDR`, is not an address of HTTP"), "{found}");
    let found = configured("", &[]).unwrap_err().to_string();
    assert!(found.contains("the table has no login"), "{found}");
    configured("token = \"hvs.a\"\nmount = \"kv/team\"\nprefix = \"a.b/c\"\nnamespace = \"team/one\"\n", &[])
        .unwrap();
    configured("role_id = \"a\"\nsecret_id = \"b\"\nrole_mount = \"roles\"\n", &[("VAULT_TOKEN", "hvs.a")])
        .unwrap();
}

#[test]
fn every_mistake_is_reported_and_no_report_shows_a_login() {
    for (text, message) in [
        ("url = \"http://u:hunter2@host\"\ntoken = \"a\"\n", "is not an address of HTTP without a login"),
        ("url = \"ftp://host\"\ntoken = \"hunter2\"\n", "is not an address of HTTP without a login"),
        ("token = \"hunter2\\nx\"\n", "the `token` is empty or has several lines"),
        ("token = \"hunter2\"\nrole_id = \"hunter2\"\n", "a `token` and a part of an AppRole"),
        ("secret_id = \"hunter2\"\n", "an AppRole needs `role_id` and `secret_id`"),
        ("token = \"hunter2\"\nmount = \"../sys\"\n", "`mount` has parts with other characters"),
        ("token = \"hunter2\"\nprefix = \"a//b\"\n", "`prefix` has parts with other characters"),
        ("token = \"hunter2\"\nnamespace = \"a\\nb\"\n", "the `namespace` has characters"),
        ("token = \"hunter2\"\nsize = 1\n", "has no key `size`"),
    ] {
        let found = configured(text, &[]).unwrap_err();
        let shown = format!("{found} {}", found.text(Path::new("runtime.toml")).unwrap_or_default());
        assert!(shown.contains(message), "{text}: {shown}");
        assert!(!shown.contains("hunter2"), "{text}: {shown}");
    }
}
