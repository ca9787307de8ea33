use super::MemoryLive;
use crate::conformance;

macro_rules! conforms {
    ($($case:ident)*) => {
        $(#[tokio::test(start_paused = true)]
        async fn $case() {
            conformance::$case(&MemoryLive::new(1)).await;
        })*
    };
}

conforms! { presence registry edges crowds rates lockouts logins incarnation }
