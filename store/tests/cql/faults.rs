//! When the database fails: a proxy between the two drops, delays and forges frames.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kefu_model::{At, Name, Role};
use kefu_store::conformance;
use kefu_store::conformance::sample::{checkpoint, id, support, tenant, thread};
use kefu_store::cql::CqlNodes;
use kefu_store::{
    CqlConfig, CqlStore, Directory as _, HistoryQuery, HistoryStore as _, LogStore as _, Store as _, StoreError,
    UserRecord,
};
use scylla_proxy::{
    Condition, Node, Proxy, Reaction as _, RequestOpcode, RequestReaction, RequestRule, ResponseOpcode,
    ResponseReaction, ResponseRule, RunningProxy, ShardAwareness, example_db_errors,
};

use crate::support::{fresh_config, nodes};

const REQUEST_TIMEOUT: Duration = Duration::from_millis(700);

/// A store behind a proxy that passes everything on until it is told otherwise.
struct Place {
    store: CqlStore,
    proxy: RunningProxy,
}

impl Place {
    async fn new() -> Self {
        // The keyspace is made on a straight way: that takes longer than a request may here.
        let config = fresh_config();
        CqlStore::open(config.clone()).await.expect("the store opens");
        let real: SocketAddr = nodes()[0].parse().expect("an address");
        let between = free_address();
        let node =
            Node::builder().real_address(real).proxy_address(between).shard_awareness(ShardAwareness::Unaware).build();
        let proxy = Proxy::builder().with_node(node).build().run().await.expect("the proxy runs");
        let behind = CqlConfig { nodes: vec![between.to_string()], request_timeout: REQUEST_TIMEOUT, ..config };
        let store = CqlStore::open(behind).await.expect("the store opens through the proxy");
        Self { store, proxy }
    }

    fn requests(&mut self, reaction: RequestReaction) {
        let writes = Condition::RequestOpcode(RequestOpcode::Execute)
            .or(Condition::RequestOpcode(RequestOpcode::Batch))
            .or(Condition::RequestOpcode(RequestOpcode::Query));
        let ours = writes.and(Condition::not(Condition::ConnectionRegisteredAnyEvent));
        self.proxy.running_nodes[0].change_request_rules(Some(vec![RequestRule(ours, reaction)]));
    }

    fn responses(&mut self, condition: Condition) {
        let ours = condition.and(Condition::not(Condition::ConnectionRegisteredAnyEvent));
        let rules = vec![ResponseRule(ours, ResponseReaction::drop_frame())];
        self.proxy.running_nodes[0].change_response_rules(Some(rules));
    }
}

/// So that the first requests do not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_are_prepared_when_the_store_is_opened() {
    let mut place = Place::new().await;
    let preparing = Condition::RequestOpcode(RequestOpcode::Prepare);
    let refused = RequestReaction::forge_with_error(example_db_errors::overloaded());
    place.proxy.running_nodes[0].change_request_rules(Some(vec![RequestRule(preparing, refused)]));
    conformance::log::amendments_keep_versions(&place.store).await;
    conformance::history::times_bound(&place.store).await;
    conformance::history::conversations_are_listed(&place.store).await;
    conformance::sessions::sessions_are_listed(&place.store).await;
    conformance::directory::one_deployment(&place.store).await;
    conformance::directory::updates_do_not_overwrite(&place.store).await;
    conformance::directory::customers_move_to_the_top(&place.store).await;
    conformance::report::rollups_are_absolute(&place.store).await;
}

fn free_address() -> SocketAddr {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    probe.local_addr().expect("an address")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_is_lost_happened_and_is_repeated_without_harm() {
    let mut place = Place::new().await;
    let key = support(&tenant("lost"), "c");
    let batch = Arc::new(thread(&key, 20));
    place.responses(Condition::ResponseOpcode(ResponseOpcode::Result));
    let error = place.store.write_log_batch(batch.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout) && error.is_retryable(), "{error}");
    place.proxy.turn_off_rules();

    let query = HistoryQuery { limit: 200, ..HistoryQuery::default() };
    let page = place.store.history(&key.tenant, key.conversation, query).await.unwrap();
    assert!(!page.items.is_empty(), "it happened all the same");
    place.store.write_log_batch(batch.clone()).await.unwrap();
    let page = place.store.history(&key.tenant, key.conversation, query).await.unwrap();
    let stored: Vec<_> = page.items.iter().map(|item| (item.key, item.rev)).collect();
    let written: Vec<_> = batch.items.iter().map(|row| (row.item.key, row.item.rev)).collect();
    assert_eq!(stored, written, "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conditional_write_whose_answer_is_lost_is_not_taken_for_anothers() {
    let mut place = Place::new().await;
    let user = UserRecord {
        tenant: tenant("conditions"),
        id: id("u"),
        username: "wang".into(),
        name: Name::new("小王").unwrap(),
        role: Role::Agent,
        password_hash: "$argon2id$…".into(),
        capacity: 5,
        disabled: false,
        created_at: At(1),
        version: 1,
    };
    place.store.create_user(&user).await.unwrap();
    let applied = Condition::BodyContainsCaseSensitive(Box::from(b"[applied]".as_slice()));
    place.responses(applied.and(Condition::TrueForLimitedTimes(1)));
    let changed = UserRecord { capacity: 9, ..user.clone() };
    assert_eq!(place.store.update_user(&changed).await.unwrap(), 2);
    let stored = place.store.user(&user.tenant, &user.id).await.unwrap().unwrap();
    assert_eq!(stored, UserRecord { version: 2, ..changed });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_few_replicas_are_told_as_retryable() {
    let mut place = Place::new().await;
    place.requests(RequestReaction::forge_with_error(example_db_errors::unavailable()));
    let error = place.store.save_checkpoint(checkpoint(0, 2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)) && error.is_retryable(), "{error}");
    let error = place.store.write_log_batch(thread(&support(&tenant("few"), "c"), 9).into()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(place.store.ping().await.is_err());
    place.proxy.turn_off_rules();
    place.store.save_checkpoint(checkpoint(0, 2)).await.unwrap();
    place.store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_timeout_of_the_database_is_a_timeout() {
    let mut place = Place::new().await;
    place.requests(RequestReaction::forge_with_error(example_db_errors::write_timeout()));
    let error = place.store.save_checkpoint(checkpoint(0, 2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout) && error.is_retryable(), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_database_is_waited_for_so_long_and_no_longer() {
    let mut place = Place::new().await;
    place.requests(RequestReaction::delay(Duration::from_secs(30)));
    let started = Instant::now();
    let error = place.store.save_checkpoint(checkpoint(0, 2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout), "{error}");
    let waited = started.elapsed();
    assert!(waited >= REQUEST_TIMEOUT && waited < Duration::from_secs(15), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_gone_is_told() {
    let place = Place::new().await;
    assert_eq!(place.store.nodes(), CqlNodes { connected: 1, known: 1 });
    place.proxy.finish().await.expect("the proxy ends");
    let started = Instant::now();
    while place.store.nodes().connected > 0 {
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", place.store.nodes());
        // What is asked finds out.
        let _ = place.store.ping().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_is_made_again() {
    let mut place = Place::new().await;
    let broken = Condition::RequestOpcode(RequestOpcode::Execute).and(Condition::TrueForLimitedTimes(1));
    let rules = vec![RequestRule(broken, RequestReaction::drop_connection())];
    place.proxy.running_nodes[0].change_request_rules(Some(rules));
    let mut saved = place.store.save_checkpoint(checkpoint(0, 2)).await;
    let started = Instant::now();
    while let Err(error) = saved {
        assert!(error.is_retryable() && started.elapsed() < Duration::from_secs(30), "{error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        saved = place.store.save_checkpoint(checkpoint(0, 2)).await;
    }
}
