//! Rows of members: marks, and activity while they are in.

use kefu_model::conversation::Member;
use kefu_model::{At, Conversation, Event, User};
use kefu_store::{ConversationKey, MemberRow, Stamp};

use super::Tracked;

/// Whether somebody may leave by it.
pub(super) fn may_remove(event: &Event) -> bool {
    matches!(
        event,
        Event::MemberRemoved { .. }
            | Event::SessionQueued { .. }
            | Event::SessionAssigned { .. }
            | Event::SessionTransferred { .. }
    )
}

pub(super) fn active(state: &Conversation) -> Vec<User> {
    state.members.iter().filter(|(_, member)| member.is_active()).map(|(user, _)| user.clone()).collect()
}

/// Keeps the rows of those who were in and are not any more.
pub(super) fn note_leavers(key: &ConversationKey, tracked: &mut Tracked, were_in: &[User], at: At, stamp: Stamp) {
    let state = &tracked.state.value;
    for user in were_in {
        if let Some(member) = state.members.get(user).filter(|member| !member.is_active()) {
            tracked.left.insert(user.clone(), row(key, state, user, member, at, stamp));
        }
    }
}

/// Adds the rows of a window and clears what was kept of it.
pub(super) fn take(key: &ConversationKey, tracked: &mut Tracked, rows: &mut Vec<MemberRow>) {
    let marked_at = std::mem::take(&mut tracked.marked_at);
    let active_at = std::mem::take(&mut tracked.active_at);
    let state = &tracked.state.value;
    for (user, member) in state.members.iter().filter(|(_, member)| member.is_active()) {
        tracked.left.remove(user);
        let stamp = active_at.max(marked_at.get(user).copied().unwrap_or_default());
        if stamp > Stamp::default() {
            rows.push(row(key, state, user, member, state.updated_at, stamp));
        }
    }
    rows.extend(std::mem::take(&mut tracked.left).into_values());
}

fn row(
    key: &ConversationKey,
    state: &Conversation,
    user: &User,
    member: &Member,
    updated_at: At,
    stamp: Stamp,
) -> MemberRow {
    MemberRow {
        conversation: key.clone(),
        user: user.clone(),
        active: member.is_active(),
        read: member.read,
        delivered: member.delivered,
        rev: state.rev,
        seq: state.seq,
        updated_at,
        stamp,
    }
}
