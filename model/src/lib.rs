//! Kefu's vocabulary and deciders: ids, commands, outcomes, conversations and allocation. No I/O, no async, no clock.
