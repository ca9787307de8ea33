//! Fuzz targets. Each takes any bytes and must neither panic nor grow without bound; what it checks besides is in its
//! comment.
//!
//! `cargo test` replays every file of `corpus/`: the seeds, and what once made a target fail. `cargo xtask fuzz` looks for
//! more.

mod targets;

/// Something that reads bytes that others wrote.
pub struct Target {
    /// Its name, and its folder's in `corpus/`.
    pub name: &'static str,
    /// Reads them; panics when it finds a fault.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "socket", run: targets::edge::socket },
    Target { name: "frames", run: targets::edge::frames },
    Target { name: "http", run: targets::http::call },
    Target { name: "payloads", run: targets::payloads },
    Target { name: "rows", run: targets::rows },
    Target { name: "segment", run: targets::segment },
    Target { name: "config", run: targets::config },
];

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
