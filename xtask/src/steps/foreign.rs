//! Clients that were written from the documents alone, in other languages, against the binary.

use std::path::Path;

use anyhow::{Context, Result};
use tokio::process::Command;

use super::Components;
use crate::nats_server::NatsServer;
use crate::{process, provision, workspace};

/// Tests at a time: they wait more than they work.
const AT_A_TIME: &str = "4";

/// Checks their style and runs both with the log in the data folder, and the one in Python over NATS too.
pub(super) async fn test(components: &Components, kefu: &Path) -> Result<()> {
    let python = provision::python(
        "foreign-python",
        &workspace::foreign_python(),
        &["requirements.txt", "requirements-dev.txt"],
    )
    .await?;
    provision::node_modules(&workspace::foreign_node()).await?;
    lint(&python).await?;
    tokio::try_join!(pytest(&python, kefu, None), node_test(kefu))?;
    let nats_server = components.nats_server.as_ref().context("no nats-server was provisioned")?;
    let nats = NatsServer::start(nats_server).await?;
    pytest(&python, kefu, Some(&nats)).await
}

/// Prettier is the one of the npm workspace, with its settings; it looks at the scripts for k6 too.
async fn lint(python: &Path) -> Result<()> {
    for args in [&["check", "--no-cache", "."][..], &["format", "--no-cache", "--check", "."][..]] {
        let mut ruff = Command::new(python);
        ruff.args(["-m", "ruff"]).args(args).current_dir(workspace::foreign_python());
        process::run(ruff).await?;
    }
    provision::node_modules(&workspace::web()).await?;
    let args = ["exec", "--", "prettier", "--config", ".prettierrc.json", "--check"];
    let mut prettier = workspace::npm(&workspace::web(), &args);
    prettier.args(["../foreign/node/src", "../foreign/node/test", "../loadtest/k6"]);
    process::run(prettier).await
}

async fn node_test(kefu: &Path) -> Result<()> {
    let mut command = workspace::npm(&workspace::foreign_node(), &["test"]);
    command.env("KEFU_TEST_BIN", kefu).env_remove("KEFU_TEST_NATS_URL");
    process::run(command).await
}

async fn pytest(python: &Path, kefu: &Path, nats: Option<&NatsServer>) -> Result<()> {
    let mut command = Command::new(python);
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", AT_A_TIME]);
    command.current_dir(workspace::foreign_python());
    command.env("KEFU_TEST_BIN", kefu).env("PYTHONDONTWRITEBYTECODE", "1");
    match nats {
        Some(nats) => command.env("KEFU_TEST_NATS_URL", nats.url()),
        None => command.env_remove("KEFU_TEST_NATS_URL"),
    };
    process::run(command).await
}
