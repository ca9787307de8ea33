//! A bounded map whose entries expire.

use std::collections::HashMap;
use std::hash::Hash;

use tokio::time::Instant;

/// A bounded map whose entries expire. When it is full it drops what expired, and if that is not enough an eighth of
/// the rest, in no particular order.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    entries: HashMap<K, (V, Instant)>,
    capacity: usize,
}

impl<K: Eq + Hash + Clone, V> Table<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), capacity: capacity.max(8) }
    }

    pub(super) fn get(&self, key: &K, now: Instant) -> Option<&V> {
        self.entries.get(key).filter(|(_, expiry)| *expiry > now).map(|(value, _)| value)
    }

    pub(super) fn put(&mut self, key: &K, value: V, expiry: Instant, now: Instant) {
        if let Some(entry) = self.entries.get_mut(key) {
            *entry = (value, expiry);
            return;
        }
        if self.entries.len() >= self.capacity {
            self.make_room(now);
        }
        self.entries.insert(key.clone(), (value, expiry));
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    fn make_room(&mut self, now: Instant) {
        let enough = self.capacity - self.capacity / 8;
        self.entries.retain(|_, (_, expiry)| *expiry > now);
        let mut surplus = self.entries.len().saturating_sub(enough);
        self.entries.retain(|_, _| {
            let keep = surplus == 0;
            surplus = surplus.saturating_sub(1);
            keep
        });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_never_outgrows_its_capacity_and_drops_the_expired_first() {
        let mut table = Table::new(16);
        let now = Instant::now();
        for key in 0..12 {
            table.put(&key, (), now + Duration::from_secs(1), now);
        }
        let later = now + Duration::from_secs(2);
        for key in 100..104 {
            table.put(&key, (), later + Duration::from_secs(9), later);
        }
        table.put(&200, (), later + Duration::from_secs(9), later);
        assert_eq!(table.len(), 5);
        assert!((100..104).all(|key| table.get(&key, later).is_some()));
        for key in 300..1_000 {
            table.put(&key, (), later + Duration::from_secs(9), later);
            assert!(table.len() <= 16);
        }
    }
}
