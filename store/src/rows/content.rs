//! Contents of messages in rows.

use std::borrow::Cow;

use kefu_model::Content;
use kefu_model::content::{Attachment, Card};
use serde::{Deserialize, Serialize};

use super::{Blob, decode, encode};
use crate::error::StoreError;

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
pub(super) enum ContentRow<'a> {
    #[serde(rename = "t")]
    Text(Cow<'a, str>),
    #[serde(rename = "i")]
    Image(AttachmentRow<'a>),
    #[serde(rename = "f")]
    File(AttachmentRow<'a>),
    #[serde(rename = "a")]
    Audio(AttachmentRow<'a>),
    #[serde(rename = "v")]
    Video(AttachmentRow<'a>),
    #[serde(rename = "c")]
    Card(CardRow<'a>),
    #[serde(rename = "s")]
    System(Cow<'a, str>),
}

#[derive(Serialize, Deserialize)]
pub(super) struct AttachmentRow<'a> {
    file_id: Cow<'a, str>,
    name: Cow<'a, str>,
    size_bytes: u64,
    mime: Cow<'a, str>,
    width_px: Option<u32>,
    height_px: Option<u32>,
    duration_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct CardRow<'a> {
    title: Cow<'a, str>,
    text: Option<Cow<'a, str>>,
    url: Option<Cow<'a, str>>,
    image_url: Option<Cow<'a, str>>,
    fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> From<&'a Content> for ContentRow<'a> {
    fn from(content: &'a Content) -> Self {
        match content {
            Content::Text(text) => Self::Text(text.into()),
            Content::Image(file) => Self::Image(file.into()),
            Content::File(file) => Self::File(file.into()),
            Content::Audio(file) => Self::Audio(file.into()),
            Content::Video(file) => Self::Video(file.into()),
            Content::Card(card) => Self::Card(card.into()),
            Content::System(text) => Self::System(text.into()),
        }
    }
}

impl From<ContentRow<'_>> for Content {
    fn from(row: ContentRow<'_>) -> Self {
        match row {
            ContentRow::Text(text) => Self::Text(text.into_owned()),
            ContentRow::Image(file) => Self::Image(file.into()),
            ContentRow::File(file) => Self::File(file.into()),
            ContentRow::Audio(file) => Self::Audio(file.into()),
            ContentRow::Video(file) => Self::Video(file.into()),
            ContentRow::Card(card) => Self::Card(card.into()),
            ContentRow::System(text) => Self::System(text.into_owned()),
        }
    }
}

impl<'a> From<&'a Attachment> for AttachmentRow<'a> {
    fn from(file: &'a Attachment) -> Self {
        Self {
            file_id: (&file.file_id).into(),
            name: (&file.name).into(),
            size_bytes: file.size_bytes,
            mime: (&file.mime).into(),
            width_px: file.width_px,
            height_px: file.height_px,
            duration_ms: file.duration_ms,
        }
    }
}

impl From<AttachmentRow<'_>> for Attachment {
    fn from(row: AttachmentRow<'_>) -> Self {
        Self {
            file_id: row.file_id.into_owned(),
            name: row.name.into_owned(),
            size_bytes: row.size_bytes,
            mime: row.mime.into_owned(),
            width_px: row.width_px,
            height_px: row.height_px,
            duration_ms: row.duration_ms,
        }
    }
}

impl<'a> From<&'a Card> for CardRow<'a> {
    fn from(card: &'a Card) -> Self {
        Self {
            title: (&card.title).into(),
            text: card.text.as_deref().map(Cow::Borrowed),
            url: card.url.as_deref().map(Cow::Borrowed),
            image_url: card.image_url.as_deref().map(Cow::Borrowed),
            fields: card.fields.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        }
    }
}

impl From<CardRow<'_>> for Card {
    fn from(row: CardRow<'_>) -> Self {
        let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        Self {
            title: row.title.into_owned(),
            text: owned(row.text),
            url: owned(row.url),
            image_url: owned(row.image_url),
            fields: row.fields.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
        }
    }
}

impl Blob for Content {
    const WHAT: &'static str = "content";

    fn to_blob(&self) -> Result<Vec<u8>, StoreError> {
        encode(Self::WHAT, VERSION, &ContentRow::from(self))
    }

    fn from_blob(blob: &[u8]) -> Result<Self, StoreError> {
        decode::<ContentRow<'static>>(Self::WHAT, VERSION, blob).map(Self::from)
    }
}
