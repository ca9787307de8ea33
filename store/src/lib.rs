//! The durable seam: history, directory, checkpoints, login sessions.
