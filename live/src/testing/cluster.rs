//! A cluster of three masters.

use std::time::{Duration, Instant};

use kefu_ports::free_port;

use super::ValkeyServer;

const FORM_LIMIT: Duration = Duration::from_secs(30);
const MASTERS: u32 = 3;
const SLOTS: u32 = 16_384;

/// Three masters without replicas, on loopback.
pub struct ValkeyCluster {
    masters: Vec<ValkeyServer>,
}

impl ValkeyCluster {
    /// Starts it and waits until each master knows all slots.
    ///
    /// # Panics
    /// If the environment does not name the binary, or it does not form a cluster.
    pub fn start() -> Self {
        let masters: Vec<ValkeyServer> = (0..MASTERS).map(|_| start_master()).collect();
        for (number, master) in (0..MASTERS).zip(&masters) {
            let (first, after) = (number * SLOTS / MASTERS, (number + 1) * SLOTS / MASTERS);
            master.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(after - 1).to_string()]);
            // Each needs an epoch of its own, as a tool that makes clusters gives it.
            master.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        }
        let cluster = Self { masters };
        cluster.meet();
        cluster.wait_until_formed();
        cluster
    }

    /// The address for clients: two of the three.
    pub fn url(&self) -> String {
        format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", self.masters[0].port(), self.masters[1].port())
    }

    /// The masters.
    pub fn masters(&self) -> &[ValkeyServer] {
        &self.masters
    }

    /// The master that has a key.
    ///
    /// # Panics
    /// If none of them does.
    pub fn master_of(&mut self, key: &str) -> &mut ValkeyServer {
        let slot = self.masters[0].command(&["CLUSTER", "KEYSLOT", key]);
        let slot: u32 = slot.trim_start_matches("int(").trim_end_matches(')').parse().expect("a slot");
        let number = (0..MASTERS).find(|number| slot < (number + 1) * SLOTS / MASTERS).expect("a master");
        &mut self.masters[number as usize]
    }

    fn meet(&self) {
        for other in &self.masters[1..] {
            let bus = other.command(&["CONFIG", "GET", "cluster-port"]);
            let bus = bus.chars().filter(char::is_ascii_digit).collect::<String>();
            self.masters[0].command(&["CLUSTER", "MEET", "127.0.0.1", &other.port().to_string(), &bus]);
        }
    }

    fn wait_until_formed(&self) {
        let started = Instant::now();
        let formed = |master: &ValkeyServer| {
            let info = master.command(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        };
        while !self.masters.iter().all(formed) {
            assert!(started.elapsed() < FORM_LIMIT, "{}", self.masters[0].command(&["CLUSTER", "NODES"]));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn start_master() -> ValkeyServer {
    let bus = free_port().expect("a free port").to_string();
    ValkeyServer::start_with(&[
        "--save",
        "",
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        &bus,
        "--cluster-node-timeout",
        "2000",
        // A master that is away takes its slots with it, and nothing else.
        "--cluster-require-full-coverage",
        "no",
    ])
}
