//! An encrypted connection, through something that decrypts before the server. Certificate and key in `tests/tls` are of an
//! authority that was made for this test and forgotten; they are worth nothing elsewhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kefu_live::testing::ValkeyServer;
use kefu_live::{Live, RedisConfig, RedisLive};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(file("server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    TlsAcceptor::from(Arc::new(config.expect("they belong together")))
}

/// The port at which connections are decrypted and handed on.
async fn decrypting(server: &ValkeyServer) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (port, to) = (listener.local_addr().expect("an address").port(), server.port());
    let acceptor = acceptor();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut inner = TcpStream::connect(("127.0.0.1", to)).await.expect("the server");
                if let Ok(mut outer) = acceptor.accept(socket).await {
                    let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn an_encrypted_server_is_believed_by_its_authority_alone() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("the first to choose");
    let server = ValkeyServer::start();
    let port = decrypting(&server).await;
    let open = |url: String, tls_ca_file: Option<PathBuf>| {
        RedisLive::open(&RedisConfig { tls_ca_file, ..RedisConfig::new(url) }).expect("a handle")
    };
    let trusting = open(format!("rediss://127.0.0.1:{port}"), Some(file("ca.pem")));
    trusting.incarnation().await.expect("it is encrypted and answers");
    let strict = open(format!("rediss://127.0.0.1:{port}"), None).incarnation().await;
    assert!(strict.expect_err("the machine does not know the authority").is_retryable());
    assert!(open(format!("redis://127.0.0.1:{port}"), None).incarnation().await.is_err(), "not encrypted");
}
