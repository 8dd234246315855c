//! Mistakes in tables are reported at once, and without secrets.

use airssys_wasm::Services;
use airssys_wasm::manifest::{Runtime, RuntimeSource, Variables};

use crate::server::backends;

/// Returns the reports of a table, and of a label.
fn reports(table: &str, label: &str) -> String {
    let text = format!("[backend.main]\ntype = \"nats\"\n{table}\n\n[keyvalue]\n{label}\n");
    let sources = vec![RuntimeSource::new("runtime.toml", text)];
    let runtime = Runtime::parse(sources, Variables::default(), None).unwrap();
    let services = Services::default().with(airssys_keyvalue::KeyValue);
    match backends().configure(&runtime, &services.labels(), None) {
        Ok(_) => String::new(),
        Err(found) => found.to_string(),
    }
}

#[test]
fn mistakes_are_reported_without_secrets() {
    let seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    for (table, expected) in [
        ("url = \"http://hunter2@host\"", "is not an address of NATS"),
        ("url = \"nats://a,ws://hunter2@b\"", "is not an address of NATS"),
        ("user = \"me\"", "`user` needs a `password`"),
        ("password = \"hunter2\"", "`password` needs a `user`"),
        ("token = \"hunter2\"\nuser = \"me\"\npassword = \"hunter2\"", "exclude each other"),
        ("jwt = \"hunter2\"", "`jwt` needs a `seed`"),
        ("jwt = \"eyJ.eyJ.hunter2\"\nseed = \"hunter2\"", "is not the seed of a user"),
        ("seed = \"hunter2\"", "is not the seed of a user"),
        ("ca = \"no-such-file.pem\"", "cannot be read"),
        ("ca = \"Cargo.toml\"", "has no certificate in PEM"),
        ("replicas = 7", "replicas"),
        ("timeout = \"1 ms\"", "timeout"),
    ] {
        let found = reports(table, "\"*\" = \"main\"");
        assert!(found.contains(expected) && !found.contains("hunter2"), "{table}: {found}");
    }
    for (label, expected) in [
        ("\"*\" = { backend = \"main\", bucket = \"all\" }", "`bucket` would be that of every label"),
        ("a = { backend = \"main\", bucket = \"a.b\" }", "letters, digits, `-` and `_`"),
        ("a = { backend = \"main\", max_bytes = \"1\" }", "max_bytes"),
    ] {
        let found = reports("url = \"nats://host\"", label);
        assert!(found.contains(expected), "{label}: {found}");
    }
    for table in [
        "url = \"tls://a:4222, tls://b\"",
        "token = \"hunter2\"",
        &format!("jwt = \"eyJ.eyJ.sig\"\nseed = \"{seed}\""),
        &format!("seed = \"{seed}\""),
    ] {
        assert_eq!(reports(table, "a = { backend = \"main\", bucket = \"A_1-b\" }"), "", "{table}");
    }
}
