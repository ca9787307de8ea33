//! Limits that a load from one machine would meet, and to what they are raised.

/// One setting a line, as environment variables. `cargo xtask load --cluster` starts its processes with the same ones.
const RAISED: &str = include_str!("../../raised.env");

/// Names and values. Those that the environment sets stay as they are, and are left out.
pub fn raised() -> impl Iterator<Item = (&'static str, &'static str)> {
    settings().filter(|(name, _)| std::env::var_os(name).is_none())
}

fn settings() -> impl Iterator<Item = (&'static str, &'static str)> {
    RAISED.lines().filter_map(|line| line.split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_raises_a_limit() {
        assert_eq!(settings().count(), RAISED.lines().count());
        for (name, value) in settings() {
            assert!(name.starts_with("KEFU_LIMITS__"), "{name}");
            assert!(value.parse::<u64>().is_ok_and(|limit| limit >= 1_000_000), "{name}={value}");
        }
    }
}
