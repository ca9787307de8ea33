//! Limits of the vocabulary. Each is part of the protocol: docs/protocol.md states them.

/// Longest text of a message, in characters.
pub const TEXT_CHARS: usize = 8_000;
/// Longest file name, in bytes.
pub const FILE_NAME_BYTES: usize = 255;
/// Longest file id, MIME type or short field, in bytes.
pub const SHORT_BYTES: usize = 128;
/// Longest URL, in bytes.
pub const URL_BYTES: usize = 2_048;
/// Most fields of a card.
pub const CARD_FIELDS: usize = 20;
/// Longest reason for ending, in characters.
pub const REASON_CHARS: usize = 200;
/// Longest comment of a rating, in characters.
pub const COMMENT_CHARS: usize = 1_000;
/// Commands of one device and conversation that may be unanswered, and answers kept for it.
pub const DEVICE_WINDOW: usize = 32;
/// How long after it was sent a message may be edited or recalled, in milliseconds (15 minutes).
pub const EDIT_WINDOW_MS: u64 = 15 * 60 * 1_000;
/// Messages of a conversation that can be edited or recalled at a time; older ones count as past the window.
pub const EDITABLE_MESSAGES: usize = 256;
/// How long the answer to a keyed command is kept, in milliseconds (72 hours).
pub const KEY_RETENTION_MS: u64 = 72 * 60 * 60 * 1_000;
/// Most members of a conversation that are active at a time.
pub const MEMBERS: usize = 256;
/// Most past intervals of membership kept per member; the oldest two are merged beyond it.
pub const INTERVALS: usize = 16;
/// Most sessions an agent can be given capacity for.
pub const CAPACITY: u16 = 1_000;
