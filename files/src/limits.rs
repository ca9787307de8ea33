//! Limits of what is under way.

/// Bytes of one part of a write. S3 takes no smaller one but the last
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>) and 10,000 of them, so a file has at most 52 GB.
pub const PART_BYTES: usize = 5 * 1024 * 1024;
/// Parts of one write that are sent and not answered.
pub const PARTS_IN_FLIGHT: usize = 2;
