//! Users, logins, customers, the deployment.

use futures::{StreamExt as _, TryStreamExt as _};
use kefu_model::{At, Name, Role, TenantId};

use super::sample::{agent, eventually, id, now, stamp, tenant};
use crate::limits::LOGINS_PER_USER;
use crate::{
    CustomerQuery, CustomerRow, Deployment, LogBatch, LoginSession, Secret, Store, StoreError, TokenHash, UserQuery,
    UserRecord,
};

fn user(tenant: &TenantId, user_id: &str, username: &str) -> UserRecord {
    UserRecord {
        tenant: tenant.clone(),
        id: id(user_id),
        username: username.into(),
        name: Name::new("客服小王").expect("a name"),
        role: Role::Agent,
        password_hash: "$argon2id$…".into(),
        capacity: 5,
        disabled: false,
        created_at: At(1),
        version: 1,
    }
}

/// A login of the tenant `logins` that was made at a time, a millisecond later for each number, and lives so long.
fn login(number: u8, who: &str, made_at: At, lives_ms: u64) -> LoginSession {
    let at = At(made_at.0 + u64::from(number));
    LoginSession {
        token_hash: TokenHash([number; 32]),
        tenant: tenant("logins"),
        user: agent(who),
        created_at: at,
        expires_at: At(at.0 + lives_ms),
        last_seen_at: at,
        remember: true,
        device: "Firefox".into(),
    }
}

/// Of many who create the deployment at once all get the same one.
pub async fn one_deployment(store: &dyn Store) {
    let proposal = |number: u8| Deployment {
        id: [number; 16],
        partitions: 16,
        allocation_partitions: 1,
        partition_hash: "sha256/8".into(),
        created_at: At(number.into()),
        demo: false,
        signing_secret: Secret(vec![number; 32]),
    };
    let all = futures::future::join_all((1..20).map(|number| store.deployment_or_create(proposal(number)))).await;
    let first = all[0].as_ref().expect("a deployment");
    assert!(all.iter().all(|found| found.as_ref().expect("a deployment") == first));
    assert_eq!(store.deployment().await.expect("read").as_ref(), Some(first));
}

/// Of many who want a user name one gets it.
pub async fn usernames_are_unique(store: &dyn Store) {
    let t = tenant("names");
    let wanted: Vec<UserRecord> = (0..20).map(|number| user(&t, &format!("u{number}"), "Wang")).collect();
    let results = futures::future::join_all(wanted.iter().map(|user| store.create_user(user))).await;
    let winners: Vec<usize> = (0..20).filter(|&number| results[number].is_ok()).collect();
    assert_eq!(winners.len(), 1);
    assert!(
        results
            .iter()
            .flat_map(|result| result.as_ref().err())
            .all(|error| { matches!(error, StoreError::Conflict { .. }) && !error.is_retryable() })
    );
    let winner = &wanted[winners[0]];
    store.create_user(winner).await.expect("the same again is no error");
    let found = store.user_by_username(&t, "wANG").await.expect("read").expect("there");
    assert_eq!(&found, winner);
    assert!(store.create_user(&user(&t, winner.id.as_str(), "other")).await.is_err(), "the id has a name");
    store.create_user(&user(&tenant("names2"), "u0", "Wang")).await.expect("another tenant");
}

/// Of many who make the same user with passwords of their own one does, and only that one is told so.
pub async fn the_same_user_is_made_once(store: &dyn Store) {
    let t = tenant("same");
    let wanted: Vec<UserRecord> = (0..12)
        .map(|number| UserRecord { password_hash: format!("hash {number}"), ..user(&t, "admin", "admin") })
        .collect();
    let results = futures::future::join_all(wanted.iter().map(|user| store.create_user(user))).await;
    let winners: Vec<usize> = (0..12).filter(|&number| results[number].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    let found = store.user(&t, &id("admin")).await.expect("read").expect("there");
    assert_eq!(found.password_hash, wanted[winners[0]].password_hash);
}

/// An update names the version it read.
pub async fn updates_do_not_overwrite(store: &dyn Store) {
    let t = tenant("updates");
    let record = user(&t, "u", "wang");
    assert!(matches!(store.update_user(&record).await, Err(StoreError::NotFound { .. })));
    store.create_user(&record).await.expect("create");
    let changed = UserRecord { role: Role::Supervisor, disabled: true, ..record.clone() };
    assert_eq!(store.update_user(&changed).await.expect("update"), 2);
    assert!(matches!(store.update_user(&changed).await, Err(StoreError::Conflict { .. })), "version 1 is gone");
    let found = store.user(&t, &id("u")).await.expect("read").expect("there");
    assert_eq!(found, UserRecord { version: 2, ..changed });
    assert!(store.user(&tenant("updates2"), &id("u")).await.expect("read").is_none());
}

/// Users by name, filtered and paged.
pub async fn users_are_listed(store: &dyn Store) {
    let t = tenant("userlist");
    for number in 0..10 {
        let mut record = user(&t, &format!("id{number}"), &format!("Agent{number}"));
        record.role = if number == 3 { Role::Admin } else { Role::Agent };
        store.create_user(&record).await.expect("create");
    }
    let (mut query, mut seen) = (UserQuery { limit: 4, ..UserQuery::default() }, Vec::new());
    loop {
        let page = store.users(&t, &query).await.expect("list");
        assert_eq!(page.total, 10);
        seen.extend(page.users.into_iter().map(|user| user.username));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..10).map(|number| format!("Agent{number}")).collect::<Vec<_>>());
    let admins = UserQuery { role: Some(Role::Admin), limit: 9, ..UserQuery::default() };
    assert_eq!(store.users(&t, &admins).await.expect("list").users[0].id, id("id3"));
    for (text, count) in [("AGENT7", 1), ("小王", 10), ("nobody", 0), ("%", 0)] {
        let query = UserQuery { text: Some(text.into()), limit: 50, ..UserQuery::default() };
        assert_eq!(store.users(&t, &query).await.expect("list").total, count, "{text}");
    }
}

/// Logins are found, prolonged, listed, revoked, expired by the clock.
pub async fn logins_live_and_end(store: &dyn Store) {
    const HOUR_MS: u64 = 60 * 60 * 1_000;
    let (t, start) = (tenant("logins"), now());
    let of_a = login(1, "a", start, HOUR_MS);
    for login in [&of_a, &login(2, "a", start, HOUR_MS), &login(3, "b", start, 2_000)] {
        store.put_login(login).await.expect("put");
    }
    let at = |ms: u64| At(start.0 + ms);
    assert_eq!(store.login(TokenHash([1; 32])).await.expect("read").as_ref(), Some(&of_a));
    assert!(store.touch_login(TokenHash([1; 32]), at(2 * HOUR_MS), at(60_000)).await.expect("touch"));
    store.touch_login(TokenHash([1; 32]), at(HOUR_MS + 50_000), at(50_000)).await.expect("a late touch");
    store.put_login(&of_a).await.expect("a repeated put changes nothing");
    let found = store.login(TokenHash([1; 32])).await.expect("read").expect("there");
    assert_eq!((found.expires_at, found.last_seen_at), (at(2 * HOUR_MS), at(60_000)));
    let listed = store.logins_of(&t, &agent("a")).await.expect("list");
    assert_eq!(listed.iter().map(|login| login.token_hash.0[0]).collect::<Vec<_>>(), [2, 1]);

    eventually("an expired login goes", async || {
        store.expire(now()).await.expect("expire");
        store.login(TokenHash([3; 32])).await.expect("read").is_none()
    })
    .await;
    assert!(now() >= at(2_000), "it went before its time");
    assert!(store.logins_of(&t, &agent("b")).await.expect("list").is_empty());
    assert!(store.revoke_login(TokenHash([1; 32])).await.expect("revoke"));
    assert!(!store.revoke_login(TokenHash([1; 32])).await.expect("revoke"));
    let touched = store.touch_login(TokenHash([1; 32]), at(9 * HOUR_MS), at(90_000)).await.expect("touch");
    assert!(!touched && store.login(TokenHash([1; 32])).await.expect("read").is_none(), "it stays revoked");
    for number in 4..7 {
        store.put_login(&login(number, "c", start, HOUR_MS)).await.expect("put");
    }
    let mut revoked = store.revoke_logins_of(&t, &agent("c")).await.expect("revoke all");
    revoked.sort_unstable();
    assert_eq!(revoked, [4, 5, 6].map(|number| TokenHash([number; 32])));
    assert!(store.logins_of(&t, &agent("c")).await.expect("list").is_empty());
}

/// More logins than are listed at once: all of them are revoked by one call.
pub async fn all_logins_end(store: &dyn Store) {
    const LOGINS: u32 = LOGINS_PER_USER + 100;
    let (t, start) = (tenant("manylogins"), now());
    let hash = |number: u32| {
        let mut bytes = [77; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        TokenHash(bytes)
    };
    let login = |number: u32| LoginSession {
        token_hash: hash(number),
        tenant: t.clone(),
        ..login(0, "a", At(start.0 + u64::from(number / 2)), 60 * 60 * 1_000)
    };
    let logins: Vec<_> = (0..LOGINS).map(login).collect();
    let puts: Vec<_> = logins.iter().map(|login| store.put_login(login)).collect();
    futures::stream::iter(puts).buffer_unordered(32).try_collect::<()>().await.expect("put");
    assert_eq!(store.logins_of(&t, &agent("a")).await.expect("list").len(), LOGINS_PER_USER as usize);
    let mut revoked = store.revoke_logins_of(&t, &agent("a")).await.expect("revoke all");
    revoked.sort_unstable();
    assert!(revoked == (0..LOGINS).map(hash).collect::<Vec<_>>(), "{} of {LOGINS}", revoked.len());
    assert!(store.logins_of(&t, &agent("a")).await.expect("list").is_empty());
    assert!(store.login(hash(0)).await.expect("read").is_none());
}

/// Customers, who wrote last first.
pub async fn customers_are_listed(store: &dyn Store) {
    let t = tenant("customers");
    let row = |number: u64| CustomerRow {
        tenant: t.clone(),
        id: id(&format!("c{number}")),
        name: None,
        created_at: Some(At(1)),
        last_seen_at: Some(At(number / 2)),
        stamp: stamp(number + 1),
    };
    store
        .write_log_batch(LogBatch { customers: (0..9).map(row).collect(), ..LogBatch::default() }.into())
        .await
        .expect("write");
    let (mut query, mut seen) = (CustomerQuery { limit: 2, ..CustomerQuery::default() }, Vec::new());
    loop {
        let page = store.customers(&t, &query).await.expect("list");
        assert_eq!(page.total, 9);
        seen.extend(page.customers.into_iter().map(|customer| customer.id.to_string()));
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..9).rev().map(|number| format!("c{number}")).collect::<Vec<_>>());
}

/// A customer who writes again is first, once; a replay of what they wrote before changes nothing.
pub async fn customers_move_to_the_top(store: &dyn Store) {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let t = tenant("customers2");
    let row = |who: &str, day: u64, position: u64| CustomerRow {
        tenant: t.clone(),
        id: id(who),
        name: None,
        created_at: None,
        last_seen_at: Some(At(day * DAY_MS + position)),
        stamp: stamp(position),
    };
    let writes = [row("a", 1, 1), row("b", 2, 2), row("c", 3, 3), row("a", 4, 9), row("a", 1, 1), row("a", 2, 5)];
    for customer in writes {
        let customers = vec![customer];
        store.write_log_batch(LogBatch { customers, ..LogBatch::default() }.into()).await.expect("write");
    }
    let query = CustomerQuery { limit: 9, ..CustomerQuery::default() };
    let page = store.customers(&t, &query).await.expect("list");
    let listed: Vec<_> = page.customers.iter().map(|customer| customer.id.to_string()).collect();
    assert_eq!((listed, page.total), (["a", "c", "b"].map(String::from).to_vec(), 3));
    assert_eq!(page.customers[0].last_seen_at, At(4 * DAY_MS + 9));
}
