//! The partition engine: one owner per log decides, writes down, and lets everyone else read.
//!
//! [`Owner`] is the engine itself, without I/O: inputs in, effects out, so that it can be run under a deterministic
//! scheduler. [`worker`] drives those of a process on a broker and decides which they are; [`LogReader`] reads a log as
//! everyone else does, and [`run_share`] decides which logs a process reads so.

mod backfill;
mod batch;
mod budget;
mod domain;
mod gather;
mod host;
mod inbox;
mod intake;
mod members;
mod metrics;
mod owner;
mod partition;
mod ranks;
mod reader;
mod share;
mod tail;
pub mod worker;

pub use budget::Budget;
pub use domain::{Domain, Logged, Row, Step, Want};
pub use gather::Gather;
pub use host::{Host, LoadError, Loader, Start};
pub use metrics::OwnerMetrics;
pub use owner::{Counted, CountedEntry, Effect, Limits, Lost, Owner, Route};
pub use partition::PartitionError;
pub use reader::{Before, LogReader, ReadError, ReadRecord, peek_time};
pub use share::{Reading, ShareError, ShareSettings, run_share};
pub use tail::Tail;

#[cfg(test)]
mod tests;
