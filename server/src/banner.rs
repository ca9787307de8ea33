//! The first lines printed: where to click, and what to log in with.

use std::net::SocketAddr;

/// What the first lines say.
pub struct Banner {
    /// Where the edge listens.
    pub address: SocketAddr,
    /// The address as browsers see it, if it is set.
    pub public_url: String,
    /// Whether this is a demo.
    pub demo: bool,
    /// The first admin and their one-time password, on the first start.
    pub first_admin: Option<(String, String)>,
}

impl Banner {
    /// Prints them.
    pub fn print(&self) {
        let url = self.url();
        println!("Kefu is ready.");
        println!();
        println!("  Visitors   {url}/kehu/");
        println!("  Agents     {url}/kefu/");
        println!("  API        {url}/docs");
        println!();
        if self.demo {
            println!("  DEMO: everybody knows these passwords. It listens on this machine only.");
            println!("  Agents kefu001 客服小王, kefu002 客服小李, kefu003 客服小张; password 123456");
            println!();
        }
        if let Some((username, password)) = &self.first_admin {
            println!("  First start. Log in as {username} and change the password.");
            println!("  admin one-time password: {password}");
            println!();
        }
    }

    fn url(&self) -> String {
        if !self.public_url.is_empty() {
            return self.public_url.trim_end_matches('/').to_owned();
        }
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    }
}
