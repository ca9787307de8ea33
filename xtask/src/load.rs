//! `cargo xtask load`: a load scenario with what it needs built and provisioned.

use anyhow::Result;
use clap::Args;
use tokio::process::Command;

use crate::{process, provision, workspace};

/// Runs over a nats-server of its own, every write synced.
const NATS: &str = "--nats";

/// Options of `load`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    /// The scenario and its options, and `--nats`; `cargo xtask load --help` and `cargo xtask load chat --help` say
    /// which there are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    words: Vec<String>,
}

/// Builds the process under test and the generator, and runs the scenario.
pub async fn run(options: Options) -> Result<()> {
    let (nats, rest) = options.separated();
    let mut build = workspace::cargo();
    build.args(["build", "--release", "-p", "kefu", "-p", "kefu-loadtest"]);
    process::run(build).await?;
    let kefu = workspace::kefu_binary();
    let mut load = Command::new(kefu.with_file_name("kefu-loadtest"));
    load.current_dir(workspace::root());
    if nats {
        load.arg("--nats-server").arg(provision::nats_server().await?);
    }
    load.args(rest);
    process::run(load).await
}

impl Options {
    /// Whether it runs over NATS, and what is passed on.
    fn separated(&self) -> (bool, Vec<&str>) {
        let rest: Vec<_> = self.words.iter().map(String::as_str).filter(|word| *word != NATS).collect();
        (rest.len() < self.words.len(), rest)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn nats_may_stand_anywhere_and_the_rest_is_passed_on() {
        for line in ["x chat --nats --rate 1000", "x chat --rate 1000 --nats", "x --nats chat --rate 1000"] {
            let line = Line::parse_from(line.split(' '));
            assert_eq!(line.options.separated(), (true, vec!["chat", "--rate", "1000"]));
        }
        for rest in [vec!["idle", "--connections", "10"], vec!["chat", "--help"], vec!["--help"]] {
            let line = Line::parse_from([vec!["x"], rest.clone()].concat());
            assert_eq!(line.options.separated(), (false, rest));
        }
    }
}
