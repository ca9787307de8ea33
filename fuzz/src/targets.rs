//! The targets.

pub mod edge;
pub mod http;

/// A payload of the broker: its kind is the first byte, the rest are its bytes. What is read is written and read again to
/// the same bytes.
pub fn payloads(data: &[u8]) {
    if let Some((kind, bytes)) = data.split_first() {
        kefu_nats::fuzzing::read_payload(*kind, bytes);
    }
}

/// A row of the store: its kind is the first byte, the rest is the blob. What is read is written and read again to the
/// same bytes.
pub fn rows(data: &[u8]) {
    if let Some((kind, blob)) = data.split_first() {
        kefu_store::fuzzing::read_row(*kind, blob);
    }
}

/// The last segment of the embedded log. What is kept of it is valid, and scanning that again finds the same.
pub fn segment(data: &[u8]) {
    kefu_nats::fuzzing::scan_segment(data);
}

/// A configuration file.
pub fn config(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = kefu::settings::read(Some(text), []);
    }
}
