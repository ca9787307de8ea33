//! Message contents on the wire.

use kefu_model::content::{Attachment, Card, Content};
use serde::{Deserialize, Serialize};

use super::ids::TextWire;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ContentWire<'a> {
    #[serde(rename = "t")]
    Text(#[serde(borrow)] TextWire<'a>),
    #[serde(rename = "i")]
    Image(AttachmentWire),
    #[serde(rename = "f")]
    File(AttachmentWire),
    #[serde(rename = "a")]
    Audio(AttachmentWire),
    #[serde(rename = "v")]
    Video(AttachmentWire),
    #[serde(rename = "c")]
    Card(CardWire),
    #[serde(rename = "s")]
    System(#[serde(borrow)] TextWire<'a>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AttachmentWire {
    file_id: String,
    name: String,
    size_bytes: u64,
    mime: String,
    width_px: Option<u32>,
    height_px: Option<u32>,
    duration_ms: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CardWire {
    title: String,
    text: Option<String>,
    url: Option<String>,
    image_url: Option<String>,
    fields: Vec<(String, String)>,
}

impl From<&Attachment> for AttachmentWire {
    fn from(file: &Attachment) -> Self {
        let Attachment { file_id, name, size_bytes, mime, width_px, height_px, duration_ms } = file.clone();
        Self { file_id, name, size_bytes, mime, width_px, height_px, duration_ms }
    }
}

impl From<AttachmentWire> for Attachment {
    fn from(wire: AttachmentWire) -> Self {
        let AttachmentWire { file_id, name, size_bytes, mime, width_px, height_px, duration_ms } = wire;
        Self { file_id, name, size_bytes, mime, width_px, height_px, duration_ms }
    }
}

impl<'a> From<&'a Content> for ContentWire<'a> {
    fn from(content: &'a Content) -> Self {
        match content {
            Content::Text(text) => Self::Text(text.as_str().into()),
            Content::System(text) => Self::System(text.as_str().into()),
            Content::Image(file) => Self::Image(file.into()),
            Content::File(file) => Self::File(file.into()),
            Content::Audio(file) => Self::Audio(file.into()),
            Content::Video(file) => Self::Video(file.into()),
            Content::Card(card) => {
                let Card { title, text, url, image_url, fields } = card.clone();
                Self::Card(CardWire { title, text, url, image_url, fields })
            }
        }
    }
}

impl From<ContentWire<'_>> for Content {
    fn from(wire: ContentWire<'_>) -> Self {
        match wire {
            ContentWire::Text(text) => Self::Text(text.into_string()),
            ContentWire::System(text) => Self::System(text.into_string()),
            ContentWire::Image(file) => Self::Image(file.into()),
            ContentWire::File(file) => Self::File(file.into()),
            ContentWire::Audio(file) => Self::Audio(file.into()),
            ContentWire::Video(file) => Self::Video(file.into()),
            ContentWire::Card(CardWire { title, text, url, image_url, fields }) => {
                Self::Card(Card { title, text, url, image_url, fields })
            }
        }
    }
}
