//! Processes that are measured.

use std::str::FromStr;

use anyhow::{Context as _, ensure};

/// A process of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// What it is called in the report.
    pub name: String,
    /// Its number.
    pub pid: u32,
}

impl Process {
    /// The process of that name and number.
    pub fn new(name: &str, pid: u32) -> Self {
        Self { name: name.to_owned(), pid }
    }
}

impl FromStr for Process {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, pid) = text.split_once('=').context("NAME=PID, such as edge-1=1234")?;
        ensure!(!name.is_empty(), "a process needs a name: NAME=PID");
        Ok(Self::new(name, pid.parse().with_context(|| format!("{pid:?} is no number of a process"))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_name_and_a_number() {
        assert_eq!("edge-1=1234".parse::<Process>().expect("a process"), Process::new("edge-1", 1234));
        for text in ["1234", "=1234", "edge-1=", "edge-1=x", "edge-1=-5", "a=b=5"] {
            assert!(text.parse::<Process>().is_err(), "{text}");
        }
    }
}
