//! Items of history as the API shows them.

use kefu_model::conversation::{View, sees};
use kefu_model::{Conversation, ConversationId, Event, MessageId, UserKind};
use kefu_store::{Item, ItemKey};

use super::shapes::MessageItem;
use crate::auth::Caller;
use crate::frame::{Audience, User};

/// An item as the caller sees it; none if they may not.
pub(super) fn shown(caller: &Caller, conversation: &Conversation, item: &Item) -> Option<MessageItem> {
    let view = View::of(conversation, &caller.user, caller.role);
    if !sees(view, item.rev, item.event.audience()) {
        return None;
    }
    Some(item_of(conversation.id, item, caller.user.kind == UserKind::Agent))
}

fn item_of(conversation: ConversationId, item: &Item, staff: bool) -> MessageItem {
    let mut shown = MessageItem {
        conversation_id: conversation.to_string(),
        rev: item.rev,
        at: Some(item.at.into()),
        ..MessageItem::default()
    };
    fill(&mut shown, conversation, item);
    if !staff {
        // Why an agent was chosen is for staff.
        let ended = matches!(item.event, Event::SessionEnded { .. });
        shown.reason = shown.reason.filter(|_| ended);
    }
    shown
}

fn fill(shown: &mut MessageItem, conversation: ConversationId, item: &Item) {
    match &item.event {
        Event::Message { by, by_name, audience, .. } => {
            let numbered = item.event.takes_seq();
            shown.r#type = "message";
            shown.seq = numbered.then_some(item.key.seq);
            shown.message_id = numbered.then(|| MessageId { conversation, seq: item.key.seq }.to_string());
            shown.by = by.as_ref().map(User::from);
            shown.by_name = by_name.as_ref().map(ToString::to_string);
            shown.content = item.content().map(Into::into);
            shown.audience = Some(Audience::from(*audience)).filter(|audience| !audience.is_all());
            shown.edited_at = item.edited.as_ref().map(|edit| edit.at.into());
            shown.recalled_at = item.recalled.as_ref().map(|recall| recall.at.into());
        }
        Event::MemberAdded { user } => {
            shown.r#type = "member_added";
            shown.user = Some(user.into());
        }
        Event::MemberRemoved { user } => {
            shown.r#type = "member_removed";
            shown.user = Some(user.into());
        }
        event => fill_session(shown, event),
    }
}

fn fill_session(shown: &mut MessageItem, event: &Event) {
    use kefu_model::event::QueueReason;
    let (kind, session) = match event {
        Event::SessionOpened { session } => ("session_opened", *session),
        Event::SessionQueued { session, reason: QueueReason::Opened, .. } => ("session_queued", *session),
        Event::SessionQueued { session, reason, .. } => {
            shown.reason = Some(reason.as_str().to_owned());
            ("session_requeued", *session)
        }
        Event::SessionAssigned { session, agent, name, reason } => {
            shown.agent = Some(agent.into());
            shown.agent_name = name.as_ref().map(ToString::to_string);
            shown.reason = Some(reason.clone());
            ("session_assigned", *session)
        }
        Event::SessionTransferred { session, from, agent, name, reason } => {
            shown.from = Some(from.into());
            shown.agent = Some(agent.into());
            shown.agent_name = name.as_ref().map(ToString::to_string);
            shown.reason = Some(reason.clone());
            ("session_transferred", *session)
        }
        Event::SessionEnded { session, by, reason } => {
            shown.by = by.as_ref().map(User::from);
            shown.reason.clone_from(reason);
            ("session_ended", *session)
        }
        Event::SessionRated { session, score, comment } => {
            shown.score = Some(*score);
            shown.comment.clone_from(comment);
            ("session_rated", *session)
        }
        _ => ("hidden", 0),
    };
    shown.r#type = kind;
    shown.session = Some(session).filter(|session| *session > 0);
}

/// A place in history as an opaque cursor.
pub(super) fn cursor_of(key: ItemKey) -> String {
    format!("{}.{}", key.seq, key.slot)
}

/// Reads a cursor.
pub(super) fn parse_cursor(text: &str) -> Option<ItemKey> {
    let (seq, slot) = text.split_once('.')?;
    Some(ItemKey { seq: seq.parse().ok()?, slot: slot.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive() {
        let key = ItemKey { seq: 7, slot: 9 };
        assert_eq!(parse_cursor(&cursor_of(key)), Some(key));
        for nonsense in ["", "7", "7.x", "-1.2", "99999999999999999999.1"] {
            assert_eq!(parse_cursor(nonsense), None);
        }
    }
}
