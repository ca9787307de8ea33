//! Ids in rows.

use std::borrow::Cow;

use kefu_model::ids::IdError;
use kefu_model::{Name, Role, User, UserId, UserKind};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;

/// A user: 1 agent, 2 customer; and the id.
#[derive(Serialize, Deserialize)]
pub(super) struct UserRow<'a>(u8, Cow<'a, str>);

impl<'a> From<&'a User> for UserRow<'a> {
    fn from(user: &'a User) -> Self {
        Self(user_kind(user.kind), Cow::Borrowed(user.id.as_str()))
    }
}

impl TryFrom<UserRow<'_>> for User {
    type Error = StoreError;

    fn try_from(row: UserRow<'_>) -> Result<Self, StoreError> {
        user_from_text(row.0, &row.1)
    }
}

/// The number of a user's kind.
pub(crate) fn user_kind(kind: UserKind) -> u8 {
    match kind {
        UserKind::Agent => 1,
        UserKind::Customer => 2,
    }
}

/// Reads the number of a user's kind.
pub(crate) fn user_kind_from(number: u8) -> Result<UserKind, StoreError> {
    match number {
        1 => Ok(UserKind::Agent),
        2 => Ok(UserKind::Customer),
        other => Err(StoreError::corrupt("user", format!("kind {other}"))),
    }
}

/// Reads kind and id.
pub(crate) fn user_from_text(kind: u8, id: &str) -> Result<User, StoreError> {
    Ok(User { kind: user_kind_from(kind)?, id: text_id("user id", UserId::new, id)? })
}

/// Reads a checked text.
pub(crate) fn text_id<T>(
    what: &'static str,
    new: impl FnOnce(&str) -> Result<T, IdError>,
    text: &str,
) -> Result<T, StoreError> {
    new(text).map_err(|error| StoreError::corrupt(what, error))
}

/// Reads a role's name.
pub(crate) fn role_from_text(text: &str) -> Result<Role, StoreError> {
    Role::parse(text).ok_or_else(|| StoreError::corrupt("role", text))
}

pub(super) fn users(row: Option<UserRow<'_>>) -> Result<Option<User>, StoreError> {
    row.map(User::try_from).transpose()
}

pub(super) fn name_row(name: Option<&Name>) -> Option<Cow<'_, str>> {
    name.map(|name| Cow::Borrowed(name.as_str()))
}

pub(super) fn name_from(row: Option<Cow<'_, str>>) -> Result<Option<Name>, StoreError> {
    row.map(|text| text_id("name", Name::new, &text)).transpose()
}
