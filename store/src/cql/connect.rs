//! A session with the cluster.

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
    Ok(builder.build().await?)
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
