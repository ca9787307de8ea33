//! The partition engine: one owner per log decides, writes down, and lets everyone else read.
//!
//! [`Owner`] is the engine itself, without I/O: inputs in, effects out, so that it can be run under a deterministic
//! scheduler. [`run_partition`] drives it on a broker; [`worker`] decides which partitions a process owns;
//! [`LogReader`] reads a log as everyone else does.

mod backfill;
mod batch;
mod domain;
mod gather;
mod intake;
mod owner;
mod partition;
mod reader;
mod tail;
pub mod worker;

pub use domain::{Domain, Logged, Row, Step, Want};
pub use gather::Gather;
pub use owner::{Counted, CountedEntry, Effect, Limits, Lost, Owner, Route};
pub use partition::{Host, LoadError, Loader, PartitionError, PartitionStatus, Start, run_partition};
pub use reader::{LogReader, ReadError, ReadRecord, peek_time};
pub use tail::Tail;

#[cfg(test)]
mod tests;
