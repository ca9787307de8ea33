//! From a TCP connection to a WebSocket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Longest head of an answer.
const HEAD_BYTES: usize = 8 * 1024;

/// Opens a connection from that address and upgrades it; gives what was read behind the server's answer besides.
pub async fn open(server: SocketAddr, source: Ipv4Addr) -> anyhow::Result<(TcpStream, Vec<u8>)> {
    let socket = TcpSocket::new_v4().context("no socket")?;
    socket.bind(SocketAddr::new(IpAddr::V4(source), 0)).with_context(|| format!("cannot use {source}"))?;
    let mut stream = socket.connect(server).await.context("cannot connect")?;
    stream.set_nodelay(true).context("cannot switch Nagle's algorithm off")?;
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a2VmdS1sb2FkdGVzdC0wMQ==\r\n\
         Sec-WebSocket-Protocol: kefu.v1.json\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.context("cannot ask for a WebSocket")?;
    let mut read = Vec::with_capacity(512);
    loop {
        if stream.read_buf(&mut read).await.context("no answer to the handshake")? == 0 {
            bail!("the connection ended in the handshake");
        }
        if let Some(end) = memchr::memmem::find(&read, b"\r\n\r\n") {
            if !read.starts_with(b"HTTP/1.1 101") {
                bail!("refused: {}", String::from_utf8_lossy(&read));
            }
            read.drain(..end + 4);
            return Ok((stream, read));
        }
        if read.len() > HEAD_BYTES {
            bail!("the answer to the handshake has no end");
        }
    }
}
