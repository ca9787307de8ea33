//! A rolling restart: the order in which processes are replaced, and the load meanwhile.

use std::time::Duration;

use super::pace::Pace;
use crate::cluster::Role;

/// Edges last, so that clients move once everything behind them is new.
const ORDER: [Role; 5] = [Role::Router, Role::Assigner, Role::Archiver, Role::Reporter, Role::Edge];
/// From one process being ready until the next one is stopped: the load balancer has to find it, and workers share the
/// partitions anew.
pub const SETTLE: Duration = Duration::from_secs(3);
/// Messages a second of one visitor and their agent together.
const PER_SESSION: u32 = 10;
/// Messages a second of one agent, in all sessions together.
const PER_AGENT: u32 = 50;
const FEWEST_VISITORS: u32 = 8;
const FEWEST_AGENTS: u32 = 3;

/// Who writes how fast.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub visitors: u32,
    pub agents: u32,
    /// Messages a second of all of them together; half of them are the visitors'.
    pub rate: u32,
}

impl Load {
    /// Enough people for the rate.
    pub fn of(rate: u32, visitors: Option<u32>) -> Self {
        let visitors = visitors.unwrap_or((rate / PER_SESSION).max(FEWEST_VISITORS));
        Self { visitors, agents: (rate / 2).div_ceil(PER_AGENT).max(FEWEST_AGENTS), rate }
    }

    /// Of each visitor.
    pub fn of_visitor(&self) -> Pace {
        Pace::shared(f64::from(self.rate) / 2.0, self.visitors)
    }

    /// Of each agent.
    pub fn of_agent(&self) -> Pace {
        Pace::shared(f64::from(self.rate) / 2.0, self.agents)
    }
}

/// Indexes of processes with these roles, in the order in which they are replaced.
pub fn in_order(roles: &[Role]) -> Vec<usize> {
    let of_role = |role: Role| roles.iter().enumerate().filter(move |(_, other)| **other == role);
    ORDER.into_iter().flat_map(of_role).map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::ROLES;

    #[test]
    fn every_process_is_replaced_once_and_edges_last() {
        let roles: Vec<_> = ROLES.into_iter().flat_map(|role| [role, role]).collect();
        let order = in_order(&roles);
        assert_eq!(order.len(), roles.len());
        assert_eq!(order.first().map(|index| roles[*index]), Some(Role::Router));
        assert!(order.iter().rev().take(2).all(|index| roles[*index] == Role::Edge));
        assert!((0..roles.len()).all(|index| order.contains(&index)));
    }

    #[test]
    fn there_are_enough_people_for_the_rate() {
        let Load { visitors, agents, .. } = Load::of(1_000, None);
        assert_eq!((visitors, agents), (100, 10));
        let Load { visitors, agents, .. } = Load::of(10, None);
        assert_eq!((visitors, agents), (8, 3));
        assert_eq!(Load::of(1_000, Some(20)).visitors, 20);
    }
}
