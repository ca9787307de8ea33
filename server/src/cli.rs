//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use kefu::settings::Role;

/// Kefu: live customer service. Without a command it starts.
#[derive(Debug, Parser)]
#[command(name = "kefu", version, about, args_conflicts_with_subcommands = false)]
pub struct Cli {
    /// A file of settings; `kefu default-config` prints one.
    #[arg(long, env = "KEFU_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// Where data is kept [default: ./kefu-data, with --demo ./kefu-demo].
    #[arg(long, global = true)]
    pub data_dir: Option<PathBuf>,
    /// Flags of a start.
    #[command(flatten)]
    pub start: StartArgs,
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags of a start.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Where HTTP and WebSockets are served [default: 0.0.0.0:6006].
    #[arg(long)]
    pub listen: Option<SocketAddr>,
    /// Which roles this process has, separated by commas [default: all].
    #[arg(long, value_delimiter = ',')]
    pub roles: Option<Vec<Role>>,
    /// Try it out: three agents with known passwords, on loopback only, in a data folder of its own.
    #[arg(long)]
    pub demo: bool,
}

/// What else `kefu` does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reads the settings, says what is wrong with them, and starts nothing.
    CheckConfig,
    /// Prints every setting with its default.
    DefaultConfig,
    /// Agents of a deployment, running or not.
    Agent(OfTenant<AgentCommand>),
    /// Admins of a deployment, running or not.
    Admin(OfTenant<AdminCommand>),
    /// The epoch of the logs, of a deployment that does not run.
    #[command(subcommand)]
    Epoch(EpochCommand),
}

/// What is done, and in which tenant.
#[derive(Debug, Args)]
pub struct OfTenant<C: Subcommand> {
    /// The tenant.
    #[arg(long, default_value = "default", global = true)]
    pub tenant: String,
    /// What.
    #[command(subcommand)]
    pub command: C,
}

/// What can be done about the epoch.
#[derive(Debug, Subcommand)]
pub enum EpochCommand {
    /// Goes on from the store with an empty log, when the log is lost or damaged for good. What was not in the store yet
    /// is gone. A log in the data folder is moved aside; streams on NATS are deleted.
    Next {
        /// Do it; without, it is only said what would be done.
        #[arg(long)]
        yes: bool,
    },
}

/// What can be done about agents.
#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// Adds an agent. The password is read from standard input, or made and printed.
    Add {
        /// What they log in with.
        username: String,
        /// The name that customers see [default: the user name].
        #[arg(long)]
        name: Option<String>,
        /// agent, supervisor or admin.
        #[arg(long, default_value = "agent")]
        role: String,
        /// Most sessions at a time.
        #[arg(long)]
        capacity: Option<u16>,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Gives an agent a new password and ends their logins.
    Password {
        /// Whose.
        username: String,
        /// Read the password from standard input; otherwise one is made and printed.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Lists agents.
    List,
}

/// What can be done about admins.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Gives an admin a new password and ends their logins.
    Password {
        /// Whose.
        #[arg(default_value = "admin")]
        username: String,
        /// Read the password from standard input; otherwise one is made and printed.
        #[arg(long)]
        password_stdin: bool,
    },
}
