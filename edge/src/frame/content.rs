//! What a message says, on the wire.

use kefu_model::content as model;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::NUMBER_END;

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Plain text, 1–8000 characters.
    Text {
        /// The text.
        text: String,
    },
    /// A picture.
    Image(Attachment),
    /// Any file.
    File(Attachment),
    /// A voice message or other sound.
    Audio(Attachment),
    /// A film.
    Video(Attachment),
    /// A rich card.
    Card(Card),
    /// A notice in the name of the organisation (supervisors and admins).
    System {
        /// The text.
        text: String,
    },
}

/// A stored file that a message shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct Attachment {
    /// The id that the upload answered.
    pub file_id: String,
    /// The name to show, at most 255 bytes.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// The MIME type.
    pub mime: String,
    /// Width in pixels, for pictures and films.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels, for pictures and films.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Duration in milliseconds, for sound and films.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// A rich card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct Card {
    /// The heading, at most 200 characters.
    pub title: String,
    /// A few lines below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where it leads: http or https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A picture: http or https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// Names and values to list, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<CardField>,
}

/// A line of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct CardField {
    /// What, at most 100 characters.
    pub name: String,
    /// Its value, at most 500 characters.
    pub value: String,
}

/// Who sees a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Every member.
    #[default]
    All,
    /// Agents only: a private note.
    Staff,
}

impl Audience {
    /// Whether it is the default.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }
}

impl Content {
    /// Whether its numbers are below 2^53.
    #[must_use]
    pub(super) fn numbers_fit(&self) -> bool {
        match self {
            Self::Image(file) | Self::File(file) | Self::Audio(file) | Self::Video(file) => {
                file.size < NUMBER_END && file.duration_ms.is_none_or(|ms| ms < NUMBER_END)
            }
            Self::Text { .. } | Self::Card(_) | Self::System { .. } => true,
        }
    }
}

impl From<kefu_model::Audience> for Audience {
    fn from(audience: kefu_model::Audience) -> Self {
        match audience {
            kefu_model::Audience::All => Self::All,
            kefu_model::Audience::Staff => Self::Staff,
        }
    }
}

impl From<Audience> for kefu_model::Audience {
    fn from(audience: Audience) -> Self {
        match audience {
            Audience::All => Self::All,
            Audience::Staff => Self::Staff,
        }
    }
}

impl From<Attachment> for model::Attachment {
    fn from(file: Attachment) -> Self {
        Self {
            file_id: file.file_id,
            name: file.name,
            size_bytes: file.size,
            mime: file.mime,
            width_px: file.width,
            height_px: file.height,
            duration_ms: file.duration_ms,
        }
    }
}

impl From<&model::Attachment> for Attachment {
    fn from(file: &model::Attachment) -> Self {
        Self {
            file_id: file.file_id.clone(),
            name: file.name.clone(),
            size: file.size_bytes,
            mime: file.mime.clone(),
            width: file.width_px,
            height: file.height_px,
            duration_ms: file.duration_ms,
        }
    }
}

impl From<Card> for model::Card {
    fn from(card: Card) -> Self {
        Self {
            title: card.title,
            text: card.text,
            url: card.url,
            image_url: card.image_url,
            fields: card.fields.into_iter().map(|field| (field.name, field.value)).collect(),
        }
    }
}

impl From<&model::Card> for Card {
    fn from(card: &model::Card) -> Self {
        let field = |(name, value): &(String, String)| CardField { name: name.clone(), value: value.clone() };
        Self {
            title: card.title.clone(),
            text: card.text.clone(),
            url: card.url.clone(),
            image_url: card.image_url.clone(),
            fields: card.fields.iter().map(field).collect(),
        }
    }
}

impl From<Content> for kefu_model::Content {
    fn from(content: Content) -> Self {
        match content {
            Content::Text { text } => Self::Text(text),
            Content::Image(file) => Self::Image(file.into()),
            Content::File(file) => Self::File(file.into()),
            Content::Audio(file) => Self::Audio(file.into()),
            Content::Video(file) => Self::Video(file.into()),
            Content::Card(card) => Self::Card(card.into()),
            Content::System { text } => Self::System(text),
        }
    }
}

impl From<&kefu_model::Content> for Content {
    fn from(content: &kefu_model::Content) -> Self {
        match content {
            kefu_model::Content::Text(text) => Self::Text { text: text.clone() },
            kefu_model::Content::Image(file) => Self::Image(file.into()),
            kefu_model::Content::File(file) => Self::File(file.into()),
            kefu_model::Content::Audio(file) => Self::Audio(file.into()),
            kefu_model::Content::Video(file) => Self::Video(file.into()),
            kefu_model::Content::Card(card) => Self::Card(card.into()),
            kefu_model::Content::System(text) => Self::System { text: text.clone() },
        }
    }
}
