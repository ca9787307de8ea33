//! Accounts: the demo's, the first admin's, and what `kefu agent` and `kefu admin` do.

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use kefu_edge::directory::{self, DirectoryError, NewAgent, PasswordRule};
use kefu_model::ids::{Name, Role, TenantId, User};
use kefu_store::{Store, StoreError};

use crate::backends;
use crate::cli::{AdminCommand, AgentCommand, OfTenant};
use crate::roles::tenants;
use kefu::settings::Settings;

/// The demo's agents: user name, display name.
const DEMO_AGENTS: [(&str, &str); 3] = [("kefu001", "客服小王"), ("kefu002", "客服小李"), ("kefu003", "客服小张")];
const DEMO_PASSWORD: &str = "123456";
const DEMO_CAPACITY: u16 = 5;
/// Characters of a password that is made: without those that look alike.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789";
const MADE_PASSWORD_CHARS: usize = 16;

/// Makes the demo's accounts, once.
///
/// # Errors
/// When the store cannot be written.
pub async fn make_demo(store: &Arc<dyn Store>) -> anyhow::Result<()> {
    let tenant = default_tenant()?;
    for (username, name) in DEMO_AGENTS {
        if store.user_by_username(&tenant, username).await?.is_none() {
            let agent = NewAgent {
                tenant: tenant.clone(),
                username: username.to_owned(),
                name: Name::new(name)?,
                role: Role::Agent,
                capacity: DEMO_CAPACITY,
            };
            match directory::create_agent(store, agent, DEMO_PASSWORD, PasswordRule::Demo).await {
                // Another process was faster.
                Err(DirectoryError::Store(StoreError::Conflict { .. })) => {}
                made => drop(made?),
            }
        }
    }
    Ok(())
}

/// Runs `kefu agent …`.
///
/// # Errors
/// What went wrong, for the person at the terminal.
pub async fn agent(settings: &Settings, asked: OfTenant<AgentCommand>) -> anyhow::Result<()> {
    let tenant = known_tenant(settings, &asked.tenant)?;
    let store = open_existing(settings).await?;
    match asked.command {
        AgentCommand::Add { username, name, role, capacity, password_stdin } => {
            let (password, made) = password(password_stdin)?;
            let role = Role::parse(&role).context("a role is agent, supervisor or admin")?;
            let name = Name::new(name.as_deref().unwrap_or(&username)).context("the name")?;
            let capacity = capacity.unwrap_or_else(|| kefu_edge::EdgeConfig::default().default_capacity);
            let agent = NewAgent { tenant, username: username.clone(), name, role, capacity };
            directory::create_agent(&store, agent, &password, PasswordRule::Checked).await?;
            println!("Added {username}.");
            show(made.then_some(&password));
        }
        AgentCommand::Password { username, password_stdin } => {
            change_password(&store, &tenant, &username, password_stdin).await?;
        }
        AgentCommand::List => list(&store, &tenant).await?,
    }
    store.close().await?;
    Ok(())
}

/// Runs `kefu admin …`.
///
/// # Errors
/// What went wrong, for the person at the terminal.
pub async fn admin(settings: &Settings, asked: OfTenant<AdminCommand>) -> anyhow::Result<()> {
    let AdminCommand::Password { username, password_stdin } = asked.command;
    let tenant = known_tenant(settings, &asked.tenant)?;
    let store = open_existing(settings).await?;
    match store.user_by_username(&tenant, &username).await? {
        Some(user) if user.role == Role::Admin => {
            change_password(&store, &tenant, &username, password_stdin).await?;
        }
        Some(_) => bail!("{username} is not an admin; use `kefu agent password {username}`"),
        None => bail!("there is no agent {username}"),
    }
    store.close().await?;
    Ok(())
}

async fn change_password(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
    username: &str,
    from_stdin: bool,
) -> anyhow::Result<()> {
    let (password, made) = password(from_stdin)?;
    let user = directory::set_password(store, tenant, username, &password).await?;
    let ended = store.revoke_logins_of(tenant, &User::agent(user.id)).await?.len();
    println!("The password of {username} was changed, and {ended} logins were ended.");
    show(made.then_some(&password));
    Ok(())
}

async fn list(store: &Arc<dyn Store>, tenant: &TenantId) -> anyhow::Result<()> {
    println!("{:<20} {:<12} {:>8}  {:<9} name", "username", "role", "capacity", "state");
    for user in directory::list(store, tenant).await? {
        let state = if user.disabled { "disabled" } else { "enabled" };
        let (username, role) = (user.username, user.role.as_str());
        println!("{username:<20} {role:<12} {:>8}  {state:<9} {}", user.capacity, user.name);
    }
    Ok(())
}

async fn open_existing(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    backends::require_deployment(settings)?;
    backends::open_store(settings).await
}

/// A tenant of the settings.
fn known_tenant(settings: &Settings, id: &str) -> anyhow::Result<TenantId> {
    let known = tenants(settings)?;
    let found = known.into_iter().map(|tenant| tenant.tenant).find(|tenant| tenant.as_str() == id);
    found.with_context(|| format!("the settings have no tenant {id}"))
}

fn default_tenant() -> anyhow::Result<TenantId> {
    Ok(TenantId::new("default")?)
}

/// A password from standard input, or a made one, and whether it was made.
fn password(from_stdin: bool) -> anyhow::Result<(String, bool)> {
    if !from_stdin {
        return Ok((made_password()?, true));
    }
    if std::io::stdin().is_terminal() {
        eprint!("Password: ");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("no password on standard input")?;
    Ok((line.trim_end_matches(['\r', '\n']).to_owned(), false))
}

fn made_password() -> anyhow::Result<String> {
    let mut password = String::new();
    while password.len() < MADE_PASSWORD_CHARS {
        let mut byte = [0];
        getrandom::fill(&mut byte).context("no random numbers")?;
        // Bytes beyond a multiple of the alphabet's length are thrown away, so that each character is as likely.
        let limit = 256 / ALPHABET.len() * ALPHABET.len();
        if usize::from(byte[0]) < limit {
            password.push(char::from(ALPHABET[usize::from(byte[0]) % ALPHABET.len()]));
        }
    }
    Ok(password)
}

fn show(password: Option<&String>) {
    if let Some(password) = password {
        println!("password: {password}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_passwords_are_long_and_different() {
        let (a, b) = (made_password().expect("random"), made_password().expect("random"));
        assert_eq!(a.len(), MADE_PASSWORD_CHARS);
        assert_ne!(a, b);
    }
}
