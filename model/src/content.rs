//! What a message says, validated per type.

use crate::limits::{CARD_FIELDS, FILE_NAME_BYTES, SHORT_BYTES, TEXT_CHARS, URL_BYTES};
use crate::refusal::Refusal;

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// A picture.
    Image(Attachment),
    /// Any file.
    File(Attachment),
    /// A voice message or other sound.
    Audio(Attachment),
    /// A film.
    Video(Attachment),
    /// A rich card: an order, a product.
    Card(Card),
    /// A notice in the name of the organisation.
    System(String),
}

/// A stored file that a message shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The id that the upload answered.
    pub file_id: String,
    /// The name to show.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The MIME type.
    pub mime: String,
    /// Width in pixels, for pictures and films.
    pub width_px: Option<u32>,
    /// Height in pixels, for pictures and films.
    pub height_px: Option<u32>,
    /// Duration in milliseconds, for sound and films.
    pub duration_ms: Option<u64>,
}

/// A rich card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The heading.
    pub title: String,
    /// A few lines below it.
    pub text: Option<String>,
    /// Where it leads: http or https.
    pub url: Option<String>,
    /// A picture: http or https.
    pub image_url: Option<String>,
    /// Names and values to list, at most [`CARD_FIELDS`].
    pub fields: Vec<(String, String)>,
}

impl Content {
    /// Checks lengths and forms.
    ///
    /// # Errors
    /// [`Refusal::Empty`], [`Refusal::TooLong`] or [`Refusal::BadField`].
    pub fn validate(&self) -> Result<(), Refusal> {
        match self {
            Self::Text(text) | Self::System(text) => check_text(text, TEXT_CHARS),
            Self::Image(file) | Self::File(file) | Self::Audio(file) | Self::Video(file) => file.validate(),
            Self::Card(card) => card.validate(),
        }
    }
}

impl Attachment {
    fn validate(&self) -> Result<(), Refusal> {
        for text in [&self.file_id, &self.mime] {
            check_line(text, SHORT_BYTES)?;
        }
        check_line(&self.name, FILE_NAME_BYTES)?;
        if self.mime.split('/').filter(|part| !part.is_empty()).count() != 2 {
            return Err(Refusal::BadField);
        }
        Ok(())
    }
}

impl Card {
    fn validate(&self) -> Result<(), Refusal> {
        check_text(&self.title, 200)?;
        if let Some(text) = &self.text {
            check_text(text, TEXT_CHARS)?;
        }
        for url in [&self.url, &self.image_url].into_iter().flatten() {
            check_url(url)?;
        }
        if self.fields.len() > CARD_FIELDS {
            return Err(Refusal::TooLong);
        }
        for (name, value) in &self.fields {
            check_text(name, 100)?;
            check_text(value, 500)?;
        }
        Ok(())
    }
}

/// Checks a text of at most `max_chars` characters that is more than white space.
pub(crate) fn check_text(text: &str, max_chars: usize) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::Empty);
    }
    if text.len() > max_chars * 4 || text.chars().count() > max_chars {
        return Err(Refusal::TooLong);
    }
    if text.contains('\0') {
        return Err(Refusal::BadField);
    }
    Ok(())
}

fn check_line(text: &str, max_bytes: usize) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::Empty);
    }
    if text.len() > max_bytes {
        return Err(Refusal::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::BadField);
    }
    Ok(())
}

fn check_url(url: &str) -> Result<(), Refusal> {
    check_line(url, URL_BYTES)?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or(Refusal::BadField)?;
    if rest.is_empty() || rest.starts_with('/') || rest.contains(char::is_whitespace) {
        return Err(Refusal::BadField);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
