//! The parts of a cluster are started in the wrong order.

use kefu_live::testing::ValkeyServer;
use kefu_nats::testing::NatsServer;

use crate::harness;
use crate::harness::api::Api;
use crate::harness::cluster;
use crate::harness::gate::Gate;
use crate::harness::kefu::Kefu;
use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::eventually;

#[test]
fn the_parts_of_a_cluster_may_come_in_any_order() {
    harness::run(Broker::Cluster, async |_| {
        let (mut nats, mut valkey) = (NatsServer::start(), ValkeyServer::start());
        nats.kill();
        valkey.kill();
        let (node, store) = cluster::store();
        let mut gate = Gate::before(&node);
        let (nats_url, redis_url) = (nats.url(), format!("redis://127.0.0.1:{}", valkey.port()));
        let nodes = gate.address();
        let files = tempfile::tempdir().expect("a folder that all see");
        let keyspace = format!("order_{:08x}", rand::random::<u32>());
        let mut variables = store;
        variables.extend([
            ("KEFU_CQL__NODES", nodes.as_str()),
            ("KEFU_CQL__KEYSPACE", &keyspace),
            ("KEFU_NATS__URL", &nats_url),
            ("KEFU_REDIS__URL", &redis_url),
            ("KEFU_FILES__DIR", files.path().to_str().expect("a plain path")),
        ]);
        let mut parts: Vec<Kefu> =
            ["edge", "reporter", "archiver", "assigner", "router"].map(|role| Kefu::begin(role, &variables)).into();
        until_all_wait_for(&mut parts, "store").await;
        gate.open().await;
        until_all_wait_for(&mut parts, "link").await;
        nats.restart();
        for part in &mut parts {
            part.wait_until_ready().await;
        }
        let scene = Scene::of_process(parts.remove(0)).await;
        valkey.restart();
        let chat = scene.chat().await;
        chat.agent.until_texts(&chat.id, &["hello"]).await;
        for part in &mut parts {
            assert!(part.runs(), "{}", part.output());
        }
    });
}

/// Each is alive, and says on `/readyz` what it waits for.
async fn until_all_wait_for(parts: &mut [Kefu], what: &str) {
    for part in parts {
        let api = Api::new(&part.url());
        eventually(&format!("all wait for the {what}"), async || {
            assert!(part.runs(), "it ended: {}", part.output());
            let alive = api.try_get("/livez").await? == 200;
            let reply = api.get("/readyz").await;
            let waits = reply.status == 503 && reply.text == format!("{what}: not there yet\n");
            (alive && waits).then_some(())
        })
        .await;
    }
}
