//! A small set of conversations: those that a connection follows.

use kefu_model::ConversationId;

/// Made for one item, which most connections have, and good enough for the some hundreds of an agent. An empty one takes no
/// room.
#[derive(Debug, Default)]
pub(crate) struct ConversationSet {
    sorted: Vec<ConversationId>,
}

impl ConversationSet {
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(crate) fn contains(&self, conversation: ConversationId) -> bool {
        self.sorted.binary_search(&conversation).is_ok()
    }

    /// Adds one; nothing changes if it is there.
    pub(crate) fn insert(&mut self, conversation: ConversationId) {
        if let Err(place) = self.sorted.binary_search(&conversation) {
            if self.sorted.is_empty() {
                self.sorted.reserve_exact(1);
            }
            self.sorted.insert(place, conversation);
        }
    }

    /// Takes one out; false if it was not there.
    pub(crate) fn remove(&mut self, conversation: ConversationId) -> bool {
        let Ok(place) = self.sorted.binary_search(&conversation) else { return false };
        self.sorted.remove(place);
        if self.sorted.is_empty() {
            self.sorted = Vec::new();
        }
        true
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = ConversationId> {
        self.sorted.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kefu_model::{TenantId, UserId};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(changes in prop::collection::vec((any::<bool>(), 0..20_u8), 0..100)) {
            let tenant = TenantId::new("t").unwrap();
            let id = |number: u8| ConversationId::support(&tenant, &UserId::new(&format!("u{number}")).unwrap());
            let (mut followed, mut set) = (ConversationSet::default(), BTreeSet::new());
            for (add, number) in changes {
                let conversation = id(number);
                if add {
                    followed.insert(conversation);
                    set.insert(conversation);
                } else {
                    prop_assert_eq!(followed.remove(conversation), set.remove(&conversation));
                }
                prop_assert_eq!(followed.contains(conversation), add);
                prop_assert_eq!(followed.len(), set.len());
            }
            prop_assert!(followed.iter().eq(set.into_iter()));
        }
    }
}
