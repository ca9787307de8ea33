//! What was asked for: some words are ours, the rest is the generator's.

use anyhow::{Context, Result, bail, ensure};

const NATS: &str = "--nats";
const CLUSTER: &str = "--cluster";
const PROCESSES: &str = "--processes";
const HELP: [&str; 2] = ["--help", "-h"];
/// Processes of each role unless told otherwise.
const USUAL_PROCESSES: usize = 2;
/// What cannot be done to a cluster, and why.
const NOT_IN_A_CLUSTER: [(&str, &str); 8] = [
    ("storm", "it kills the one process that it loads; `cargo xtask crash --cluster` kills processes of a cluster"),
    ("--kefu", "KEFU_TEST_BIN names another binary"),
    ("--data-dir", "its data goes when it ends"),
    ("--nats-server", "a cluster has NATS servers of its own"),
    ("--url", "`cargo xtask load --cluster` starts what it loads"),
    ("--process", "`cargo xtask load --cluster` says it"),
    ("--metrics", "`cargo xtask load --cluster` says it"),
    ("--jetstream", "`cargo xtask load --cluster` says it"),
];

/// What is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under {
    /// One process on its own log.
    Embedded,
    /// One process over a nats-server, every write synced.
    Nats,
    /// A whole cluster behind its load balancer.
    Cluster {
        /// Processes of each role.
        processes: usize,
    },
}

/// The words of a command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// What is loaded.
    pub under: Under,
    /// The scenario and its options.
    pub passed_on: Vec<String>,
}

impl Words {
    /// Takes our words out, wherever they stand. Nothing is loaded for who only wants help.
    pub fn parse(words: &[String]) -> Result<Self> {
        let (mut nats, mut cluster, mut processes, mut passed_on) = (false, false, None, Vec::new());
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match (word.as_str(), word.strip_prefix(PROCESSES)) {
                (NATS, _) => nats = true,
                (CLUSTER, _) => cluster = true,
                (_, Some("")) => processes = Some(number(rest.next().map(String::as_str))?),
                (_, Some(value)) if value.starts_with('=') => processes = Some(number(value.get(1..))?),
                _ => passed_on.push(word.clone()),
            }
        }
        ensure!(cluster || processes.is_none(), "{PROCESSES} goes with {CLUSTER}");
        ensure!(!(cluster && nats), "{NATS} is one process over NATS, {CLUSTER} a whole cluster: take one of them");
        let help = passed_on.iter().any(|word| HELP.contains(&word.as_str()));
        let under = match (cluster && !help, nats) {
            (true, _) => Under::Cluster { processes: processes.unwrap_or(USUAL_PROCESSES) },
            (_, true) => Under::Nats,
            _ => Under::Embedded,
        };
        if matches!(under, Under::Cluster { .. }) {
            check_for_a_cluster(&passed_on)?;
        }
        Ok(Self { under, passed_on })
    }

    /// Whether the scenario is the one of that name.
    pub fn is_scenario(&self, name: &str) -> bool {
        self.passed_on.iter().any(|word| word == name)
    }
}

fn number(text: Option<&str>) -> Result<usize> {
    let text = text.with_context(|| format!("{PROCESSES} takes a number"))?;
    let number = text.parse().with_context(|| format!("{PROCESSES} takes a number, not {text:?}"))?;
    ensure!(number > 0, "a cluster has at least one process of each role");
    Ok(number)
}

fn check_for_a_cluster(words: &[String]) -> Result<()> {
    for word in words {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        if let Some((name, why)) = NOT_IN_A_CLUSTER.iter().find(|(not, _)| *not == name) {
            bail!("{name} cannot be used with {CLUSTER}: {why}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Words> {
        Words::parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    fn words(under: Under, passed_on: &str) -> Words {
        Words { under, passed_on: passed_on.split(' ').map(str::to_owned).collect() }
    }

    #[test]
    fn our_words_may_stand_anywhere_and_the_rest_is_passed_on() {
        for line in ["chat --nats --rate 1000", "chat --rate 1000 --nats", "--nats chat --rate 1000"] {
            assert_eq!(parse(line).unwrap(), words(Under::Nats, "chat --rate 1000"));
        }
        for line in ["idle --connections 10", "chat --help", "--help"] {
            assert_eq!(parse(line).unwrap(), words(Under::Embedded, line));
        }
        let two = Under::Cluster { processes: 2 };
        assert_eq!(parse("--cluster chat --rate 5").unwrap(), words(two, "chat --rate 5"));
        let three = Under::Cluster { processes: 3 };
        for line in ["chat --cluster --processes 3 --both", "--processes=3 chat --both --cluster"] {
            assert_eq!(parse(line).unwrap(), words(three, "chat --both"));
        }
    }

    #[test]
    fn help_needs_no_cluster() {
        assert_eq!(parse("storm --cluster --help").unwrap(), words(Under::Embedded, "storm --help"));
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_starts() {
        for line in [
            "storm --cluster",
            "--cluster chat --kefu /x",
            "chat --cluster --data-dir=/x",
            "chat --cluster --nats",
            "chat --cluster --url http://127.0.0.1:1",
            "chat --processes 2",
            "chat --cluster --processes",
            "chat --cluster --processes 0",
            "chat --cluster --processes=x",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        let why = parse("storm --cluster").unwrap_err().to_string();
        assert!(why.starts_with("storm cannot be used with --cluster: it kills"), "{why}");
        assert!(parse("storm --nats").is_ok());
    }

    #[test]
    fn the_scenario_is_known() {
        assert!(parse("--cluster chat --rate 5").unwrap().is_scenario("chat"));
        assert!(!parse("idle --cluster").unwrap().is_scenario("chat"));
    }
}
