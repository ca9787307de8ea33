//! A user's conversations.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use kefu_model::{At, Conversation, ConversationId, ConversationKind, User, UserKind};
use kefu_nats::view::HeldView;
use kefu_store::{ConversationCursor, ConversationEntry, ConversationKey, ConversationQuery};
use serde::Deserialize;
use utoipa::IntoParams;

use super::ask::paging;
use super::items::shown;
use super::shapes::{ConversationItem, List, OtherParty};
use crate::auth::Caller;
use crate::frame::session_of;
use crate::http::{Access, AnyUser, Problem, ProblemBody, QueryOf};
use crate::services::Services;

/// Which part of the list.
#[derive(Debug, Deserialize, garde::Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// From 1.
    #[garde(skip)]
    page: Option<u32>,
    /// 50 unless given, at most 200.
    #[garde(skip)]
    page_size: Option<u32>,
    /// The same as `page_size`.
    #[garde(skip)]
    limit: Option<u32>,
    /// `next` of the answer before.
    #[garde(length(max = 64))]
    cursor: Option<String>,
    /// Only where the caller is a member now.
    #[garde(skip)]
    #[serde(default)]
    active: bool,
}

/// The caller's conversations, newest activity first.
#[utoipa::path(get, path = "/api/v1/chat/conversations", tag = "messages", params(ListParams),
    responses((status = 200, body = List<ConversationItem>), (status = "default", body = ProblemBody)))]
pub(crate) async fn conversations(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    QueryOf(params): QueryOf<ListParams>,
) -> Result<Json<List<ConversationItem>>, Problem> {
    let page = paging(params.page, params.page_size, params.limit)?;
    let cursor = match &params.cursor {
        Some(text) => Some(parse_cursor(text).ok_or_else(|| Problem::field("cursor", "is no cursor"))?),
        None => None,
    };
    let query = ConversationQuery { active_only: params.active, cursor, skip: page.skip, limit: page.limit };
    if params.cursor.is_none() && page.skip == 0 && access.user.kind == UserKind::Agent {
        await_archive(&services, &access).await?;
    }
    let found = services.store.conversations_of(&access.tenant, &access.user, query).await?;
    let next = found.next.map(|next| format!("{}.{}", next.updated_at.0, next.conversation));
    let mut items: Vec<ConversationItem> =
        found.entries.iter().map(|entry| item_of(&services, &access, entry)).collect();
    if params.cursor.is_none() && page.skip == 0 {
        add_unarchived(&services, &access, &mut items);
    }
    mark_online(&services, &access, &mut items).await;
    Ok(Json(List { items, total: Some(found.total), next }))
}

/// The archive is a moment behind: waits, within bounds, until it lists the sessions that the agent has.
async fn await_archive(services: &Services, caller: &Caller) -> Result<(), Problem> {
    let Some(view) = services.glance(&caller.tenant).await else { return Ok(()) };
    let mine = view.held.iter().filter(|held| held.agent == caller.user.id);
    let key = |held: &HeldView| ConversationKey { tenant: caller.tenant.clone(), conversation: held.conversation };
    let keys: Vec<ConversationKey> = mine.map(key).take(kefu_store::limits::KEYS).collect();
    for _ in 0..ARCHIVE_LOOKS {
        let stored = services.store.load_conversations(&keys).await?;
        if stored.iter().all(|stored| stored.as_ref().is_some_and(|stored| stored.value.has_active(&caller.user))) {
            break;
        }
        tokio::time::sleep(ARCHIVE_PAUSE).await;
    }
    Ok(())
}

/// How often, and how long apart, a list looks whether the archive has caught up.
const ARCHIVE_LOOKS: u32 = 12;
const ARCHIVE_PAUSE: Duration = Duration::from_millis(25);

fn parse_cursor(text: &str) -> Option<ConversationCursor> {
    let (at, id) = text.split_once('.')?;
    Some(ConversationCursor { updated_at: At(at.parse().ok()?), conversation: ConversationId::parse(id).ok()? })
}

/// The entry, with what this edge knows beyond the archive.
fn item_of(services: &Services, caller: &Caller, entry: &ConversationEntry) -> ConversationItem {
    let stored = &entry.conversation;
    let live = services.hub.peek(&caller.tenant, stored.value.id).filter(|(_, live)| live.rev >= stored.value.rev);
    let (epoch, state) = match &live {
        Some((epoch, live)) => (*epoch, live),
        None => (services.epoch_of(stored.stamp), &stored.value),
    };
    let mut item = item_from(caller, epoch, state);
    item.last_message = entry.last_message.as_ref().and_then(|message| shown(caller, state, message));
    item
}

fn item_from(caller: &Caller, epoch: u64, state: &Conversation) -> ConversationItem {
    let read = state.members.get(&caller.user).map_or(0, |member| member.read);
    ConversationItem {
        conversation_id: state.id.to_string(),
        kind: match state.id.kind() {
            ConversationKind::Support => "support",
            ConversationKind::Direct => "direct",
            ConversationKind::Room => "room",
        },
        other: other_party(caller, state),
        last_message: None,
        seq: state.seq,
        rev: state.rev,
        epoch,
        read,
        unread: state.seq.saturating_sub(read),
        session: session_of(state),
        updated_at: state.updated_at.into(),
    }
}

/// What was assigned a moment ago is followed here, though the archive does not list it yet.
fn add_unarchived(services: &Services, caller: &Caller, items: &mut Vec<ConversationItem>) {
    let followed = services.hub.followed_by(&caller.tenant, &caller.user);
    for conversation in followed {
        let id = conversation.to_string();
        if items.iter().any(|item| item.conversation_id == id) {
            continue;
        }
        let Some((epoch, state)) = services.hub.peek(&caller.tenant, conversation) else { continue };
        if state.exists() && state.has_active(&caller.user) && state.rev <= RECENT_REVS {
            items.push(item_from(caller, epoch, &state));
        }
    }
    items.sort_by_key(|item| std::cmp::Reverse(item.updated_at));
}

/// A conversation with more events than this is in the archive, only further down the list.
const RECENT_REVS: u64 = 64;

/// The customer, for an agent; the agent, for a customer; the other one of two.
fn other_party(caller: &Caller, state: &Conversation) -> Option<OtherParty> {
    let other: &User = match (state.id.kind(), caller.user.kind) {
        (ConversationKind::Room, _) => return None,
        (ConversationKind::Support, UserKind::Agent) => state.customer()?,
        (ConversationKind::Support, UserKind::Customer) => state.session.as_ref()?.agent.as_ref()?,
        (ConversationKind::Direct, _) => state.members.keys().find(|user| **user != caller.user)?,
    };
    let name = state.members.get(other).and_then(|member| member.name.as_ref());
    Some(OtherParty {
        r#type: other.kind.into(),
        id: other.id.as_str().to_owned(),
        name: name.map(ToString::to_string),
        online: None,
    })
}

/// Who of the others is online; left out while nobody knows.
async fn mark_online(services: &Services, caller: &Caller, items: &mut [ConversationItem]) {
    let user_of = |other: &OtherParty| {
        let id = kefu_model::UserId::new(&other.id).ok()?;
        Some(User { kind: other.r#type.into(), id })
    };
    let users: Vec<User> = items.iter().filter_map(|item| item.other.as_ref().and_then(user_of)).collect();
    let Ok(online) = services.live.online(&caller.tenant, &users).await else { return };
    let others = items.iter_mut().filter_map(|item| item.other.as_mut()).filter(|other| user_of(other).is_some());
    for (other, online) in others.zip(online) {
        other.online = Some(online);
    }
}
