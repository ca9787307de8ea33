//! One server.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kefu_ports::free_port;

use super::VALKEY_SERVER_ENV;

const START_LIMIT: Duration = Duration::from_secs(20);

/// A `valkey-server` on a free loopback port, with a folder of its own. It is killed when dropped.
pub struct ValkeyServer {
    dir: TempDir,
    port: u16,
    options: Vec<String>,
    child: Option<Child>,
}

impl ValkeyServer {
    /// Starts a server that keeps everything in memory, and waits until it answers.
    ///
    /// # Panics
    /// If the environment does not name the binary, or it does not start.
    pub fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"])
    }

    /// Starts a server that writes every change to its file before it answers.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn start_durable() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts a server with these options.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn start_with(options: &[&str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let port = free_port().expect("a free port");
        let mut server = Self { dir: TempDir::new(), port, options, child: None };
        server.spawn();
        server
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir.0
    }

    /// The address for clients.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends the server at once (SIGKILL). Its files stay.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again with its files, on the same port.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        self.kill();
        self.spawn();
    }

    /// Stops its clockwork: it accepts connections and answers nothing (SIGSTOP).
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    /// Sends a command and answers what it answered, as text.
    ///
    /// # Panics
    /// If the server does not answer, or answers an error.
    pub fn command(&self, words: &[&str]) -> String {
        self.try_command(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Sends a command and answers what it answered, as text.
    ///
    /// # Errors
    /// If the server does not answer, or answers an error.
    pub fn try_command(&self, words: &[&str]) -> Result<String, redis::RedisError> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(5))?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let answer: redis::Value = command.query(&mut connection)?;
        Ok(match answer {
            redis::Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            redis::Value::SimpleString(text) | redis::Value::VerbatimString { text, .. } => text,
            other => format!("{other:?}"),
        })
    }

    fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("it was started").id();
        let sent = Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} cannot be sent");
    }

    fn spawn(&mut self) {
        let binary = std::env::var_os(VALKEY_SERVER_ENV).unwrap_or_else(|| {
            panic!("{VALKEY_SERVER_ENV} does not name a valkey-server binary; run by `cargo xtask test`")
        });
        let mut command = Command::new(&binary);
        command.args(&self.options).args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"]);
        command.arg("--dir").arg(self.dir()).arg("--logfile").arg(self.dir().join("log"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", binary.display()));
        self.child = Some(child);
        self.wait_until_ready();
    }

    fn wait_until_ready(&mut self) {
        let started = Instant::now();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        loop {
            let listens = TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok();
            if listens && self.try_command(&["PING"]).is_ok() {
                return;
            }
            let exited = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if exited.is_some() || started.elapsed() > START_LIMIT {
                panic!("valkey-server does not answer ({exited:?}):\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir().join("log")).unwrap_or_default()
    }
}

impl Drop for ValkeyServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A folder that goes when it is dropped.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("kefu-valkey-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder can be made");
        Self(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
