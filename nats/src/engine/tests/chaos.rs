//! Chooses by a seed what happens next; then lets everything come to rest and checks.

use std::collections::HashSet;

use kefu_model::ids::At;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Mutation;
use super::check::check;
use super::clients::{Client, conversation, mark};
use super::domain::Ask;
use super::world::{Fate, World};

/// What happened in a run.
#[derive(Debug, Default)]
pub(super) struct Run {
    lost: HashSet<&'static str>,
    void: u64,
    fates: HashSet<Fate>,
    inboxes_lost: u64,
    evictions_in_load: u64,
    hand_overs: u64,
}

/// What happened in all runs.
#[derive(Debug, Default)]
pub(super) struct Seen(Run);

impl Seen {
    pub(super) fn add(&mut self, run: &Run) {
        self.0.lost.extend(&run.lost);
        self.0.fates.extend(&run.fates);
        self.0.void += run.void;
        self.0.inboxes_lost += run.inboxes_lost;
        self.0.evictions_in_load += run.evictions_in_load;
        self.0.hand_overs += run.hand_overs;
    }

    /// A schedule under which nothing ever fails proves nothing.
    pub(super) fn assert_everything_happened(&self) {
        let run = &self.0;
        assert_eq!((run.lost.len(), run.fates.len()), (3, 6), "{run:?}");
        assert!(run.void > 0 && run.inboxes_lost > 0 && run.evictions_in_load > 0 && run.hand_overs > 0, "{run:?}");
    }
}

struct Chaos {
    world: World,
    random: StdRng,
    run: Run,
    /// How likely each append goes wrong, in percent; how eager nodes read, of 10.
    trouble: u32,
    eager: Vec<u32>,
}

/// Runs a seed to its end.
pub(super) fn run(seed: u64, mutation: Mutation) -> Result<Run, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let nodes = random.random_range(1..=3);
    let commands = random.random_range(3..=14);
    let clients = vec![
        Client::new("d0", 0, true, commands),
        Client::new("d1", 0, true, commands),
        Client::new("k0", 0, false, commands),
        Client::new("d0", 1, true, commands),
        Client::new("k1", 1, false, commands),
    ];
    let mut world = World::new(nodes, clients, mutation);
    for node in &mut world.nodes {
        node.skew = random.random_range(0..3_000);
    }
    let trouble = *[0, 5, 20, 40].get(random.random_range(0..4)).unwrap_or(&0);
    let eager = (0..nodes).map(|_| random.random_range(1..=10)).collect();
    let mut chaos = Chaos { world, random, run: Run::default(), trouble, eager };
    for _ in 0..chaos.random.random_range(50..400) {
        chaos.step()?;
    }
    chaos.come_to_rest()?;
    check(&chaos.world)?;
    Ok(chaos.run)
}

impl Chaos {
    fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn step(&mut self) -> Result<(), String> {
        self.world.now += self.random.random_range(0..20);
        let node = self.below(self.world.nodes.len());
        match self.below(20) {
            0..=3 => self.send(),
            4 | 5 => {
                self.world.take_in(node);
            }
            6..=8 => self.append(node),
            9 | 10 => {
                let acks = self.world.nodes[node].acks.len();
                if acks > 0 {
                    let which = self.below(acks);
                    self.world.ack(node, which);
                }
            }
            11..=13 => {
                if self.random.random_range(0..10) < self.eager[node] {
                    self.world.read(node);
                }
            }
            14 => {
                self.world.archive()?;
                if self.one_in(2) {
                    self.world.write_checkpoint();
                }
            }
            15 => self.world.announce(node),
            16 | 17 => self.load(node),
            18 => self.ask(node),
            _ => self.rare(node),
        }
        self.note_losses()
    }

    fn send(&mut self) {
        let client = self.below(self.world.clients.len());
        let mut indexes = self.world.clients[client].unanswered();
        match self.below(8) {
            // Only some of them arrive, or an old one again, or out of order.
            0 => indexes.retain(|index| index % 2 == 0),
            1 => {
                let all = self.world.clients[client].commands.len();
                indexes = vec![self.below(all.min(6))];
            }
            2 => indexes.reverse(),
            _ => {}
        }
        // A lost envelope is just not there; a duplicated one is there twice.
        for _ in 0..[1, 1, 1, 1, 2, 0][self.below(6)] {
            self.world.send(client, indexes.clone());
        }
    }

    fn append(&mut self, node: usize) {
        let fates =
            [Fate::Lost, Fate::StoredUnknown, Fate::StoredLate, Fate::StoredSilently, Fate::StoredTwice, Fate::Stored];
        let fate = if self.random.random_range(0..100) < self.trouble { fates[self.below(6)] } else { Fate::Stored };
        if !self.world.nodes[node].appends.is_empty() {
            self.run.fates.insert(fate);
        }
        self.world.store_next(node, fate);
    }

    fn load(&mut self, node: usize) {
        let loads = self.world.nodes[node].loads.len();
        if loads == 0 {
            return;
        }
        let which = self.below(loads);
        match self.below(5) {
            0 => self.world.read_row(node, which),
            1 => {
                self.world.evict(node);
                self.run.evictions_in_load += 1;
            }
            // Sometimes before the store was asked: a load that failed.
            2 => self.world.finish_load(node, which),
            _ => {
                self.world.read_row(node, which);
                self.world.finish_load(node, which);
            }
        }
    }

    fn ask(&mut self, node: usize) {
        let of = self.below(2);
        let ask = if self.one_in(2) { Ask::Look(conversation(of)) } else { Ask::Write(Box::new(mark(of))) };
        self.world.ask(node, ask);
    }

    fn rare(&mut self, node: usize) {
        match self.below(12) {
            0..=3 if self.world.nodes[node].owner.is_none() => self.world.claim(node),
            4 => self.world.claim(node),
            5 => self.world.drop_owner(node),
            6 => {
                self.world.stop(node);
                self.run.hand_overs += 1;
            }
            7 => {
                self.world.lose_inbox();
                self.run.inboxes_lost += 1;
            }
            8 | 9 if !self.world.limbo.is_empty() => {
                let which = self.below(self.world.limbo.len());
                self.world.store_late(which);
            }
            10 => {
                self.world.limbo.pop();
            }
            _ => self.world.evict(node),
        }
    }

    fn note_losses(&mut self) -> Result<(), String> {
        for node in &mut self.world.nodes {
            if let Some(owner) = &node.owner {
                self.run.void += owner.void_records();
            }
            let Some(lost) = node.lost.take() else { continue };
            if lost.is_final() {
                return Err(format!("an owner ended for good: {lost}"));
            }
            self.run.lost.insert(match lost {
                crate::engine::Lost::Superseded { .. } => "superseded",
                crate::engine::Lost::Append { .. } => "append",
                _ => "void",
            });
        }
        Ok(())
    }

    /// No more trouble: one node owns the log, everybody sends until they are answered, and everything is read.
    fn come_to_rest(&mut self) -> Result<(), String> {
        self.world.limbo.clear();
        self.world.claim(0);
        for _ in 0..100 {
            if self.world.nodes[0].owner.is_none() {
                self.world.claim(0);
            }
            self.world.now += 100;
            if self.round()? {
                return Ok(());
            }
        }
        let answers: Vec<_> = self.world.clients.iter().map(Client::unanswered).collect();
        Err(format!(
            "it never comes to rest; unanswered: {answers:?}, store at {:?}",
            self.world.store.updated_at().max(At(1))
        ))
    }

    fn round(&mut self) -> Result<bool, String> {
        for client in 0..self.world.clients.len() {
            let indexes = self.world.clients[client].unanswered();
            if !indexes.is_empty() {
                self.world.send(client, indexes);
            }
        }
        for node in 0..self.world.nodes.len() {
            for _ in 0..3 {
                while self.world.take_in(node) {}
                while !self.world.nodes[node].loads.is_empty() {
                    self.world.read_row(node, 0);
                    self.world.finish_load(node, 0);
                }
                while !self.world.nodes[node].appends.is_empty() {
                    self.world.store_next(node, Fate::Stored);
                }
                while !self.world.nodes[node].acks.is_empty() {
                    self.world.ack(node, 0);
                }
                while self.world.read(node) {}
            }
            self.note_losses()?;
        }
        while self.world.archive()? {}
        self.world.write_checkpoint();
        let read = self.world.nodes.iter().all(|node| node.owner.is_none() || node.read == self.world.head());
        let idle = (0..self.world.nodes.len()).all(|node| self.world.is_idle(node));
        Ok(read && idle && self.world.clients.iter().all(Client::is_done))
    }
}
