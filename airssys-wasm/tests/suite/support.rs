//! A host with test components in it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use airssys_message::Codec;
use airssys_rt::{ActorSystem, RestartStrategy, SupervisorConfig, TopicPattern};
use airssys_wasm::{
    CallError, Capabilities, Component, ComponentHost, ComponentSpec, Engine, EngineConfig, builder,
};
pub(crate) use test_commands::{Answer, Command};

/// Long enough for anything that is not stuck.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// The folder of a component.
pub(crate) fn folder(component: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../components").join(component)
}

/// An engine that all tests of this process share.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let cache_dir = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("components"));
        let max_instances = 100;
        Engine::new(EngineConfig { cache_dir, max_instances, ..EngineConfig::default() }).expect("an engine")
    })
}

/// A test component, built and loaded.
pub(crate) fn component(name: &str) -> Component {
    let file = builder::build(&folder(name), |_| {}).expect("the test component builds");
    Component::load(engine(), &file).expect("the test component loads")
}

/// The component that does what its messages say, and imports nothing that can wait.
pub(crate) fn probe() -> Component {
    static PROBE: OnceLock<Component> = OnceLock::new();
    PROBE.get_or_init(|| component("test-probe")).clone()
}

/// The component that imports what can wait.
pub(crate) fn waiter() -> Component {
    static WAITER: OnceLock<Component> = OnceLock::new();
    WAITER.get_or_init(|| component("test-waiter")).clone()
}

/// A host whose supervisor restarts at once, many times.
pub(crate) fn host() -> ComponentHost {
    host_with(SupervisorConfig {
        max_restarts: 1_000,
        within_duration: Duration::from_secs(1),
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    })
}

pub(crate) fn host_with(supervisor: SupervisorConfig) -> ComponentHost {
    ComponentHost::new(ActorSystem::builder("test").supervisor(supervisor).build())
}

/// A probe that may do everything.
pub(crate) fn trusted(name: &str) -> ComponentSpec {
    ComponentSpec { capabilities: Capabilities::everything(), ..ComponentSpec::new(name, probe()) }
}

/// A probe that may do nothing.
pub(crate) fn denied(name: &str) -> ComponentSpec {
    ComponentSpec::new(name, probe())
}

pub(crate) fn pattern(text: &str) -> TopicPattern {
    text.parse().expect("a pattern")
}

pub(crate) fn setting(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// A command as a message.
pub(crate) fn message(command: &Command) -> Vec<u8> {
    let mut message = Vec::new();
    Codec::Cbor.write_prefix(&mut message);
    ciborium::into_writer(command, &mut message).expect("a command can be encoded");
    message
}

pub(crate) fn note(text: impl Into<String>) -> Box<Command> {
    Box::new(Command::Note(text.into()))
}

/// What tests ask of a host.
pub(crate) trait Ask {
    /// Sends a command.
    async fn tell(&self, to: &str, command: Command);
    /// Sends a command, and gives the reply.
    async fn ask(&self, to: &str, command: Command) -> Answer;
    /// Sends a command, and gives whatever came of it.
    async fn try_ask(&self, to: &str, command: Command) -> Result<Answer, CallError>;
    /// The texts that a component keeps.
    async fn notes(&self, of: &str) -> String;
    /// The reasons of all dead letters, oldest first.
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

/// A log that a test can read: what is logged on its thread while the guard lives.
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
