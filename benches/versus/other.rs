//! The process on the other side: this program again, with an argument that names the server.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use airssys_benches::must;
use test_commands::bench::Reading;
use tokio::runtime::Runtime;

const SERVE: &str = "--serve";

/// Returns the name of the server to run, if the command line has one.
pub(crate) fn served() -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != SERVE).skip(1);
    arguments.next()
}

/// A server process that runs until this value is dropped.
pub(crate) struct Served {
    child: Child,
    /// Address of the server, from the line that it prints when it is ready.
    pub(crate) address: String,
}

impl Served {
    pub(crate) fn new(what: &str) -> Served {
        let mut program = Command::new(must(std::env::current_exe()));
        let mut child = must(program.args([SERVE, what]).stdout(Stdio::piped()).spawn());
        let said = must(child.stdout.take().ok_or("the server process has no standard output"));
        let mut address = String::new();
        must(BufReader::new(said).read_line(&mut address));
        Served { child, address: address.trim().to_owned() }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // An error means that the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a single-threaded runtime, the fastest for sequential exchanges.
pub(crate) fn thread() -> Runtime {
    must(tokio::runtime::Builder::new_current_thread().enable_all().build())
}

/// Returns the number of a reading.
pub(crate) fn number(message: u64) -> u32 {
    must(u32::try_from(message % 1_000_000))
}

pub(crate) fn encoded(number: u32) -> Vec<u8> {
    let mut body = Vec::with_capacity(64);
    must(ciborium::into_writer(&Reading::new(number), &mut body));
    body
}

pub(crate) fn decoded(body: &[u8]) -> Reading {
    must(ciborium::from_reader(body))
}
