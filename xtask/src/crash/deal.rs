//! Which harm comes next: dealt from a shuffled hand, so that no kind is left to chance.

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

use super::harm::{Harm, SERVERS};
use crate::cluster::{ROLES, Role};

/// Harm of a cluster. Each ten of them, from the first one on, have a restart of every server, kills of a router, an edge,
/// an assigner and one of the others, holds of two roles, and a server's restart with a process killed meanwhile.
#[derive(Debug, Default)]
pub struct Deal {
    /// What is left of the hand; the last one comes next.
    hand: Vec<Harm>,
}

/// Those that somebody waits for.
const ALWAYS: [Role; 3] = [Role::Router, Role::Edge, Role::Assigner];
/// Those that only write what was decided: one of them in each hand.
const ONE_OF: [Role; 2] = [Role::Archiver, Role::Reporter];

impl Deal {
    /// The next one.
    pub fn next(&mut self, rng: &mut StdRng) -> Harm {
        loop {
            match self.hand.pop() {
                Some(harm) => return harm,
                None => self.hand = hand(rng),
            }
        }
    }
}

fn hand(rng: &mut StdRng) -> Vec<Harm> {
    let mut hand: Vec<_> = SERVERS.into_iter().map(Harm::Restart).collect();
    hand.extend(ALWAYS.into_iter().chain(ONE_OF.choose(rng).copied()).map(Harm::Kill));
    hand.extend(ROLES.sample(rng, 2).map(|role| Harm::Hold(*role)));
    let both = SERVERS.choose(rng).zip(ROLES.choose(rng));
    hand.extend(both.map(|(server, role)| Harm::RestartAndKill(*server, *role)));
    hand.shuffle(rng);
    hand
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn dealt(seed: u64, count: usize) -> Vec<Harm> {
        let (mut rng, mut deal) = (StdRng::seed_from_u64(seed), Deal::default());
        (0..count).map(|_| deal.next(&mut rng)).collect()
    }

    #[test]
    fn each_ten_have_every_server_and_every_role_that_somebody_waits_for() {
        for seed in 0..100 {
            let harms = dealt(seed, 30);
            for ten in harms.chunks(10) {
                let has = |harm| ten.contains(&harm);
                assert!(SERVERS.into_iter().all(|server| has(Harm::Restart(server))), "{ten:?}");
                assert!(ALWAYS.into_iter().all(|role| has(Harm::Kill(role))), "{ten:?}");
                let both = ten.iter().filter(|harm| matches!(harm, Harm::RestartAndKill(..))).count();
                let holds = ten.iter().filter(|harm| matches!(harm, Harm::Hold(_))).count();
                assert_eq!((both, holds), (1, 2), "{ten:?}");
            }
        }
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(dealt(7, 30), dealt(7, 30));
        assert_ne!(dealt(7, 30), dealt(8, 30));
    }
}
