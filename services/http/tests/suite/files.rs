//! Routes that files answer.

use std::path::Path;

use crate::support::{Served, serve};

/// Serves a folder below `/static/`, and its subfolder `sub` below `/`.
async fn site() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("web");
    std::fs::create_dir_all(web.join("sub")).unwrap();
    std::fs::write(folder.path().join("secret"), "outside").unwrap();
    std::fs::write(web.join("index.html"), "<p>index</p>").unwrap();
    std::fs::write(web.join("a b.css"), "p { color: red }").unwrap();
    std::fs::write(web.join("large.bin"), vec![7; 300_000]).unwrap();
    std::fs::write(web.join(".hidden"), "hidden").unwrap();
    std::fs::write(web.join("sub/index.html"), "sub").unwrap();
    std::fs::create_dir(web.join("empty")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path().join("secret"), web.join("link")).unwrap();
        std::os::unix::fs::symlink(folder.path(), web.join("up")).unwrap();
        std::os::unix::fs::symlink("a b.css", web.join("inside.css")).unwrap();
        drop(std::os::unix::net::UnixListener::bind(web.join("socket")).unwrap());
    }
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/test-http");
    let manifest = "[component]\nname = \"web\"\nversion = \"0.1.0\"\n";
    std::fs::write(folder.path().join("Component.toml"), manifest).unwrap();
    let app = format!(
        "[app]\nname = \"site\"\n[[component]]\nsource = {:?}\nmanifest = \"Component.toml\"\n\
         [[http]]\nlisten = \"127.0.0.1:0\"\n\
         [[http.route]]\npath = \"/static/*\"\nfiles = \"web\"\n\
         [[http.route]]\npath = \"/count\"\ncomponent = \"web\"\n\
         [[http.route]]\nmethod = \"GET\"\npath = \"/*\"\nfiles = \"web/sub\"\n",
        guest.display().to_string()
    );
    serve(folder, &app, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_served_with_their_types_beside_components() {
    let site = site().await;
    for (path, kind, text) in [
        ("/static/", "text/html", "<p>index</p>"),
        ("/static/index.html", "text/html", "<p>index</p>"),
        ("/static/a%20b.css?x=../../secret", "text/css", "p { color: red }"),
        ("/static/inside.css", "text/css", "p { color: red }"),
        ("/static/sub/", "text/html", "sub"),
        ("/", "text/html", "sub"),
    ] {
        let response = site.get(path).await;
        assert_eq!((response.status, response.text()), (200, text), "{path}");
        assert!(response.head.contains(&format!("content-type: {kind}")), "{path}: {}", response.head);
        assert!(response.head.contains("x-content-type-options: nosniff"), "{path}: {}", response.head);
    }
    let large = site.get("/static/large.bin").await;
    assert_eq!((large.status, large.body.len()), (200, 300_000));
    let folder = site.get("/static/sub").await;
    assert!(folder.status == 308 && folder.head.contains("location: /static/sub/"), "{folder:?}");
    assert_eq!(site.get("/count").await.text(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_folder_and_no_hidden_file_is_served() {
    let site = site().await;
    for path in [
        "/static/../secret",
        "/static/%2e%2e/secret",
        "/static/..%2fsecret",
        "/static/sub/../../secret",
        "/static/link",
        "/static/up/secret",
        "/static/up/",
        "/static/.hidden",
        "/static/%2ehidden",
        "/static//index.html",
        "/static/index.html%00",
        "/static/index.html/x",
        "/static/socket",
        "/static/empty/",
        "/static/absent",
        "/static/%ff",
        "//secret/..",
    ] {
        let response = site.get(path).await;
        assert_eq!((response.status, response.text()), (404, "nothing is here\n"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_conditions_and_heads_are_answered() {
    let site = site().await;
    let ask = async |method: &str, headers: &str| {
        let path = "/static/a%20b.css";
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        site.raw(request.as_bytes()).await
    };
    let head = ask("HEAD", "").await;
    assert!(head.status == 200 && head.head.contains("content-length: 16") && head.body.is_empty());
    let value = |name: &str| {
        let line = head.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {}", head.head)).to_owned()
    };
    let (tag, modified) = (value("etag"), value("last-modified"));
    let part = ask("GET", "range: bytes=2-4\r\n").await;
    assert_eq!((part.status, part.text()), (206, "{ c"));
    assert!(part.head.contains("content-range: bytes 2-4/16"), "{}", part.head);
    assert_eq!(ask("GET", "range: bytes=99-\r\n").await.status, 416);
    let part = ask("GET", &format!("range: bytes=2-4\r\nif-range: {tag}\r\n")).await;
    assert_eq!(part.status, 206);
    let whole = ask("GET", "range: bytes=2-4\r\nif-range: \"other\"\r\n").await;
    assert_eq!((whole.status, whole.body.len()), (200, 16));
    for known in [format!("if-none-match: \"x\", W/{tag}\r\n"), format!("if-modified-since: {modified}\r\n")]
    {
        // The head is in lower case, and a date is not.
        let known = known.replace("gmt", "GMT");
        let same = ask("GET", &capitals(&known)).await;
        assert_eq!((same.status, same.body.len()), (304, 0), "{known}");
    }
    let other =
        ask("GET", &capitals(&format!("if-none-match: \"x\"\r\nif-modified-since: {modified}\r\n"))).await;
    assert_eq!(other.status, 200, "a tag prevails over a time");
    let post = ask("POST", "content-length: 0\r\n").await;
    assert!(post.status == 405 && post.head.contains("allow: get, head"), "{post:?}");
}

/// Writes the names of days and months of a date with a capital.
fn capitals(headers: &str) -> String {
    let mut text = headers.replace("gmt", "GMT");
    let names = "mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec";
    for name in names.split(' ') {
        let capital = name[..1].to_uppercase() + &name[1..];
        for (before, after) in [(" ", ","), (" ", " ")] {
            let found = format!("{before}{name}{after}");
            text = text.replace(&found, &format!("{before}{capital}{after}"));
        }
    }
    text
}
