//! Logins, and encrypted connections.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use airssys_conformance::Server;
use airssys_keyvalue::conformance::{Answer, Api, Call, Subject};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;

use crate::server::{NatsServer, backends};

/// Opens a label with the options of a table. Returns the name of an error.
async fn opens(options: &str) -> Result<(), String> {
    let text = format!("[backend.main]\ntype = \"nats\"\n{options}\n\n[keyvalue]\n\"*\" = \"main\"\n");
    let subject = Subject::new(backends(), &text, None).await;
    match subject.call(Api::Own, "any", Call::Exists("key".to_owned())).await {
        Answer::Flag(false) => Ok(()),
        Answer::Error { name, .. } => Err(name),
        answer => panic!("{answer:?}"),
    }
}

async fn server(config: &str) -> Server<NatsServer> {
    Server::start(NatsServer { config: config.to_owned(), ..NatsServer::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn password_token_and_key_open_the_server_and_wrong_ones_do_not() {
    let unavailable = Err("unavailable".to_owned());
    let user = KeyPair::new_user();
    let (seed, other) = (user.seed().unwrap(), KeyPair::new_user().seed().unwrap());
    let key = format!("authorization {{ users = [{{ nkey: {} }}] }}", user.public_key());
    for (config, right, wrong) in [
        (
            "authorization { user: me, password: right }",
            "user = \"me\"\npassword = \"right\"".to_owned(),
            "user = \"me\"\npassword = \"wrong\"".to_owned(),
        ),
        ("authorization { token: right }", "token = \"right\"".to_owned(), "token = \"wrong\"".to_owned()),
        (&*key, format!("seed = \"{seed}\""), format!("seed = \"{other}\"")),
    ] {
        let server = server(config).await;
        let url = format!("url = \"127.0.0.1:{}\"", server.port());
        assert_eq!(opens(&format!("{url}\n{right}")).await, Ok(()), "{config}");
        assert_eq!(opens(&format!("{url}\n{wrong}")).await, unavailable, "{config}");
        assert_eq!(opens(&url).await, unavailable, "{config}");
    }
}

/// Makes a token that `by` signs.
fn jwt(by: &KeyPair, sub: &KeyPair, nats: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (by_key, sub) = (by.public_key(), sub.public_key());
    let claims = format!(
        "{{\"jti\":\"{sub}\",\"iat\":{now},\"iss\":\"{by_key}\",\"name\":\"test\",\"sub\":\"{sub}\",\"nats\":{nats}}}"
    );
    let header = URL_SAFE_NO_PAD.encode("{\"typ\":\"JWT\",\"alg\":\"ed25519-nkey\"}");
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(by.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}

#[tokio::test(flavor = "multi_thread")]
async fn jwt_and_its_seed_open_the_server() {
    let (operator, system, account) =
        (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
    let (user, other) = (KeyPair::new_user(), KeyPair::new_user());
    let limits = "\"subs\":-1,\"data\":-1,\"payload\":-1";
    let of_account = |storage: i64| {
        format!(
            "{{\"type\":\"account\",\"version\":2,\"limits\":{{{limits},\"imports\":-1,\"exports\":-1,\
             \"wildcards\":true,\"conn\":-1,\"leaf\":-1,\"mem_storage\":{storage},\"disk_storage\":{storage},\
             \"streams\":-1,\"consumer\":-1}}}}"
        )
    };
    let config = format!(
        "operator: {}\nsystem_account: {sys}\nresolver: MEMORY\nresolver_preload: {{ {sys}: {}, {}: {} }}\n",
        jwt(&operator, &operator, "{\"type\":\"operator\",\"version\":2}"),
        jwt(&operator, &system, &of_account(0)),
        account.public_key(),
        jwt(&operator, &account, &of_account(-1)),
        sys = system.public_key(),
    );
    let server = server(&config).await;
    let token = jwt(&account, &user, &format!("{{\"type\":\"user\",\"version\":2,{limits}}}"));
    let options =
        |seed: &str| format!("url = \"127.0.0.1:{}\"\njwt = \"{token}\"\nseed = \"{seed}\"", server.port());
    assert_eq!(opens(&options(&user.seed().unwrap())).await, Ok(()));
    assert_eq!(opens(&options(&other.seed().unwrap())).await, Err("unavailable".to_owned()));
}

/// Makes a certificate for `localhost` and its key, in files of these names.
fn certificate(folder: &Path, name: &str) {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
    let made = openssl.output().expect("openssl is not installed: run `apt-get install openssl`");
    assert!(made.status.success(), "openssl fails");
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_is_encrypted_and_the_certificate_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "server");
    certificate(folder.path(), "other");
    let file = |name: &str| folder.path().join(name);
    let config = format!("tls {{ cert_file: {:?}, key_file: {:?} }}", file("server.pem"), file("server.key"));
    let encrypted = server(&config).await;
    let options = |scheme: &str, port: u16, ca: &str| {
        format!("url = \"{scheme}://localhost:{port}\"\nca = {:?}", file(ca))
    };
    let unavailable = Err("unavailable".to_owned());
    for scheme in ["tls", "nats"] {
        let port = encrypted.port();
        assert_eq!(opens(&options(scheme, port, "server.pem")).await, Ok(()), "{scheme}");
        assert_eq!(opens(&options(scheme, port, "other.pem")).await, unavailable, "{scheme}");
        // The system does not know the certificate.
        assert_eq!(opens(&format!("url = \"{scheme}://localhost:{port}\"")).await, unavailable, "{scheme}");
    }
    // A server without TLS is refused by an address with `tls`, and by `ca`.
    let plain = server("").await;
    assert_eq!(opens(&options("nats", plain.port(), "server.pem")).await, unavailable);
    assert_eq!(opens(&format!("url = \"tls://localhost:{}\"", plain.port())).await, unavailable);
}
