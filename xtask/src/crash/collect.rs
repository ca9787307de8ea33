//! What the API tells at the end.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::journal::SharedJournal;
use super::observed::{Disputed, History, Observations, Unread};
use super::people::Person;
use super::rest::{Paging, Rest};

/// The archive may lag, calls may be refused for being too many: everything is tried for so long.
const LIMIT: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(300);

/// Histories page by page, as the visitors and the agents read them.
pub async fn before_restart(
    api: &Rest,
    visitors: &[Person],
    agents: &[Person],
    journals: &[SharedJournal],
    observations: &mut Observations,
) -> Result<()> {
    for visitor in visitors {
        let conversation = conversation_of(visitor);
        let rest = api.with_token(&visitor.token);
        let history = settled_history(&rest, "history by page", conversation, Paging::ByPage, journals).await?;
        observations.histories.push(history);
        for agent in agents {
            let rest = api.with_token(&agent.token);
            // An agent reads only what was theirs.
            if rest.last_page(conversation).await.is_ok() {
                let source = format!("history of {}", agent.id);
                let history = until_ok(|| rest.history(&source, conversation, true, Paging::ByCursor)).await?;
                observations.histories.push(history);
            }
        }
    }
    Ok(())
}

/// Histories from the stored rows after another start, and what is unread.
pub async fn after_restart(
    api: &Rest,
    visitors: &[Person],
    journals: &[SharedJournal],
    observations: &mut Observations,
) -> Result<()> {
    for visitor in visitors {
        let conversation = conversation_of(visitor);
        let rest = api.with_token(&visitor.token);
        let source = "history by cursor after a restart";
        let history = settled_history(&rest, source, conversation, Paging::ByCursor, journals).await?;
        let head = history.seq;
        observations.histories.push(history);
        let told = highest_mark(journals, conversation, &visitor.user());
        observations.unread.push(unread(&rest, visitor, head, told).await?);
        until_ok(|| rest.mark_read(conversation, head)).await?;
        observations.unread.push(unread(&rest, visitor, head, head).await?);
    }
    Ok(())
}

/// Sessions whose agent allocation and the conversation do not agree on, once they have had time to.
pub async fn disputed(api: &Rest, visitors: &[Person], agents: &[Person]) -> Result<Vec<Disputed>> {
    let started = Instant::now();
    loop {
        let disputed = disputed_now(api, visitors, agents).await?;
        if disputed.is_empty() || started.elapsed() > LIMIT {
            return Ok(disputed);
        }
        sleep(AGAIN).await;
    }
}

async fn disputed_now(api: &Rest, visitors: &[Person], agents: &[Person]) -> Result<Vec<Disputed>> {
    let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for agent in agents {
        let rest = api.with_token(&agent.token);
        for conversation in until_ok(|| rest.sessions_of(&agent.id)).await? {
            held.entry(conversation).or_default().push(agent.user());
        }
    }
    let mut disputed = Vec::new();
    for visitor in visitors {
        let (rest, conversation) = (api.with_token(&visitor.token), conversation_of(visitor).to_owned());
        let allocation = held.remove(&conversation).unwrap_or_default();
        let told = until_ok(|| rest.last_page(&conversation)).await?.agent;
        if !allocation.iter().eq(&told) {
            disputed.push(Disputed { conversation, allocation, told });
        }
    }
    Ok(disputed)
}

fn conversation_of(visitor: &Person) -> &str {
    visitor.conversation.as_deref().unwrap_or_default()
}

fn highest_mark(journals: &[SharedJournal], conversation: &str, user: &str) -> u64 {
    let key = (conversation.to_owned(), user.to_owned());
    journals.iter().filter_map(|journal| journal.lock().marks.get(&key).copied()).max().unwrap_or(0)
}

/// Reads until the rows have caught up with what clients saw.
async fn settled_history(
    rest: &Rest,
    source: &str,
    conversation: &str,
    paging: Paging,
    journals: &[SharedJournal],
) -> Result<History> {
    let started = Instant::now();
    let position = |journal: &SharedJournal| journal.lock().positions.get(conversation).copied().flatten();
    let head = journals.iter().filter_map(position).max().unwrap_or(0);
    while until_ok(|| rest.last_page(conversation)).await?.rev < head && started.elapsed() < LIMIT {
        sleep(AGAIN).await;
    }
    until_ok(|| rest.history(source, conversation, false, paging)).await
}

/// The member's list may lag like the rows: waits for the head and the mark.
async fn unread(rest: &Rest, visitor: &Person, head: u64, read_at_least: u64) -> Result<Unread> {
    let started = Instant::now();
    let conversation = conversation_of(visitor);
    loop {
        let item = until_ok(|| rest.conversation_item(conversation)).await?;
        let number = |name: &str| item[name].as_u64().with_context(|| format!("a list item without {name}: {item}"));
        let told = Unread {
            observer: visitor.user(),
            conversation: conversation.to_owned(),
            seq: number("seq")?,
            read: number("read")?,
            unread: number("unread")?,
            read_at_least,
        };
        if (told.seq >= head && told.read >= read_at_least) || started.elapsed() > LIMIT {
            return Ok(told);
        }
        sleep(AGAIN).await;
    }
}

async fn until_ok<T, F: Future<Output = Result<T>>>(call: impl Fn() -> F) -> Result<T> {
    let started = Instant::now();
    loop {
        match call().await {
            Ok(value) => return Ok(value),
            Err(error) if started.elapsed() > LIMIT => return Err(error),
            Err(_) => sleep(AGAIN).await,
        }
    }
}
