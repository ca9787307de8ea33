//! The pages, embedded in the binary by the build.

use bytes::Bytes;
use kefu_edge::{Asset, Assets};
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "$PAGES_FOLDER"]
struct Files;

/// The embedded pages.
pub struct Pages;

impl Assets for Pages {
    fn get(&self, path: &str) -> Option<Asset> {
        let file = Files::get(path)?;
        let bytes = match file.data {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        // Vite puts a hash of the content into the names below `assets/`.
        Some(Asset { bytes, mime: mime(path).to_owned(), immutable: path.starts_with("assets/") })
    }
}

fn mime(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "webmanifest") => "application/json; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
