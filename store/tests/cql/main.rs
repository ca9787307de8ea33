//! The store on CQL against a real Apache Cassandra.

mod faults;
mod logins;
mod long;
mod opening;
mod same_as_sqlite;
mod support;

use kefu_store::conformance;

macro_rules! conforms {
    ($($module:ident: $($case:ident)*;)*) => {
        $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            conformance::$module::$case(&support::shared().await).await;
        })*)*
    };
}

kefu_store::conformance_cases!(conforms);
