//! Rows of single events.

use kefu_model::conversation::Session;
use kefu_model::{At, Conversation, ConversationId, Event, Name, Numbered, Outcome, User, UserKind};
use kefu_store::{
    Amendment, ConversationKey, CustomerRow, Edit, Item, ItemKey, ItemRow, Recall, SessionRow, Stamp, Version,
    VersionRow,
};

use super::{Fold, FoldError, members};

impl Fold {
    /// Applies an outcome to the state, event by event, and keeps what each gives.
    pub(super) fn fold_events(
        &mut self,
        key: &ConversationKey,
        outcome: &Outcome,
        stamp: Stamp,
    ) -> Result<(), FoldError> {
        for numbered in outcome.events() {
            self.apply(key, numbered, outcome.at, stamp)?;
            self.add_rows(key, numbered, outcome.at, stamp);
        }
        if let Some(tracked) = self.conversations.get_mut(key) {
            tracked.state.stamp = stamp;
            tracked.state.dirty = true;
        }
        Ok(())
    }

    fn apply(&mut self, key: &ConversationKey, numbered: &Numbered, at: At, stamp: Stamp) -> Result<(), FoldError> {
        let conversation = key.conversation;
        let Some(tracked) = self.conversations.get_mut(key) else {
            return Err(FoldError::NotLoaded { what: "state", conversation });
        };
        let event = &numbered.event;
        let were_in = if members::may_remove(event) { members::active(&tracked.state.value) } else { Vec::new() };
        tracked.state.value.apply_event(numbered, at).map_err(|source| FoldError::Apply {
            conversation,
            position: stamp.position(),
            source,
        })?;
        if let Event::Marked { user, .. } = event {
            tracked.marked_at.insert(user.clone(), stamp);
        } else {
            tracked.active_at = stamp;
        }
        members::note_leavers(key, tracked, &were_in, at, stamp);
        Ok(())
    }

    fn add_rows(&mut self, key: &ConversationKey, numbered: &Numbered, at: At, stamp: Stamp) {
        match &numbered.event {
            Event::Marked { .. } => {}
            Event::Created { members } => self.customer_created(key, members, at, stamp),
            Event::Edited { message, by, content } => {
                let edit = Edit { rev: numbered.rev, at, by: by.clone(), content: content.clone() };
                self.amend(key, *message, Version::Edited(edit), stamp);
            }
            Event::Recalled { message, by } => {
                let recall = Recall { rev: numbered.rev, at, by: by.clone() };
                self.amend(key, *message, Version::Recalled(recall), stamp);
            }
            event => {
                self.items.push(ItemRow { conversation: key.clone(), item: item(numbered, at), stamp });
                if let Event::Message { by: Some(user), by_name, .. } = event {
                    self.customer_wrote(key, user, by_name.as_ref(), at, stamp);
                }
                self.session_changed(key, event, stamp);
            }
        }
    }

    fn amend(&mut self, key: &ConversationKey, seq: u64, version: Version, stamp: Stamp) {
        let conversation = key.clone();
        let fresh = || Amendment { conversation: key.clone(), seq, edited: None, recalled: None, stamp };
        let amendment = self.amendments.entry((key.clone(), seq)).or_insert_with(fresh);
        amendment.stamp = stamp;
        match &version {
            Version::Edited(edit) => amendment.edited = Some(edit.clone()),
            Version::Recalled(recall) => amendment.recalled = Some(recall.clone()),
        }
        self.versions.push(VersionRow { conversation, seq, version, stamp });
    }

    fn session_changed(&mut self, key: &ConversationKey, event: &Event, stamp: Stamp) {
        let (end_reason, comment) = match event {
            Event::SessionEnded { reason, .. } => (reason.clone(), None),
            Event::SessionRated { comment, .. } => (None, comment.clone()),
            Event::SessionOpened { .. }
            | Event::SessionQueued { .. }
            | Event::SessionAssigned { .. }
            | Event::SessionTransferred { .. } => (None, None),
            _ => return,
        };
        let Some(state) = self.conversations.get(key).map(|tracked| &tracked.state.value) else { return };
        let Some(session) = &state.session else { return };
        let mut row = session_row(key, state, session, stamp);
        let place = (key.clone(), session.ordinal);
        let earlier = self.sessions.remove(&place);
        let (earlier_reason, earlier_comment) = earlier.map_or((None, None), |row| (row.end_reason, row.comment));
        row.end_reason = end_reason.or(earlier_reason);
        row.comment = comment.or(earlier_comment);
        self.sessions.insert(place, row);
    }

    fn customer_created(&mut self, key: &ConversationKey, members: &[(User, Option<Name>)], at: At, stamp: Stamp) {
        for (user, name) in members {
            if let Some(row) = self.customer_row(key, user, stamp) {
                row.created_at = Some(at);
                row.last_seen_at = Some(at);
                row.name.clone_from(name);
            }
        }
    }

    fn customer_wrote(&mut self, key: &ConversationKey, user: &User, name: Option<&Name>, at: At, stamp: Stamp) {
        if let Some(row) = self.customer_row(key, user, stamp) {
            row.last_seen_at = Some(at);
            if name.is_some() {
                row.name = name.cloned();
            }
        }
    }

    /// Only a customer's own support conversation writes their row, so that all its writes come from one partition.
    fn customer_row(&mut self, key: &ConversationKey, user: &User, stamp: Stamp) -> Option<&mut CustomerRow> {
        let own = user.kind == UserKind::Customer && ConversationId::support(&key.tenant, &user.id) == key.conversation;
        if !own {
            return None;
        }
        let row = self.customers.entry((key.tenant.clone(), user.id.clone())).or_insert_with(|| CustomerRow {
            tenant: key.tenant.clone(),
            id: user.id.clone(),
            name: None,
            created_at: None,
            last_seen_at: None,
            stamp,
        });
        row.stamp = stamp;
        Some(row)
    }
}

fn item(numbered: &Numbered, at: At) -> Item {
    let slot = if numbered.event.takes_seq() { 0 } else { numbered.rev };
    Item {
        key: ItemKey { seq: numbered.seq, slot },
        rev: numbered.rev,
        at,
        event: numbered.event.clone(),
        edited: None,
        recalled: None,
    }
}

fn session_row(key: &ConversationKey, state: &Conversation, session: &Session, stamp: Stamp) -> SessionRow {
    let named = |user: &User| (user.clone(), state.members.get(user).and_then(|member| member.name.clone()));
    SessionRow {
        conversation: key.clone(),
        ordinal: session.ordinal,
        customer: state.customer().map(named),
        status: session.status,
        opened_at: session.opened_at,
        agent: session.agent.as_ref().map(named),
        assigned_at: session.assigned_at,
        ended_at: session.ended_at,
        ended_by: session.ended_by.clone(),
        end_reason: None,
        rating: session.rating,
        comment: None,
        stamp,
    }
}
