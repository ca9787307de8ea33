//! Names of keys.
//!
//! What is in braces decides the slot in a cluster. Leases, the registry and the incarnation share one slot, so that they
//! are lost together or not at all, and so that a script may touch any of them. Rates, lock-outs and logins are spread.

use kefu_model::TenantId;

use crate::TokenHash;
use crate::registry::EdgeId;

/// Over how many keys the subjects of a tenant's limits are spread.
pub(super) const SUBJECT_BUCKETS: usize = 16;
/// Over how many keys logins are spread.
pub(super) const LOGIN_BUCKETS: usize = 64;

/// Makes the names of keys.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub(super) fn incarnation(&self) -> String {
        format!("{{{}}}:incarnation", self.prefix)
    }

    pub(super) fn edges(&self) -> String {
        format!("{{{}}}:edges", self.prefix)
    }

    /// What each edge knows of its lease.
    pub(super) fn edge_lives(&self) -> String {
        format!("{{{}}}:edge-lives", self.prefix)
    }

    /// The tenants that an edge has, or had, something of.
    pub(super) fn tenants_of(&self, edge: &EdgeId) -> String {
        format!("{{{}}}:tenants-of:{edge}", self.prefix)
    }

    /// The tables of `lua/presence/tables.lua`.
    pub(super) fn presence(&self, tenant: &TenantId) -> Vec<String> {
        self.tables("presence", tenant, &["pairs", "ends", "words", "by-edge"])
    }

    /// `edges` and the tables of `lua/registry/tables.lua`.
    pub(super) fn registry(&self, tenant: &TenantId) -> Vec<String> {
        let names = ["connections", "ids", "by-user", "by-edge", "agents", "customers"];
        let mut keys = vec![self.edges()];
        keys.extend(self.tables("registry", tenant, &names));
        keys
    }

    fn tables(&self, concern: &str, tenant: &TenantId, names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("{{{}}}:{concern}:{tenant}:{name}", self.prefix)).collect()
    }

    pub(super) fn rates(&self, tenant: &TenantId, subject: &[u8]) -> String {
        format!("{{{}:rates:{tenant}:{}}}", self.prefix, bucket_of(subject))
    }

    /// The tables of `lua/lockout/tables.lua`.
    pub(super) fn lockouts(&self, tenant: &TenantId, subject: &[u8]) -> Vec<String> {
        let tag = format!("{{{}:lockouts:{tenant}:{}}}", self.prefix, bucket_of(subject));
        ["ends", "failures"].iter().map(|name| format!("{tag}:{name}")).collect()
    }

    /// Values, their ends, and what was revoked, of the logins of a bucket.
    pub(super) fn logins(&self, bucket: usize) -> Vec<String> {
        let tag = format!("{{{}:logins:{bucket}}}", self.prefix);
        ["values", "ends", "revoked"].iter().map(|name| format!("{tag}:{name}")).collect()
    }
}

/// Every process has to find the same bucket.
fn bucket_of(subject: &[u8]) -> usize {
    crc32fast::hash(subject) as usize % SUBJECT_BUCKETS
}

/// A token's hash is as good as random.
pub(super) fn login_bucket(token: &TokenHash) -> usize {
    usize::from(token[0]) % LOGIN_BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str) -> &str {
        let inner = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
        inner.expect("a key has a tag").0
    }

    #[test]
    fn keys_of_one_step_share_a_slot_and_carry_the_tenant() {
        let (keys, tenant) = (Keys::new("kefu"), TenantId::new("acme").expect("a tenant"));
        let mut leases = keys.registry(&tenant);
        leases.extend(keys.presence(&tenant));
        leases.extend([keys.incarnation(), keys.edge_lives(), keys.tenants_of(&EdgeId::new("e"))]);
        assert!(leases.iter().all(|key| tag(key) == "kefu"), "{leases:?}");
        for tables in [keys.lockouts(&tenant, b"s"), keys.logins(7)] {
            assert!(tables.iter().all(|key| tag(key) == tag(&tables[0])), "{tables:?}");
        }
        assert!(keys.rates(&tenant, b"s").contains("acme"));
        assert!(keys.lockouts(&tenant, b"s").iter().all(|key| key.contains("acme")));
    }

    #[test]
    fn subjects_are_spread_and_stay_where_they_are() {
        let tenant = TenantId::new("acme").expect("a tenant");
        let keys = Keys::new("kefu");
        let used: std::collections::HashSet<String> =
            (0..200).map(|subject: u32| keys.rates(&tenant, &subject.to_be_bytes())).collect();
        assert_eq!(used.len(), SUBJECT_BUCKETS);
        assert_eq!(keys.rates(&tenant, b"10.0.0.1"), "{kefu:rates:acme:3}");
    }
}
