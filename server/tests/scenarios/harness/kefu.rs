//! The real binary, as a process of the test's own.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::api::Api;
use super::wait::{eventually, eventually_within};

/// How long a start may take on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A kefu process with a data folder of its own. It can be killed and started again at the same address; it is killed
/// when it is dropped, and if the test fails, what it printed is shown.
pub struct Kefu {
    child: Option<Child>,
    port: u16,
    folder: TempDir,
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    /// What the binary is started by.
    wrapper: Vec<String>,
    /// A data folder elsewhere.
    data: Option<PathBuf>,
    says: &'static str,
    starts: usize,
}

/// The first words of a start; of one without an edge.
const READY: &str = "Kefu is ready.";
const RUNS: &str = "Kefu runs as ";

impl Kefu {
    /// Starts it and waits until it is ready.
    pub async fn start(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_by(&[], None, flags, variables).await
    }

    /// The same, by another command that ends in running what follows it, and with a data folder elsewhere.
    pub async fn start_by(wrapper: &[&str], data: Option<PathBuf>, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut kefu = Self::new(flags, variables);
        (kefu.wrapper, kefu.data) = (wrapper.iter().map(ToString::to_string).collect(), data);
        kefu.start_again().await;
        kefu
    }

    /// A process of one role that is started without waiting for it. Whichever role it has, its health is at its address.
    pub fn begin(role: &str, variables: &[(&str, &str)]) -> Self {
        let mut kefu = Self::new(&[], variables);
        let health = kefu.address();
        kefu.variables.extend([("KEFU_SERVER__ROLES".into(), role.into()), ("KEFU_OPS__LISTEN".into(), health)]);
        if role != "edge" {
            kefu.says = RUNS;
        }
        kefu.spawn();
        kefu
    }

    fn new(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self {
            wrapper: Vec::new(),
            data: None,
            child: None,
            port: free_port(),
            folder: tempfile::tempdir().expect("a temporary folder"),
            flags: flags.iter().map(ToString::to_string).collect(),
            variables: variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            says: READY,
            starts: 0,
        }
    }

    /// Starts it again at the same address, with the same data.
    pub async fn start_again(&mut self) {
        self.spawn();
        self.wait_until_ready().await;
    }

    /// Starts it without waiting.
    fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = OpenOptions::new().create(true).append(true).open(self.log()).expect("the log can be written");
        let data = self.data_dir();
        let mut command = by(&self.wrapper, binary());
        command.args(&self.flags).arg("--listen").arg(self.address()).arg("--data-dir").arg(data);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let errors = log.try_clone().expect("a second handle");
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        self.child = Some(command.spawn().expect("kefu starts"));
        self.starts += 1;
    }

    /// Starts it again, to no avail; answers what it said.
    pub async fn fails_to_start(&mut self) -> String {
        let before = self.output().len();
        self.spawn();
        let status = self.ended().await;
        // What it prints once it is ready was not printed.
        self.starts -= 1;
        let said = self.output().split_off(before);
        assert!(!status.success() && !said.contains("panicked"), "{status}: {said}");
        said
    }

    /// From the next start on it is started by another command.
    pub fn start_by_another(&mut self, wrapper: &[&str]) {
        self.wrapper = wrapper.iter().map(ToString::to_string).collect();
    }

    /// Runs a command of the binary on this data, with the same variables.
    pub async fn command(&self, arguments: &[&str]) -> Said {
        let data = self.data_dir();
        let mut all = arguments.to_vec();
        all.extend(["--data-dir", data.to_str().expect("a path")]);
        let variables: Vec<_> = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        run_with(&all, &variables, "").await
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().expect("its state").is_none())
    }

    /// Waits until it is ready and has said so.
    pub async fn wait_until_ready(&mut self) {
        let api = Api::new(&self.url());
        eventually_within(READY_WITHIN, "kefu is ready", async || {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().expect("its state")) {
                panic!("kefu ended: {status}");
            }
            let says_so = api.try_get("/readyz").await? == 200;
            (says_so && self.output().matches(self.says).count() == self.starts).then_some(())
        })
        .await;
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to stop, as `systemd` and `docker` do.
    pub fn terminate(&self) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Memory that it holds, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let pid = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        eventually("kefu ended", async || child.try_wait().expect("its state")).await
    }

    /// Where it serves.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where its data is.
    pub fn data_dir(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| self.folder.path().join("data"))
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// The one-time password of the first admin.
    pub fn admin_password(&self) -> String {
        let output = self.output();
        let (_, rest) = output.split_once("one-time password: ").expect("the first start tells a password");
        rest.split_whitespace().next().expect("a password").to_owned()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("output")
    }
}

impl Drop for Kefu {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            println!("---- what kefu printed ----\n{}---- end ----", self.output());
        }
    }
}

/// The binary, with nothing of our environment but what it needs.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kefu"));
    command.env_clear().env("RUST_BACKTRACE", "1").env("KEFU_LOG__FILTER", "info");
    command
}

/// The same command, run by another one.
fn by(wrapper: &[String], binary: Command) -> Command {
    let Some((first, rest)) = wrapper.split_first() else { return binary };
    let mut command = Command::new(first);
    command.args(rest).arg(binary.get_program()).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// What a finished command said.
pub struct Said {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command of the binary to its end.
pub async fn run(arguments: &[&str], input: &str) -> Said {
    run_with(arguments, &[], input).await
}

/// Runs a command of the binary to its end, with variables.
pub async fn run_with(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Said {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("in"), input).expect("the input");
    let open = |path: PathBuf| File::create(path).expect("a file");
    let mut command = binary();
    command.args(arguments).current_dir(folder.path()).envs(variables.iter().copied());
    command.stdin(File::open(file("in")).expect("the input")).stdout(open(file("out"))).stderr(open(file("err")));
    let mut child = Reaped(command.spawn().expect("kefu starts"));
    let status = eventually("the command ended", async || child.0.try_wait().expect("its state")).await;
    Said { success: status.success(), stdout: text(&file("out")), stderr: text(&file("err")) }
}

struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A port that no other server is given.
pub fn free_port() -> u16 {
    kefu_ports::free_port().expect("a free port")
}
