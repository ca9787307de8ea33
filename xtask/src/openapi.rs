//! The HTTP API against its own description: Schemathesis makes calls from it, right and wrong ones, and compares every
//! answer with what is declared.

use anyhow::{Context, Result, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

use crate::crash::{Kefu, Rest, visitor};
use crate::{process, provision, workspace};

/// What must hold for every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";
/// Calls that are made up for an operation, besides the borders of what its description allows.
const EXAMPLES: &str = "8";
/// The same calls every time.
const SEED: &str = "1";
/// Everybody calls from here, and faster than people do.
const ROOM: [(&str, &str); 4] = [
    ("KEFU_LIMITS__REQUESTS_PER_ADDRESS_MINUTE", "1000000"),
    ("KEFU_LIMITS__REQUESTS_PER_USER_MINUTE", "1000000"),
    ("KEFU_LIMITS__VISITORS_PER_ADDRESS_MINUTE", "100000"),
    ("KEFU_LIMITS__LOGINS_PER_ADDRESS_MINUTE", "100000"),
];
/// A stream of events has no end; the others would end the credential of all calls behind them.
const LEFT_OUT: [&str; 4] = ["open_stream", "logout", "end_login", "password"];

/// Those who call, the one with the most to call first.
const WHO: [&str; 4] = ["admin", "agent", "visitor", "nobody"];
/// Each uses one core, and waits little.
const AT_A_TIME: usize = 2;

/// Calls everything with the credentials of an admin, an agent and a visitor, and without any.
pub async fn run() -> Result<()> {
    let folder = workspace::root().join("xtask/openapi");
    let python = provision::python("schemathesis", &folder, &["requirements.txt"]).await?;
    let schemathesis = || {
        let mut command = Command::new(&python);
        command.args(["-m", "schemathesis.cli", "--config-file"]).arg(folder.join("schemathesis.toml"));
        command
    };
    let calls = futures::stream::iter(WHO).map(|who| call_as(who, schemathesis()));
    let failed: Vec<_> = calls.buffered(AT_A_TIME).try_collect().await?;
    let failed: Vec<_> = failed.into_iter().flatten().collect();
    if failed.is_empty() {
        return Ok(());
    }
    bail!("answers that the description does not declare, as {}", failed.join(", "))
}

/// Calls everything as one of them, and answers who it was if something was wrong. Each finds a deployment of its own: what
/// one changed is not another's surprise.
async fn call_as(who: &'static str, mut command: Command) -> Result<Option<&'static str>> {
    let kefu = Kefu::start_new(None, &ROOM).await?;
    let token = credential(&kefu, who).await?;
    // What it notes for its next run is not kept.
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    command.current_dir(scratch.path());
    command.args(["run", "--no-color", "--checks", CHECKS, "--seed", SEED]);
    command.args(["--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing", "--no-shrink"]);
    command.args(["--request-timeout", "10", "--continue-on-failure", "--warnings", "off", "--workers", "1"]);
    for operation in LEFT_OUT {
        command.args(["--exclude-operation-id", operation]);
    }
    let caller = token.as_ref().map(|token| kefu.rest().with_token(token));
    if let Some(token) = token {
        command.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    command.arg(format!("http://{}/api/openapi.json", kefu.address()));
    println!("--> as {who}");
    let result = process::run_beside_others(command).await;
    if let Err(error) = &result {
        println!("{error:#}\nthe end of kefu's log:\n{}", kefu.log_tail());
    }
    if let Some(rest) = caller {
        let own = rest.expect(Method::GET, "/api/v1/chat/conversations", None).await;
        own.context("the credential was ended by a call, so the calls behind it proved nothing")?;
    }
    Ok(result.is_err().then_some(who))
}

async fn credential(kefu: &Kefu, who: &str) -> Result<Option<String>> {
    let rest = kefu.rest();
    match who {
        "nobody" => return Ok(None),
        "visitor" => return Ok(Some(visitor(rest, 1).await?.token)),
        _ => {}
    }
    let admin = log_in(rest, "admin", &kefu.admin_password().await?).await?;
    if who == "admin" {
        return Ok(Some(admin));
    }
    let password = "a password for one test";
    let agent = json!({"username": who, "name": who, "role": "agent", "password": password, "capacity": 5});
    rest.with_token(&admin).expect(Method::POST, "/api/users", Some(&agent)).await?;
    log_in(rest, who, password).await.map(Some)
}

async fn log_in(rest: &Rest, username: &str, password: &str) -> Result<String> {
    let body = json!({"username": username, "password": password});
    let answer = rest.expect(Method::POST, "/api/kefu/login", Some(&body)).await?;
    answer["session_token"].as_str().map(str::to_owned).context("a login without a token")
}
