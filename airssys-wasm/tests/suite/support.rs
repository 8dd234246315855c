//! Helpers of all tests: a host, test components, and ways to talk to them.
//!
//! `test-probe` does what the commands of `components/test-commands` say, and answers each.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use airssys_message::Codec;
use airssys_rt::{ActorSystem, RestartStrategy, SupervisorConfig, TopicPattern};
use airssys_wasm::manifest::SettingValue;
use airssys_wasm::{
    CallError, Capabilities, Compiler, Component, ComponentHost, ComponentSpec, Engine, EngineConfig, builder,
};
pub(crate) use test_commands::{Answer, Command};

/// The time after which a test counts as stuck.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Returns the folder of a component.
pub(crate) fn folder(component: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../components").join(component)
}

/// Returns the folder of the compiled code that all tests share.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("components"))
}

/// Returns the configuration of an engine that compiles in the process of the tests.
pub(crate) fn in_process() -> EngineConfig {
    EngineConfig { compiler: Compiler::in_process(), ..EngineConfig::default() }
}

/// Returns the engine that all tests of this process share.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let config = EngineConfig { cache_dir: cache_dir(), max_instances: 100, ..in_process() };
        Engine::new(config).expect("an engine")
    })
}

/// Builds and loads a component of the folder `components`.
pub(crate) fn component(name: &str) -> Component {
    let file = builder::build(&folder(name), |_| {}).expect("the test component builds");
    Component::load(engine(), &file).expect("the test component loads")
}

/// Returns the component that does what its messages say, and imports nothing that can wait.
pub(crate) fn probe() -> Component {
    static PROBE: OnceLock<Component> = OnceLock::new();
    PROBE.get_or_init(|| component("test-probe")).clone()
}

/// Returns the component that does the same and imports functions that can wait.
pub(crate) fn waiter() -> Component {
    static WAITER: OnceLock<Component> = OnceLock::new();
    WAITER.get_or_init(|| component("test-waiter")).clone()
}

/// Makes a host whose supervisor restarts at once, many times.
pub(crate) fn host() -> ComponentHost {
    host_with(SupervisorConfig {
        max_restarts: 1_000,
        within_duration: Duration::from_secs(1),
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    })
}

/// Makes a host with this supervisor.
pub(crate) fn host_with(supervisor: SupervisorConfig) -> ComponentHost {
    ComponentHost::new(ActorSystem::builder("test").supervisor(supervisor).build())
}

/// Returns a probe that may do everything.
pub(crate) fn trusted(name: &str) -> ComponentSpec {
    ComponentSpec { capabilities: Capabilities::everything(), ..ComponentSpec::new(name, probe()) }
}

/// Returns a probe that may do nothing.
pub(crate) fn denied(name: &str) -> ComponentSpec {
    ComponentSpec::new(name, probe())
}

pub(crate) fn pattern(text: &str) -> TopicPattern {
    text.parse().expect("a pattern")
}

/// Returns an entry of a component's `config`.
pub(crate) fn setting(key: &str, value: &str) -> (String, SettingValue) {
    (key.to_owned(), value.into())
}

/// Encodes a command as a message in CBOR.
pub(crate) fn message(command: &Command) -> Vec<u8> {
    let mut message = Vec::new();
    Codec::Cbor.write_prefix(&mut message);
    ciborium::into_writer(command, &mut message).expect("a command can be encoded");
    message
}

/// Returns the command to keep a text, which [`Ask::notes`] reads back.
pub(crate) fn note(text: impl Into<String>) -> Box<Command> {
    Box::new(Command::Note(text.into()))
}

/// Ways to talk to the components of a host.
pub(crate) trait Ask {
    /// Sends a command.
    async fn tell(&self, to: &str, command: Command);
    /// Sends a command as a request, and returns the answer.
    async fn ask(&self, to: &str, command: Command) -> Answer;
    /// Sends a command as a request, and returns the answer or the failure.
    async fn try_ask(&self, to: &str, command: Command) -> Result<Answer, CallError>;
    /// Returns the texts that a component keeps, separated by spaces.
    async fn notes(&self, of: &str) -> String;
    /// Returns the reasons of all dead letters, oldest first.
    fn reasons(&self) -> Vec<String>;
}

impl Ask for ComponentHost {
    async fn tell(&self, to: &str, command: Command) {
        self.send(to, message(&command)).await.expect("the message is taken");
    }

    async fn ask(&self, to: &str, command: Command) -> Answer {
        self.try_ask(to, command).await.expect("the component answers")
    }

    async fn try_ask(&self, to: &str, command: Command) -> Result<Answer, CallError> {
        let reply = self.request(to, message(&command), SOON).await?;
        if reply.is_empty() {
            return Ok(Ok(String::new()));
        }
        let (codec, body) = Codec::split(&reply).expect("a reply has a codec");
        assert_eq!(codec, Codec::Cbor);
        Ok(ciborium::from_reader(body).expect("a reply is an answer"))
    }

    async fn notes(&self, of: &str) -> String {
        self.ask(of, Command::Notes).await.expect("notes")
    }

    fn reasons(&self) -> Vec<String> {
        self.dead_letters().kept().iter().map(|letter| letter.reason.to_string()).collect()
    }
}

/// The log of the test's thread, from [`Log::capture`] until the value is dropped.
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Log {
    pub(crate) fn capture() -> Log {
        let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
        let writer = Arc::clone(&lines);
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || Line(Arc::clone(&writer)))
            .finish();
        Log { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.lines.lock().expect("the log").clone()).expect("the log is text")
    }
}

struct Line(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
