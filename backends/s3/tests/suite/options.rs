//! Mistakes in tables are reported at once, and without secrets.

use airssys_wasm::Services;
use airssys_wasm::manifest::{Runtime, RuntimeSource, Variables};

use crate::server::backends;

/// Returns the reports of a table, and of a container.
fn reports(table: &str, label: &str) -> String {
    let text = format!("[backend.main]\ntype = \"s3\"\n{table}\n\n[blob]\n{label}\n");
    let sources = vec![RuntimeSource::new("runtime.toml", text)];
    let runtime = Runtime::parse(sources, Variables::default(), None).unwrap();
    let services = Services::default().with(airssys_blobstore::Blobstore);
    match backends().configure(&runtime, &services.labels(), None) {
        Ok(_) => String::new(),
        Err(found) => found.to_string(),
    }
}

#[test]
fn mistakes_are_reported_without_secrets() {
    let right = "bucket = \"images\"\naccess_key_id = \"hunter2\"\nsecret_access_key = \"hunter2\"";
    assert_eq!(reports(right, "a = { backend = \"main\", prefix = \"a/b\" }"), "");
    for (table, expected) in [
        ("bucket = \"images\"\naccess_key_id = \"hunter2\"".to_owned(), "secret_access_key"),
        ("access_key_id = \"hunter2\"\nsecret_access_key = \"hunter2\"".to_owned(), "bucket"),
        (right.replace("images", "Images"), "3 to 63 small letters"),
        (format!("{right}\nendpoint = \"ftp://host\""), "is not an address of S3"),
        (format!("{right}\nendpoint = \"http://me:hunter2@host\""), "is not an address of S3"),
        (format!("{right}\nprefix = \"/a\""), "letters, digits"),
        (format!("{right}\nprefix = \"a/../b\""), "letters, digits"),
        (format!("{right}\nca = \"no-such-file.pem\""), "cannot be read"),
        (format!("{right}\nca = \"Cargo.toml\""), "has no certificate in PEM"),
    ] {
        let found = reports(&table, "\"*\" = \"main\"");
        assert!(found.contains(expected), "{table}: {found}");
        assert!(!found.contains("hunter2"), "{found}");
    }
    let found = reports(right, "\"*\" = { backend = \"main\", prefix = \"all\" }");
    assert!(found.contains("`prefix` would be that of every container"), "{found}");
}
