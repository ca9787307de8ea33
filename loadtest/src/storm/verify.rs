//! Nothing that was acked is missing, nothing is there twice.

use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;

use super::Storm;
use super::client::Client;
use crate::client::Marker;

/// Histories read at a time.
const AT_ONCE: usize = 16;
/// The archive may be behind for so long.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// Reads every history and compares it with what was acked; gives how many messages were found.
pub async fn histories(storm: &Rc<Storm>, clients: &[Rc<Client>]) -> anyhow::Result<usize> {
    let started = Instant::now();
    let checks = clients.iter().enumerate().map(|(index, client)| async move {
        let expected: Vec<u32> = (1..=client.sent()).collect();
        loop {
            let found = whole(storm, index, client).await?;
            if found == expected {
                return Ok::<_, anyhow::Error>(found.len());
            }
            // Longer than expected is no matter of time.
            if started.elapsed() > PATIENCE || found.len() > expected.len() {
                storm
                    .faults
                    .add("histories", || format!("client {index}: {found:?} instead of 1 to {}", client.sent()));
                return Ok(found.len());
            }
            tokio::time::sleep(POLL).await;
        }
    });
    futures::stream::iter(checks).buffer_unordered(AT_ONCE).try_fold(0, async |sum, found| Ok(sum + found)).await
}

/// The numbers of all messages of a client's conversation, in the order of its history.
async fn whole(storm: &Storm, index: usize, client: &Client) -> anyhow::Result<Vec<u32>> {
    let visitor = client.visitor();
    let path = format!("/api/v1/chat/messages?conversation_id={}&limit=200", visitor.conversation);
    let mut page = storm.rest.get(index, &path, &visitor.token).await?;
    let mut all = numbers_of(&page);
    while let Some(prev) = page["prev"].as_str() {
        let path = format!("{path}&before={prev}");
        page = storm.rest.get(index, &path, &visitor.token).await?;
        all.splice(0..0, numbers_of(&page));
    }
    Ok(all)
}

/// The numbers of the messages of a page.
pub fn numbers_of(page: &Value) -> Vec<u32> {
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let texts = items.iter().filter_map(|item| item["content"]["text"].as_str());
    texts.filter_map(|text| Marker::parse(text.as_bytes())).map(|marker| marker.n).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_messages_of_ours_are_counted() {
        let text = |n| json!({"type": "message", "content": {"type": "text", "text": Marker { intended_ns: 1, flow: 0, n }.text()}});
        let page = json!({"items": [{"type": "session_opened"}, text(1), {"content": {"text": "hello"}}, text(2)]});
        assert_eq!(numbers_of(&page), [1, 2]);
        assert_eq!(numbers_of(&json!({})), [] as [u32; 0]);
    }
}
