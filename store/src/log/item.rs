//! Items of history.

use kefu_model::{At, Content, Event, User};

/// Where an item of history stands. Items are ordered by `rev`, and so are their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey {
    /// The message's number; for an item without one the last number taken before it.
    pub seq: u64,
    /// 0 for the message that took the `seq`, else the item's `rev`.
    pub slot: u64,
}

impl ItemKey {
    /// The message with that number.
    #[must_use]
    pub fn message(seq: u64) -> Self {
        Self { seq, slot: 0 }
    }

    /// After the message with that number and everything that refers to it as the last one.
    #[must_use]
    pub fn end_of(seq: u64) -> Self {
        Self { seq, slot: u64::MAX >> 1 }
    }
}

/// An item of a conversation's history: a message, a private note, a session event or a change of members.
///
/// Marks, edits, recalls and the conversation's creation are not items: the first have no place in the order, edits and
/// recalls change their message's item (and are kept as [`Version`]s).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its place.
    pub key: ItemKey,
    /// Its number among all events.
    pub rev: u64,
    /// When it happened.
    pub at: At,
    /// What happened, as it was then.
    pub event: Event,
    /// The last edit, if any.
    pub edited: Option<Edit>,
    /// Set once it was taken back.
    pub recalled: Option<Recall>,
}

impl Item {
    /// The content in force; none for other items than messages and after a recall.
    #[must_use]
    pub fn content(&self) -> Option<&Content> {
        match (&self.event, &self.recalled, &self.edited) {
            (Event::Message { .. }, None, Some(edit)) => Some(&edit.content),
            (Event::Message { content, .. }, None, None) => Some(content),
            _ => None,
        }
    }
}

/// An edit of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The edit's own number.
    pub rev: u64,
    /// When.
    pub at: At,
    /// Who.
    pub by: User,
    /// The new content.
    pub content: Content,
}

/// A recall of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recall {
    /// The recall's own number.
    pub rev: u64,
    /// When.
    pub at: At,
    /// Who.
    pub by: User,
}

/// What an edit or recall did to a message; together with the item all that it ever said, for the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// The content was replaced.
    Edited(Edit),
    /// The message was taken back.
    Recalled(Recall),
}

impl Version {
    /// The number of the edit or recall.
    #[must_use]
    pub fn rev(&self) -> u64 {
        match self {
            Self::Edited(edit) => edit.rev,
            Self::Recalled(recall) => recall.rev,
        }
    }
}
