//! A NATS server whose core messages are lost on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// One delivery in so many is lost.
const ONE_IN: usize = 7;
/// Of the subject on which owners deliver to links: answers, outcomes, attaches.
const DELIVERIES: &str = ".deliver.";
/// The end of the subject on which edges are told of newcomers, among other things.
const NOTICES: &str = ".notice";

/// Stands between clients and a server, and loses some of what is delivered; notices too when it is told to.
pub struct Lossy {
    port: u16,
    plan: Arc<Plan>,
}

#[derive(Default)]
struct Plan {
    loses_notices: AtomicBool,
    deliveries: AtomicUsize,
    notices: AtomicUsize,
}

impl Plan {
    /// Whether a message of that subject is lost; so many deliveries came this way before.
    fn loses(&self, subject: &str, deliveries: &mut usize) -> bool {
        let (is_lost, counter) = if subject.contains(DELIVERIES) {
            *deliveries += 1;
            (deliveries.is_multiple_of(ONE_IN), &self.deliveries)
        } else {
            (subject.ends_with(NOTICES) && self.loses_notices.load(Ordering::Relaxed), &self.notices)
        };
        counter.fetch_add(usize::from(is_lost), Ordering::Relaxed);
        is_lost
    }
}

impl Lossy {
    /// In front of a server, named by `nats://host:port`.
    pub async fn before(server: &str) -> Self {
        let server = server.trim_start_matches("nats://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let plan = Arc::new(Plan::default());
        let shared = Arc::clone(&plan);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("the server is there");
                client.set_nodelay(true).expect("a socket");
                server.set_nodelay(true).expect("a socket");
                let ((mut from_client, to_client), (from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                tokio::spawn(pass(BufReader::new(from_server), to_client, Arc::clone(&shared)));
            }
        });
        Self { port, plan }
    }

    /// What clients connect to.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// From now on every notice is lost.
    pub fn lose_notices(&self) {
        self.plan.loses_notices.store(true, Ordering::Relaxed);
    }

    /// How many deliveries were lost.
    pub fn lost(&self) -> usize {
        self.plan.deliveries.load(Ordering::Relaxed)
    }

    /// How many notices were lost.
    pub fn lost_notices(&self) -> usize {
        self.plan.notices.load(Ordering::Relaxed)
    }
}

/// Passes on what a server says: lines, of which `MSG` and `HMSG` are followed by as many bytes as they end with, and a line
/// end (<https://docs.nats.io/reference/reference-protocols/nats-protocol>).
async fn pass(mut from: BufReader<OwnedReadHalf>, mut to: OwnedWriteHalf, plan: Arc<Plan>) -> std::io::Result<()> {
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
            if plan.loses(subject, &mut deliveries) {
                continue;
            }
        }
        to.write_all(&line).await?;
    }
}
