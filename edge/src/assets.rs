//! Static pages, handed in by the server.

use bytes::Bytes;

/// A file of our pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its content.
    pub bytes: Bytes,
    /// Its MIME type, with charset.
    pub mime: String,
    /// Whether its name contains a hash of its content, so that it may be cached for ever.
    pub immutable: bool,
}

/// Where static pages come from.
pub trait Assets: Send + Sync {
    /// The file with that path below the root, without leading slash: `index.html`, `kefu/index.html`,
    /// `assets/app-1a2b3c.js`. None when there is no such file.
    fn get(&self, path: &str) -> Option<Asset>;
}
