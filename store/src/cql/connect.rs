//! A session with the cluster.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::statement::{Consistency, SerialConsistency};

use super::CqlConfig;
use crate::error::StoreError;

/// How often nodes are asked whether they agree on the schema after it was changed.
const AGREEMENT_POLL: Duration = Duration::from_millis(50);

/// Connects, without a keyspace.
pub(super) async fn connect(config: &CqlConfig) -> Result<Session, StoreError> {
    let mut builder = SessionBuilder::new()
        .known_nodes(&config.nodes)
        .connection_timeout(config.connect_timeout)
        .schema_agreement_interval(AGREEMENT_POLL)
        .default_execution_profile_handle(profile(config).into_handle());
    if let Some(credentials) = &config.credentials {
        builder = builder.user(&credentials.user, &credentials.password);
    }
    if let Some(ca) = &config.tls_ca_file {
        builder = builder.tls_context(Some(Arc::new(tls(ca)?)));
    }
    let session = builder.build().await?;
    let cluster = session.get_cluster_state();
    let datacenters = cluster.get_nodes_info().iter().filter_map(|node| node.datacenter.as_deref()).collect();
    check_datacenter(&datacenters, config.local_datacenter.as_deref())?;
    Ok(session)
}

/// `LOCAL_QUORUM` is of the coordinator's datacenter. Were any datacenter's nodes asked, a read would not see what was
/// just written elsewhere, so with several the local one has to be named.
fn check_datacenter(found: &BTreeSet<&str>, named: Option<&str>) -> Result<(), StoreError> {
    let wrong = match named {
        None if found.len() > 1 => "set cql.local_datacenter to the one that all processes of this deployment ask",
        Some(named) if !found.is_empty() && !found.contains(named) => "cql.local_datacenter is none of them",
        _ => return Ok(()),
    };
    let found: Vec<&str> = found.iter().copied().collect();
    Err(StoreError::Backend(format!("the cluster has the datacenters {}: {wrong}", found.join(", "))))
}

/// What every request has unless it says otherwise.
fn profile(config: &CqlConfig) -> ExecutionProfile {
    let mut policy = DefaultPolicy::builder().token_aware(true);
    if let Some(datacenter) = &config.local_datacenter {
        policy = policy.prefer_datacenter(datacenter.clone()).permit_dc_failover(false);
    }
    ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .serial_consistency(Some(SerialConsistency::LocalSerial))
        .request_timeout(Some(config.request_timeout))
        .load_balancing_policy(policy.build())
        .build()
}

fn tls(ca: &Path) -> Result<ClientConfig, StoreError> {
    let wrong = |error: &dyn std::fmt::Display| StoreError::Backend(format!("{}: {error}", ca.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).map_err(|error| wrong(&error))? {
        roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"there is no certificate in it"));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Backend(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_datacenters_the_local_one_is_named() {
        let (none, one, two) = (BTreeSet::new(), BTreeSet::from(["dc1"]), BTreeSet::from(["dc1", "dc2"]));
        for (found, named) in
            [(&none, None), (&none, Some("dc1")), (&one, None), (&one, Some("dc1")), (&two, Some("dc2"))]
        {
            check_datacenter(found, named).unwrap();
        }
        for (found, named) in [(&two, None), (&one, Some("dc2")), (&two, Some("dc3"))] {
            let error = check_datacenter(found, named).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("dc1") && text.contains("cql.local_datacenter") && !error.is_retryable(), "{text}");
        }
    }

    #[test]
    fn a_file_without_authorities_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.pem");
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "nothing\n").unwrap();
        for (path, name) in [(&missing, "missing.pem"), (&empty, "empty.pem")] {
            let error = tls(path).unwrap_err();
            assert!(error.to_string().contains(name) && !error.is_retryable(), "{error}");
        }
    }
}
