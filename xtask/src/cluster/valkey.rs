//! A Valkey server.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Result;

use crate::service::{Recipe, Service, listens};
use kefu_ports::free_port;

/// The server; it keeps nothing on disk, so that a restart loses everything.
pub struct Valkey {
    /// Its process.
    pub server: Service,
    port: u16,
}

impl Valkey {
    /// Starts it and waits until it answers.
    pub async fn start(program: &Path, folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let words = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"];
        let recipe = Recipe::new(program, words.iter().map(OsStr::new).chain([folder.as_os_str()]));
        let mut valkey = Self { server: Service::start("valkey", recipe, folder)?, port };
        valkey.until_ready().await?;
        Ok(valkey)
    }

    /// What clients connect to.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Waits until it answers.
    pub async fn until_ready(&mut self) -> Result<()> {
        let port = self.port;
        self.server.until_ready(async || listens(port).await).await
    }
}
