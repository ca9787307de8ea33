//! Real NATS servers for tests. Nothing here belongs into the product.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kefu_ports::free_port;
use uuid::Uuid;

/// The environment variable that names the `nats-server` binary.
pub const NATS_SERVER_ENV: &str = "KEFU_TEST_NATS_SERVER";

const START_LIMIT: Duration = Duration::from_secs(20);

/// A folder that goes when it is dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    /// A new empty folder.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("kefu-test-{}", Uuid::new_v4().simple()));
        fs::create_dir_all(&path).expect("a temporary folder can be made");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for TempDir {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A `nats-server` with JetStream on a free loopback port, every write synced, with a folder of its own. It is killed
/// when dropped.
pub struct NatsServer {
    dir: TempDir,
    port: u16,
    child: Option<Child>,
    /// Lines of the configuration beside those of every server.
    cluster: String,
}

/// Three servers as one cluster, so that streams can have three replicas.
pub struct NatsCluster {
    servers: Vec<NatsServer>,
}

impl NatsCluster {
    /// Starts the servers and waits until they answer; they may need a moment more to find one another.
    ///
    /// # Panics
    /// If the environment does not name the binary, or one does not start.
    pub fn start() -> Self {
        let routes: Vec<u16> = (0..3).map(|_| port()).collect();
        let all: Vec<_> = routes.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let servers = routes.iter().enumerate().map(|(index, port)| {
            let cluster = format!(
                "server_name: n{index}\ncluster {{ name: tests, listen: \"127.0.0.1:{port}\", routes: [{}] }}\n",
                all.join(", ")
            );
            NatsServer::start_with(cluster)
        });
        Self { servers: servers.collect() }
    }

    /// The addresses for clients.
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(NatsServer::url).collect()
    }

    /// Ends all servers at once (SIGKILL). Their files stay.
    pub fn kill(&mut self) {
        self.servers.iter_mut().for_each(NatsServer::kill);
    }

    /// Starts them again with their files, on the same ports.
    pub fn restart(&mut self) {
        self.kill();
        self.servers.iter_mut().for_each(NatsServer::restart);
    }
}

fn port() -> u16 {
    free_port().expect("a free port")
}

impl NatsServer {
    /// Starts a server and waits until it answers.
    ///
    /// # Panics
    /// If the environment does not name the binary, or it does not start.
    pub fn start() -> Self {
        Self::start_with(String::new())
    }

    fn start_with(cluster: String) -> Self {
        let mut server = Self { dir: TempDir::new(), port: port(), child: None, cluster };
        server.spawn();
        server
    }

    /// The address for clients.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends the server at once (SIGKILL). Its files stay.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again with its files, on the same port.
    pub fn restart(&mut self) {
        self.kill();
        self.spawn();
    }

    /// Starts it again without its files, on the same port.
    ///
    /// # Panics
    /// If the files cannot be deleted.
    pub fn restart_empty(&mut self) {
        self.kill();
        fs::remove_dir_all(self.dir.path().join("store")).expect("the server's files can be deleted");
        self.spawn();
    }

    fn spawn(&mut self) {
        let binary = std::env::var_os(NATS_SERVER_ENV).unwrap_or_else(|| {
            panic!("{NATS_SERVER_ENV} does not name a nats-server binary; run by `cargo xtask test`")
        });
        let dir = self.dir.path().to_owned();
        let config = dir.join("nats.conf");
        let port = self.port;
        let text = format!(
            "listen: \"127.0.0.1:{port}\"\nlog_file: {:?}\n\
             jetstream {{ store_dir: {:?}, sync_interval: always, max_memory_store: 64GB, max_file_store: 8TB }}\n{}",
            dir.join("log"),
            dir.join("store"),
            self.cluster,
        );
        fs::write(&config, text).expect("the configuration can be written");
        let mut command = Command::new(&binary);
        command.arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", binary.display()));
        self.child = Some(child);
        self.wait_until_ready();
    }

    fn wait_until_ready(&mut self) {
        let started = Instant::now();
        loop {
            let address = SocketAddr::from(([127, 0, 0, 1], self.port));
            if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
                return;
            }
            let exited = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if exited.is_some() || started.elapsed() > START_LIMIT {
                let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
                panic!("nats-server does not answer ({exited:?}):\n{log}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
