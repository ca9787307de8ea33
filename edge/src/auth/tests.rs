use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use kefu_model::{Name, Role, UserId};
use serde_json::{Value, json};

use super::*;
use crate::directory::{NewAgent, PasswordRule, create_agent, ensure_first_admin, set_password};
use crate::testing::{TestEdge, config, tenant};

fn secret() -> EncodingKey {
    EncodingKey::from_secret(b"0123456789abcdef0123456789abcdef")
}

fn soon() -> u64 {
    crate::clock::now().0 / 1_000 + 60
}

fn signed(claims: &Value, key: &EncodingKey) -> String {
    encode(&Header::new(Algorithm::HS256), claims, key).unwrap()
}

async fn agent(edge: &TestEdge) -> kefu_store::UserRecord {
    let agent = NewAgent {
        tenant: tenant(),
        username: "kefu001".into(),
        name: Name::new("客服小王").unwrap(),
        role: Role::Agent,
        capacity: 3,
    };
    create_agent(&edge.services.store, agent, "correct horse", PasswordRule::Checked).await.unwrap()
}

#[tokio::test]
async fn a_login_is_found_used_and_revoked() {
    let edge = TestEdge::new(config());
    let auth = &edge.services.auth;
    let login = auth.log_in(&agent(&edge).await, false, "Firefox").await.unwrap();
    assert_eq!(login.token.len(), 43);
    let caller = auth.authenticate(&login.token).await.unwrap();
    assert_eq!((caller.role, caller.capacity), (Role::Agent, Some(3)));
    assert_eq!(caller.user.id.as_str(), "kefu001");
    let Credential::Login { hash, .. } = caller.credential else { panic!("not a login") };
    auth.log_out(hash).await.unwrap();
    assert!(matches!(auth.authenticate(&login.token).await, Err(AuthError::Invalid)));
    assert!(matches!(auth.touch(&caller).await, Err(AuthError::Revoked)));
    for nonsense in ["", "x", &login.token[1..], &"a".repeat(5_000)] {
        assert!(matches!(auth.authenticate(nonsense).await, Err(AuthError::Invalid)));
    }
}

#[tokio::test]
async fn all_logins_of_an_agent_end_at_once() {
    let edge = TestEdge::new(config());
    let auth = &edge.services.auth;
    let user = agent(&edge).await;
    let (a, b) = (auth.log_in(&user, false, "").await.unwrap(), auth.log_in(&user, true, "").await.unwrap());
    assert!(b.expires_at > a.expires_at);
    auth.log_out_all(&tenant(), &user.id).await.unwrap();
    for token in [a.token, b.token] {
        assert!(auth.authenticate(&token).await.is_err());
    }
}

#[tokio::test]
async fn passwords_fit_or_do_not() {
    let passwords = Passwords::new(2, 5_000);
    let hash = passwords.hash("correct horse".into()).await.unwrap();
    assert!(hash.starts_with("$argon2id$"));
    assert_eq!(passwords.verify("correct horse".into(), Some(hash.clone())).await, Ok(true));
    assert_eq!(passwords.verify("wrong".into(), Some(hash)).await, Ok(false));
    assert_eq!(passwords.verify("wrong".into(), None).await, Ok(false));
    assert_eq!(passwords.verify("x".repeat(2_000), None).await, Ok(false));
    assert_eq!(check_new("1234567"), Err(PasswordError::Length));
    assert_eq!(check_new("客服客服客服客服"), Ok(()));
}

#[tokio::test]
async fn the_directory_keeps_its_rules() {
    let edge = TestEdge::new(config());
    let store = &edge.services.store;
    let first = ensure_first_admin(store, &tenant()).await.unwrap().unwrap();
    assert!(first.password.len() >= 16);
    assert!(ensure_first_admin(store, &tenant()).await.unwrap().is_none());
    agent(&edge).await;
    let again = NewAgent {
        tenant: tenant(),
        username: "kefu001".into(),
        name: Name::new("x").unwrap(),
        role: Role::Agent,
        capacity: 1,
    };
    assert!(create_agent(store, again.clone(), "long enough", PasswordRule::Checked).await.is_err(), "taken");
    let short = NewAgent { username: "kefu009".into(), ..again.clone() };
    assert!(create_agent(store, short.clone(), "123456", PasswordRule::Checked).await.is_err());
    assert!(create_agent(store, short, "123456", PasswordRule::Demo).await.is_ok());
    let slash = NewAgent { username: "a/b".into(), ..again };
    assert!(create_agent(store, slash, "long enough", PasswordRule::Checked).await.is_err());
    set_password(store, &tenant(), "kefu001", "another one").await.unwrap();
    assert_eq!(crate::directory::list(store, &tenant()).await.unwrap().len(), 3);
}

#[test]
fn visitors_tokens_are_ours_and_run_out() {
    let keys = VisitorKeys::new(b"secret", 60_000);
    let id = UserId::new("v_1").unwrap();
    let name = Name::new("小明").unwrap();
    let now = crate::clock::now();
    let (token, expires_at) = keys.issue(&tenant(), &id, Some(&name), now).unwrap();
    assert_eq!(expires_at.0, now.0 + 60_000);
    let caller = keys.verify(&token).unwrap();
    assert_eq!((caller.role, caller.user.id, caller.name), (Role::Customer, id.clone(), Some(name)));
    assert!(matches!(VisitorKeys::new(b"other", 60_000).verify(&token), Err(AuthError::Invalid)));
    let (old, _) = keys.issue(&tenant(), &id, None, At(now.0 - 120_000)).unwrap();
    assert!(matches!(keys.verify(&old), Err(AuthError::Expired)));
    let forged = token.rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    assert!(keys.verify(&forged).is_err());
    // "alg": "none"
    assert!(keys.verify("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ2XzEiLCJleHAiOjk5OTk5OTk5OTl9.").is_err());
}

#[test]
fn a_host_site_vouches_for_its_users_and_for_no_visitor() {
    let tenant = &config().tenants[0];
    let good = json!({"sub": "u1", "aud": "kefu", "exp": soon(), "name": "Ann"});
    let (id, name) = host_user(tenant, &signed(&good, &secret())).unwrap();
    assert_eq!((id.as_str(), name.unwrap().as_str()), ("u1", "Ann"));
    let bad = [
        json!({"sub": "v_1", "aud": "kefu", "exp": soon()}),
        json!({"sub": "u1", "aud": "other", "exp": soon()}),
        json!({"sub": "u1", "exp": soon()}),
        json!({"sub": "u1", "aud": "kefu"}),
        json!({"sub": "u1", "aud": "kefu", "exp": soon() - 3_600}),
        json!({"sub": "a b", "aud": "kefu", "exp": soon()}),
        json!({"aud": "kefu", "exp": soon()}),
    ];
    for claims in bad {
        assert!(host_user(tenant, &signed(&claims, &secret())).is_none(), "{claims}");
    }
    let other = EncodingKey::from_secret(b"another secret of thirty-two byt");
    assert!(host_user(tenant, &signed(&good, &other)).is_none());
}

#[tokio::test]
async fn too_many_failures_lock_a_name_out_from_an_address() {
    let edge = TestEdge::new(config());
    let attempts = |name: &str, address: &str| {
        Attempts::new(&edge.services.live, &edge.services.config, &tenant(), name, address.parse().unwrap())
    };
    for _ in 0..4 {
        assert!(attempts("Kefu001", "10.0.0.1").failed().await.is_none());
    }
    assert!(attempts("kefu001", "10.0.0.1").failed().await.is_some());
    assert!(attempts("kefu001", "10.0.0.1").locked_ms().await.is_some());
    assert!(attempts("kefu001", "10.0.0.2").locked_ms().await.is_none());
    attempts("kefu001", "10.0.0.1").succeeded().await;
    assert!(attempts("kefu001", "10.0.0.1").locked_ms().await.is_none());
}

#[tokio::test]
async fn a_revoked_login_leaves_the_cache_once_live_is_back() {
    let (edge, live) = TestEdge::with_faults(config());
    let auth = &edge.services.auth;
    let login = auth.log_in(&agent(&edge).await, false, "").await.unwrap();
    let Credential::Login { hash, .. } = login.caller.credential else { panic!("not a login") };
    let calls = crate::testing::failing(&live, &["invalidate_logins"]);
    auth.log_out(hash).await.unwrap();
    assert!(auth.authenticate(&login.token).await.is_ok(), "still cached");
    let tries = || calls.lock().iter().filter(|call| **call == "invalidate_logins").count();
    for _ in 0..2_000 {
        if tries() > 1 {
            live.heal();
        }
        if auth.authenticate(&login.token).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("still cached after {} tries", tries());
}
