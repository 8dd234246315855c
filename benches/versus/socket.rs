//! Two processes that talk over a Unix socket. A message is a byte for its kind, its length, and
//! CBOR.

use std::time::Duration;

use airssys_benches::must;
use test_commands::bench::FIRST;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;

use crate::other::{Served, decoded, encoded, number, thread};
use crate::timed;

pub(crate) const NAME: &str = "socket";

const ASK: u8 = 1;
const TELL: u8 = 2;
const COUNT: u8 = 3;

/// Answers requests, and counts all messages.
pub(crate) fn serve() {
    let folder = must(tempfile::tempdir());
    let path = folder.path().join("socket");
    must(thread().block_on(async {
        let listener = UnixListener::bind(&path)?;
        println!("{}", path.display());
        let (stream, _) = listener.accept().await?;
        let mut talk = Talk::new(stream);
        let mut count = 0_u64;
        // Serves until the other side closes the connection.
        while let Ok(kind) = talk.read.read_u8().await {
            if kind == COUNT {
                talk.write.write_u64(count).await?;
                talk.write.flush().await?;
                continue;
            }
            let reading = decoded(talk.body().await?);
            count += 1;
            if kind == ASK {
                let mut reply = Vec::with_capacity(64);
                must(ciborium::into_writer(&reading, &mut reply));
                talk.send(ASK, &reply).await?;
                talk.write.flush().await?;
            }
        }
        Ok::<_, std::io::Error>(())
    }));
}

struct Talk {
    read: BufReader<OwnedReadHalf>,
    write: BufWriter<OwnedWriteHalf>,
    buffer: Vec<u8>,
}

impl Talk {
    fn new(stream: UnixStream) -> Talk {
        let (read, write) = stream.into_split();
        Talk { read: BufReader::new(read), write: BufWriter::new(write), buffer: Vec::new() }
    }

    async fn body(&mut self) -> std::io::Result<&[u8]> {
        let length = self.read.read_u32().await?;
        self.buffer.resize(length as usize, 0);
        self.read.read_exact(&mut self.buffer).await?;
        Ok(&self.buffer)
    }

    async fn send(&mut self, kind: u8, body: &[u8]) -> std::io::Result<()> {
        self.write.write_u8(kind).await?;
        self.write.write_u32(must(u32::try_from(body.len()))).await?;
        self.write.write_all(body).await
    }
}

/// A process that answers, and a connection to it.
pub(crate) struct Peer {
    runtime: Runtime,
    talk: Talk,
    told: u64,
    _served: Served,
}

impl Peer {
    pub(crate) fn new() -> Peer {
        let (served, runtime) = (Served::new(NAME), thread());
        let stream = must(runtime.block_on(UnixStream::connect(&served.address)));
        Peer { runtime, talk: Talk::new(stream), told: 0, _served: served }
    }

    /// Returns the time of `requests` requests, one after the other.
    pub(crate) fn ask(&mut self, requests: u64) -> Duration {
        let talk = &mut self.talk;
        timed(|| {
            must(self.runtime.block_on(async {
                for request in 0..requests {
                    let number = number(request);
                    talk.send(ASK, &encoded(number)).await?;
                    talk.write.flush().await?;
                    assert_eq!(talk.read.read_u8().await?, ASK);
                    assert_eq!(decoded(talk.body().await?).number, FIRST + number);
                }
                Ok::<_, std::io::Error>(())
            }));
        })
    }

    /// Returns the time until `messages` messages are counted.
    pub(crate) fn tell(&mut self, messages: u64) -> Duration {
        let talk = &mut self.talk;
        let mut counted = 0;
        let took = timed(|| {
            counted = must(self.runtime.block_on(async {
                for message in 0..messages {
                    talk.send(TELL, &encoded(number(message))).await?;
                }
                talk.write.write_u8(COUNT).await?;
                talk.write.flush().await?;
                talk.read.read_u64().await
            }));
        });
        self.told += messages;
        assert_eq!(counted, self.told, "messages were lost");
        took
    }
}
