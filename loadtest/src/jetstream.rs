//! The JetStream beneath a deployment, as a client of its own sees it: what the deployment appends, and how much a plain
//! publisher gets through it.

mod appended;
mod message;
mod publisher;

use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream::context::{Context, ContextBuilder};
use async_nats::jetstream::stream::{Config, Info};
use async_nats::{Client, ConnectOptions};
use futures::TryStreamExt as _;

pub use appended::Appended;
pub use message::message;
pub use publisher::{Demand, Published, publish};

use crate::loopback;

/// As Kefu's own client has it: commands that may wait for the connection.
const CLIENT_CAPACITY: usize = 8_192;
/// The longest wait for an answer; Kefu's own client waits as long.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A connection.
#[derive(Debug)]
pub struct JetStream {
    client: Client,
    context: Context,
}

impl JetStream {
    /// Connects to `nats://host:port`, several with commas between them.
    pub async fn connect(urls: &str) -> anyhow::Result<Self> {
        let urls: Vec<&str> = urls.split(',').collect();
        for url in &urls {
            loopback::address(url, "nats")?;
        }
        let options = ConnectOptions::new().name("kefu-loadtest").client_capacity(CLIENT_CAPACITY);
        let options = options.request_timeout(Some(TIMEOUT));
        let client = options.connect(urls.as_slice()).await.context("no NATS server answers")?;
        let context = ContextBuilder::new().timeout(TIMEOUT).build(client.clone());
        Ok(Self { client, context })
    }

    /// How much was ever appended to the inboxes and logs of conversations.
    pub async fn appended(&self) -> anyhow::Result<Appended> {
        Ok(Appended::of(&self.streams().await?))
    }

    /// How the deployment made its logs, for a stream of another name.
    async fn as_a_log(&self, name: &str) -> anyhow::Result<Config> {
        let streams = self.streams().await?;
        let log = streams.into_iter().find(|info| appended::is_log(&info.config.name));
        let log = log.context("this JetStream has no log of conversations")?.config;
        let subjects = vec![format!("{name}.messages")];
        Ok(Config { name: name.to_owned(), subjects, metadata: Default::default(), ..log })
    }

    /// A context that takes so many publishes without an answer.
    fn publishing(&self, in_flight: usize) -> Context {
        let context = ContextBuilder::new().timeout(TIMEOUT).ack_timeout(TIMEOUT);
        context.max_ack_inflight(in_flight).build(self.client.clone())
    }

    async fn streams(&self) -> anyhow::Result<Vec<Info>> {
        self.context.streams().try_collect().await.context("the streams cannot be listed")
    }
}
