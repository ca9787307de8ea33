//! The assigner: gives each visitor the right agent.
