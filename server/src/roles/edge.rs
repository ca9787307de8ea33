//! The edge, from the settings.
