//! A server that is not there yet.

use tokio::net::{TcpListener, TcpStream};

use super::kefu::free_port;

/// An address at which nobody listens, until it is opened: from then on a server answers there.
pub struct Gate {
    port: u16,
    server: String,
}

impl Gate {
    /// In front of a server, named by host and port.
    pub fn before(server: &str) -> Self {
        Self { port: free_port(), server: server.to_owned() }
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Lets everybody through from now on.
    pub async fn open(&mut self) {
        let listener = TcpListener::bind(self.address()).await.expect("the port is free");
        let server = self.server.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(&server).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
    }
}
