//! The numbers of what one log's owner sends: whether everything that was sent has come.

use super::metrics::Again;

/// How far one owner's numbered messages have come, and how far it said that they go.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    generation: u64,
    number: u64,
    /// The number that the last heartbeat named.
    promised: u64,
}

/// What a message's number says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// It is the next one.
    Next,
    /// It counts, but others may be missing before it.
    After(Again),
    /// It is of an owner that was succeeded.
    Old,
}

impl Numbering {
    /// Whether any message of this generation has come.
    pub(super) fn is_begun(&self) -> bool {
        self.number > 0
    }

    /// A numbered message came.
    pub(super) fn came(&mut self, generation: u64, number: u64) -> Came {
        if generation < self.generation {
            return Came::Old;
        }
        let came = if generation > self.generation {
            Came::After(self.begin(generation))
        } else if number == self.number + 1 {
            Came::Next
        } else {
            Came::After(Again::Gap)
        };
        self.number = number;
        came
    }

    /// A heartbeat names the last number; none when its owner does not know this receiver. Answers why messages may be
    /// missing, if so. A heartbeat may overtake messages, so a gap is one that the heartbeat before named too.
    pub(super) fn promised(&mut self, generation: u64, number: Option<u64>) -> Option<Again> {
        if generation > self.generation {
            return Some(self.begin(generation));
        }
        if generation < self.generation {
            return None;
        }
        let why = match number {
            None if self.number > 0 => Some(Again::Forgotten),
            _ => (self.number < self.promised).then_some(Again::Gap),
        };
        let number = number.unwrap_or(0);
        if why.is_some() {
            self.number = number;
        }
        self.promised = number;
        why
    }

    fn begin(&mut self, generation: u64) -> Again {
        *self = Self { generation, number: 0, promised: 0 };
        Again::Generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_generation_and_a_gap_are_found_and_an_old_owner_is_not_heard() {
        let mut numbering = Numbering::default();
        assert_eq!(numbering.came(7, 1), Came::After(Again::Generation));
        assert_eq!(numbering.came(7, 2), Came::Next);
        assert_eq!(numbering.came(7, 4), Came::After(Again::Gap));
        assert_eq!(numbering.came(7, 5), Came::Next);
        assert_eq!(numbering.came(6, 1), Came::Old);
        assert_eq!(numbering.promised(6, Some(9)), None);
        assert_eq!(numbering.promised(8, Some(3)), Some(Again::Generation));
    }

    #[test]
    fn a_loss_at_the_end_is_found_by_the_second_heartbeat_that_names_it() {
        let mut numbering = Numbering::default();
        assert_eq!(numbering.promised(1, Some(0)), Some(Again::Generation));
        assert_eq!(numbering.promised(1, Some(1)), None, "it may be on its way");
        assert_eq!(numbering.promised(1, Some(1)), Some(Again::Gap));
        assert_eq!(numbering.promised(1, Some(1)), None, "once");
        assert_eq!(numbering.came(1, 2), Came::Next);
        assert_eq!(numbering.promised(1, Some(1)), None, "a message overtook the heartbeat");
        assert_eq!(numbering.promised(1, None), Some(Again::Forgotten));
        assert!(!numbering.is_begun());
    }
}
