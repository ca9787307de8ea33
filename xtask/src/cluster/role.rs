//! Processes of kefu by role.

use std::path::Path;

use anyhow::Result;

use super::{Plan, Process};
use crate::service::{Recipe, Service};
use kefu_ports::free_port;

/// A role that a process has alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Edge,
    Router,
    Assigner,
    Archiver,
    Reporter,
}

/// All of them, in the order in which they are stopped.
pub const ROLES: [Role; 5] = [Role::Edge, Role::Assigner, Role::Router, Role::Archiver, Role::Reporter];

impl Role {
    /// As the settings name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Router => "router",
            Self::Assigner => "assigner",
            Self::Archiver => "archiver",
            Self::Reporter => "reporter",
        }
    }
}

/// Starts a process; it waits by itself for what is not there yet.
pub fn start(role: Role, number: usize, plan: &Plan, settings: &[(String, String)], folder: &Path) -> Result<Process> {
    let (name, port) = (format!("{}-{number}", role.name()), free_port()?);
    let address = format!("127.0.0.1:{port}");
    let mut variables = settings.to_vec();
    let listen = if role == Role::Edge { "KEFU_SERVER__LISTEN" } else { "KEFU_OPS__LISTEN" };
    variables.push((listen.to_owned(), address));
    variables.push(("KEFU_SERVER__ROLES".to_owned(), role.name().to_owned()));
    variables.push(("KEFU_SERVER__NODE".to_owned(), name.clone()));
    let mut arguments = vec!["--data-dir".into(), folder.join("nothing").into_os_string()];
    arguments.extend(plan.demo.then(|| "--demo".into()));
    let recipe = Recipe { program: plan.kefu.clone(), arguments, variables };
    Ok(Process { role, port, service: Service::start(name, recipe, folder)? })
}
