//! A master with a replica, and a sentinel that watches them.

use std::time::{Duration, Instant};

use super::ValkeyServer;

const LIMIT: Duration = Duration::from_secs(30);
const SERVICE: &str = "kefu";

/// A master, a replica and one sentinel, on loopback.
pub struct ValkeySentinel {
    servers: [ValkeyServer; 2],
    sentinel: ValkeyServer,
}

impl ValkeySentinel {
    /// Starts them and waits until the sentinel knows the replica.
    ///
    /// # Panics
    /// If the environment does not name the binary, or one of them does not start.
    pub fn start() -> Self {
        let master = ValkeyServer::start();
        let port = master.port().to_string();
        let of_master = format!("127.0.0.1 {port}");
        let replica = ValkeyServer::start_with(&["--save", "", "--appendonly", "no", "--replicaof", &of_master]);
        // A sentinel keeps what it learns in its file, so it needs one.
        let file = master.dir().join("sentinel.conf");
        std::fs::write(&file, "").expect("the sentinel's file can be written");
        let file = file.to_str().expect("a path in UTF-8");
        let sentinel = ValkeyServer::start_with(&[file, "--sentinel"]);
        sentinel.command(&["SENTINEL", "MONITOR", SERVICE, "127.0.0.1", &port, "1"]);
        for (option, value) in [("down-after-milliseconds", "1000"), ("failover-timeout", "3000")] {
            sentinel.command(&["SENTINEL", "SET", SERVICE, option, value]);
        }
        let started = Self { servers: [master, replica], sentinel };
        wait_for("the replica", || {
            started.sentinel.command(&["SENTINEL", "REPLICAS", SERVICE]).contains("master-link-status")
        });
        wait_for("replication", || {
            started.servers[1].command(&["INFO", "replication"]).contains("master_link_status:up")
        });
        started
    }

    /// The address for clients: a sentinel that is away before the one that is there.
    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/{SERVICE}", self.sentinel.port())
    }

    /// Lets the other server be the master, and waits until the first one is its replica.
    ///
    /// # Panics
    /// If the sentinel does not do it.
    pub fn fail_over(&self) {
        let before = self.master();
        wait_for("a failover to be possible", || self.sentinel.try_command(&["SENTINEL", "FAILOVER", SERVICE]).is_ok());
        wait_for("the failover", || self.master() != before);
        let first = self.servers.iter().find(|server| before.contains(&server.port().to_string()));
        let first = first.expect("one of the two");
        wait_for("the other to follow", || first.command(&["INFO", "replication"]).contains("master_link_status:up"));
    }

    /// Kills the master.
    ///
    /// # Panics
    /// If there is none.
    pub fn kill_master(&mut self) {
        let master = self.master();
        let server = self.servers.iter_mut().find(|server| master.contains(&server.port().to_string()));
        server.expect("one of the two").kill();
    }

    /// Waits until the sentinel has made the living server the master.
    ///
    /// # Panics
    /// If it does not.
    pub fn wait_for_living_master(&self) {
        let is_master = |server: &ValkeyServer| {
            let role = server.try_command(&["INFO", "replication"]);
            role.is_ok_and(|role| role.contains("role:master")) && self.master().contains(&server.port().to_string())
        };
        wait_for("a master that lives", || self.servers.iter().any(is_master));
    }

    fn master(&self) -> String {
        self.sentinel.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE])
    }
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < LIMIT, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
