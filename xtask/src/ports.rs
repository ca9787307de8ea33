//! Ports of loopback for servers that are told where to listen.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

use anyhow::{Context, Result};

/// Below what systems give to outgoing connections (from 32768 on Linux, from 49152 elsewhere), so that no connection
/// takes a port between here and the moment when its server listens, or while the server is away for a restart.
const RANGE: Range<u16> = 15_000..32_000;
const TRIES: usize = 1_000;

/// A port that nobody listens on.
pub fn free_port() -> Result<u16> {
    let is_free = |port: &u16| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, *port))).is_ok();
    let mut candidates = std::iter::repeat_with(|| rand::random_range(RANGE)).take(TRIES);
    candidates.find(is_free).context("no free port")
}
