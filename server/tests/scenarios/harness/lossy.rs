//! A NATS server whose core messages are lost on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// One in so many is lost.
const ONE_IN: usize = 7;
/// Of the subject on which owners deliver to links: answers, outcomes, attaches.
const LOST: &str = ".deliver.";

/// Stands between clients and a server, and loses some of what is delivered.
pub struct Lossy {
    port: u16,
    lost: Arc<AtomicUsize>,
}

impl Lossy {
    /// In front of a server, named by `nats://host:port`.
    pub async fn before(server: &str) -> Self {
        let server = server.trim_start_matches("nats://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let lost = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&lost);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("the server is there");
                client.set_nodelay(true).expect("a socket");
                server.set_nodelay(true).expect("a socket");
                let ((mut from_client, to_client), (from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                tokio::spawn(pass(BufReader::new(from_server), to_client, Arc::clone(&counter)));
            }
        });
        Self { port, lost }
    }

    /// What clients connect to.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// How many messages were lost.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Passes on what a server says: lines, of which `MSG` and `HMSG` are followed by as many bytes as they end with, and a line
/// end (<https://docs.nats.io/reference/reference-protocols/nats-protocol>).
async fn pass(
    mut from: BufReader<OwnedReadHalf>,
    mut to: OwnedWriteHalf,
    lost: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let (mut line, mut deliveries) = (Vec::new(), 0);
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        let mut words = text.split_whitespace();
        let is_message = matches!(words.next(), Some("MSG" | "HMSG"));
        if is_message {
            let subject = words.next().unwrap_or_default();
            let size: usize = text.split_whitespace().next_back().and_then(|word| word.parse().ok()).expect("a size");
            let begin = line.len();
            line.resize(begin + size + 2, 0);
            from.read_exact(&mut line[begin..]).await?;
            if subject.contains(LOST) {
                deliveries += 1;
                if deliveries % ONE_IN == 0 {
                    lost.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            }
        }
        to.write_all(&line).await?;
    }
}
