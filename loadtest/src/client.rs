//! A lean client: what it costs is taken from the process under test.
//!
//! Nothing is parsed that is not needed. Frames are found in one reusable buffer, told apart by their `t`, and searched
//! for the few numbers that matter; what is sent is put together from prepared pieces.

mod command;
mod frame;
mod handshake;
mod heartbeat;
mod rest;
mod scan;
mod socket;
mod source;

pub use command::{Marker, Template, attach, hello, put_array};
pub use heartbeat::{keep_alive, keep_each_alive};
pub use rest::Rest;
pub use scan::{Frame, Kind, Scanner, cursor_of, number, shown, string};
pub use socket::{Scratch, Socket};
pub use source::source;
