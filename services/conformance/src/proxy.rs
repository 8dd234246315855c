//! A connection to a server that can be cut between a command and its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy to a server on the loopback address.
pub struct Proxy {
    port: u16,
    /// The number of answers that are withheld, each with the end of its connection.
    cuts: Arc<AtomicU32>,
}

impl Proxy {
    /// Starts it, to the server on this port.
    pub async fn start(to: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, cuts) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU32::new(0)));
        let proxy = Proxy { port, cuts: Arc::clone(&cuts) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, to, Arc::clone(&cuts)));
            }
        });
        proxy
    }

    /// Returns its port, to which clients connect.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Withholds the answers to the next commands: the server does them, and the connection ends.
    pub fn cut(&self, answers: u32) {
        self.cuts.store(answers, Ordering::SeqCst);
    }

    /// Returns the number of answers that are still to be withheld.
    pub fn left(&self) -> u32 {
        self.cuts.load(Ordering::SeqCst)
    }
}

async fn pass(client: TcpStream, to: u16, cuts: Arc<AtomicU32>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let up = async move {
        tokio::io::copy(&mut from_client, &mut to_server).await.ok();
    };
    let down = async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            let cut = cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if cut.is_ok() || to_client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! { () = up => {}, () = down => {} }
}
