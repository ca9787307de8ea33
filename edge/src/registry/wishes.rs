//! What is to be told of connections: bookkeeping, without clock or I/O.

use std::collections::HashMap;

use kefu_model::TenantId;

/// Wishes that may always wait, besides twice as many as there are connections.
const SPARE: usize = 1_024;

/// What is to be told of a connection.
pub(super) enum Wish {
    Register(Box<kefu_live::Connection>),
    Unregister(TenantId),
}

/// The newest wish per connection. When too many came and went while nothing could be told, the registry is compared
/// with the connections instead.
#[derive(Default)]
pub(super) struct Wishes {
    by_id: HashMap<String, Wish>,
    all: bool,
}

impl Wishes {
    /// The newest wish for a connection, of so many that are open.
    pub(super) fn wish(&mut self, id: String, wish: Wish, open: usize) {
        if self.by_id.len() >= 2 * open + SPARE {
            self.give_up();
        }
        if !self.all {
            self.by_id.insert(id, wish);
        }
    }

    /// A wish that could not be fulfilled, unless there is a newer one.
    pub(super) fn again(&mut self, id: String, wish: Wish) {
        if !self.all {
            self.by_id.entry(id).or_insert(wish);
        }
    }

    /// Forgets the wishes: everything is to be compared.
    pub(super) fn give_up(&mut self) {
        *self = Self { all: true, ..Self::default() };
    }

    /// Whether everything is to be compared; whoever asks does it, and wishes count again from now on.
    pub(super) fn take_all(&mut self) -> bool {
        std::mem::take(&mut self.all)
    }

    /// Takes the wishes.
    pub(super) fn take(&mut self) -> Vec<(String, Wish)> {
        self.by_id.drain().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tenant;

    fn gone() -> Wish {
        Wish::Unregister(tenant())
    }

    #[test]
    fn wishes_are_bounded_by_the_connections() {
        let mut wishes = Wishes::default();
        for number in 0..SPARE + 20 {
            wishes.wish(number.to_string(), gone(), 10);
        }
        assert_eq!(wishes.take().len(), SPARE + 20);
        for number in 0..=SPARE + 20 {
            wishes.wish(number.to_string(), gone(), 10);
        }
        wishes.wish("more".into(), gone(), 10);
        wishes.again("again".into(), gone());
        assert!(wishes.take().is_empty());
        assert!(wishes.take_all());
        assert!(!wishes.take_all());
        wishes.wish("c".into(), gone(), 10);
        assert_eq!(wishes.take().len(), 1);
    }
}
