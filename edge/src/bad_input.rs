//! What a peer may do wrong, over raw sockets: each row of "Bad input" in docs/protocol.md.
//!
//! A comment `Bad input: …` over a test names the row that it proves; `table` checks that there is one for each.

mod bodies;
mod credentials;
mod frames;
mod handshake;
mod limits;
mod messages;
mod raw;
mod requests;
mod slow;
mod table;

use std::net::SocketAddr;

use kefu_model::UserId;
use raw::Raw;
use tokio_util::sync::CancellationToken;

use crate::EdgeConfig;
use crate::testing::{TestEdge, config, serve, tenant};

/// An edge on a port.
struct Served {
    edge: TestEdge,
    address: SocketAddr,
    _stop: CancellationToken,
}

impl Served {
    async fn start() -> Self {
        Self::start_with(config()).await
    }

    async fn start_with(config: EdgeConfig) -> Self {
        Self::of(TestEdge::new(config)).await
    }

    async fn of(edge: TestEdge) -> Self {
        let (edge, address, stop) = serve(edge).await;
        Self { edge, address, _stop: stop }
    }

    fn visitor(&self) -> String {
        let id = UserId::new("v_1").unwrap();
        self.edge.services.auth.visitors.issue(&tenant(), &id, None, crate::clock::now()).unwrap().0
    }

    /// A TCP connection.
    async fn dial(&self) -> Raw {
        Raw::dial(self.address).await
    }

    /// A WebSocket that has not said hello.
    async fn open(&self) -> Raw {
        self.open_in("kefu.v1.json").await
    }

    async fn open_in(&self, subprotocol: &str) -> Raw {
        let mut raw = self.dial().await;
        raw.write(&raw::handshake(&[("Sec-WebSocket-Protocol", subprotocol)])).await;
        assert_eq!(raw.response().await.status, 101);
        raw
    }

    /// A WebSocket that was welcomed.
    async fn welcomed(&self) -> Raw {
        let mut raw = self.open().await;
        raw.say(&self.hello()).await;
        assert_eq!(raw.frame().await["t"], "welcome");
        raw
    }

    fn hello(&self) -> String {
        format!(r#"{{"t":"hello","v":1,"device":"d","token":"{}"}}"#, self.visitor())
    }
}
