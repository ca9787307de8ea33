//! The router: decides conversations and delivers their outcomes.
