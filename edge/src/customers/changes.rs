//! What happened to customers at this edge and is not told yet: bookkeeping, without clock or I/O.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use kefu_model::{TenantId, UserId};
use kefu_nats::notice::Notice;

/// Customers with something untold. Of more nothing is noted: agents learn of them when they are looked at again.
const CUSTOMERS: usize = 100_000;

/// The last thing that happened to a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Came,
    Left {
        /// By the steady clock, in milliseconds.
        at_ms: u64,
    },
}

/// What is untold.
#[derive(Debug, Default)]
pub(super) struct Changes {
    by_customer: HashMap<(TenantId, UserId), Change>,
}

/// What is to be told now; no more than one notice holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) came: Vec<(TenantId, UserId)>,
    pub(super) left: Vec<(TenantId, UserId)>,
}

impl Changes {
    pub(super) fn came(&mut self, tenant: &TenantId, customer: &UserId) {
        self.note(tenant, customer, Change::Came);
    }

    pub(super) fn left(&mut self, tenant: &TenantId, customer: &UserId, now_ms: u64) {
        self.note(tenant, customer, Change::Left { at_ms: now_ms });
    }

    /// They left before, and it could not be told: due again after the same while, unless something happened since.
    pub(super) fn left_still(&mut self, tenant: &TenantId, customer: &UserId, now_ms: u64) {
        if !self.contains(tenant, customer) {
            self.left(tenant, customer, now_ms);
        }
    }

    /// Whether there is something untold of that customer.
    pub(super) fn contains(&self, tenant: &TenantId, customer: &UserId) -> bool {
        self.by_customer.contains_key(&(tenant.clone(), customer.clone()))
    }

    fn note(&mut self, tenant: &TenantId, customer: &UserId, change: Change) {
        let room = self.by_customer.len() < CUSTOMERS;
        match self.by_customer.entry((tenant.clone(), customer.clone())) {
            Entry::Occupied(mut entry) => *entry.get_mut() = change,
            Entry::Vacant(entry) if room => drop(entry.insert(change)),
            Entry::Vacant(_) => {}
        }
    }

    /// Takes who came, and who left at least `linger_ms` ago.
    pub(super) fn due(&mut self, now_ms: u64, linger_ms: u64) -> Due {
        let mut due = Due::default();
        let mut room = Notice::MAX_CUSTOMERS;
        self.by_customer.retain(|(tenant, customer), change| {
            let is_due = match change {
                Change::Came => true,
                Change::Left { at_ms } => now_ms >= at_ms.saturating_add(linger_ms),
            };
            if !is_due || room == 0 {
                return true;
            }
            room -= 1;
            match change {
                Change::Came => due.came.push((tenant.clone(), customer.clone())),
                Change::Left { .. } => due.left.push((tenant.clone(), customer.clone())),
            }
            false
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tenant;

    fn id(id: &str) -> UserId {
        UserId::new(id).unwrap()
    }

    fn names(due: &Due) -> (Vec<&str>, Vec<&str>) {
        let came = due.came.iter().map(|(_, customer)| customer.as_str());
        let left = due.left.iter().map(|(_, customer)| customer.as_str());
        (came.collect(), left.collect())
    }

    #[test]
    fn who_came_is_told_at_once_and_who_left_after_a_while() {
        let mut changes = Changes::default();
        changes.came(&tenant(), &id("a"));
        changes.left(&tenant(), &id("b"), 1_000);
        assert_eq!(names(&changes.due(1_000, 500)), (vec!["a"], vec![]));
        assert_eq!(changes.due(1_499, 500), Due::default());
        assert_eq!(names(&changes.due(1_500, 500)), (vec![], vec!["b"]));
        assert_eq!(changes.due(u64::MAX, 500), Due::default());
    }

    #[test]
    fn who_comes_back_in_time_has_not_left() {
        let mut changes = Changes::default();
        changes.left(&tenant(), &id("a"), 1_000);
        changes.came(&tenant(), &id("a"));
        assert_eq!(names(&changes.due(10_000, 500)), (vec!["a"], vec![]));
        changes.left(&tenant(), &id("a"), 1_000);
        changes.left(&tenant(), &id("a"), 2_000);
        assert_eq!(changes.due(2_400, 500), Due::default(), "the last time counts");
        // A look-up that failed does not undo what happened since.
        changes.came(&tenant(), &id("a"));
        changes.left_still(&tenant(), &id("a"), 1_000);
        assert_eq!(names(&changes.due(10_000, 500)), (vec!["a"], vec![]));
    }

    #[test]
    fn a_storm_is_told_in_portions_and_bounded() {
        let mut changes = Changes::default();
        for number in 0..CUSTOMERS + 10 {
            changes.came(&tenant(), &id(&format!("c{number}")));
        }
        let mut told = 0;
        loop {
            let due = changes.due(0, 500);
            assert!(due.came.len() <= Notice::MAX_CUSTOMERS);
            told += due.came.len();
            if due.came.is_empty() {
                break;
            }
        }
        assert_eq!(told, CUSTOMERS);
    }
}
