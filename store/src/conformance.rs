//! Tests that every implementation of the store passes.
