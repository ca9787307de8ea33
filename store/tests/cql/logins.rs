//! Logins, which have a TTL here.

use kefu_model::At;
use kefu_store::conformance::sample::{agent, now, tenant};
use kefu_store::{Directory as _, LoginSession, TokenHash};

use crate::support::shared;

/// Not by a use whose write comes late, nor by the login stored again.
#[tokio::test]
async fn a_revoked_login_does_not_come_back() {
    let (store, start) = (shared().await, now());
    let login = LoginSession {
        token_hash: TokenHash([77; 32]),
        tenant: tenant("revoked"),
        user: agent("a"),
        created_at: start,
        expires_at: At(start.0 + 3_600_000),
        last_seen_at: start,
        remember: false,
        device: "Firefox".into(),
    };
    store.put_login(&login).await.unwrap();
    assert!(store.revoke_login(login.token_hash).await.unwrap());
    store.put_login(&login).await.unwrap();
    // What a use would write that had read the login before it was revoked, by a clock that is fast.
    store.put_login(&LoginSession { last_seen_at: At(start.0 + 60_000), ..login.clone() }).await.unwrap();
    assert!(store.login(login.token_hash).await.unwrap().is_none());
    assert!(store.logins_of(&login.tenant, &login.user).await.unwrap().is_empty());
}
