//! The scenarios, by theme.

pub mod agents_gone;
pub mod allocation;
pub mod answers;
pub mod carriers;
pub mod connections;
pub mod corrections;
pub mod credentials;
pub mod customers;
pub mod description;
pub mod devices;
pub mod garbage;
pub mod isolation;
pub mod linking;
pub mod logins;
pub mod lost;
pub mod nobody_here;
pub mod notes;
pub mod problems;
pub mod restart;
pub mod resume;
pub mod sessions;
pub mod slow_reader;
pub mod stop;
pub mod strangers;
pub mod unread;
pub mod users;
