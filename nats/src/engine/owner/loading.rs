//! Commands that wait for a state or an extra. A cold load delays its own aggregate, not the log.
//!
//! A loaded row reaches at least to the archiver's checkpoint of the moment when the load was asked for, and the tail is not
//! trimmed while a load is under way, so what the row lacks is in the tail.

use std::collections::VecDeque;

use kefu_model::ids::At;

use super::Effect;
use super::{Asked, Hot, Lost, Owner};
use crate::engine::domain::{Domain, Row, Want};

/// Commands of one aggregate that wait for a load.
pub(super) struct Loading<D: Domain> {
    want: Want<D::Extra>,
    commands: VecDeque<Asked<D>>,
}

impl<D: Domain> Owner<D> {
    /// Decides the command now, or once what it needs is loaded.
    pub(super) fn attempt(&mut self, asked: Asked<D>, now: At) {
        let id = self.domain.command_id(&asked.command);
        if let Some(loading) = self.loading.get_mut(&id) {
            let (is_asked_again, room) = (self.domain.is_asked_again(&asked.command), self.limits.loading_commands);
            // What is asked again does not take the places of those that wait for an answer of their own.
            let room = if is_asked_again { room / 2 } else { room };
            if loading.commands.len() < room {
                loading.commands.push_back(asked);
                return;
            }
            self.settle(&asked);
            if !is_asked_again {
                let answer = self.domain.overloaded();
                self.answer(asked.route, answer);
            }
            return;
        }
        match self.wanted(&id, &asked.command) {
            Some(want) => self.load(id, want, VecDeque::from([asked])),
            None => {
                self.decide(&asked, now);
                self.decided(&asked, now);
            }
        }
    }

    /// What was asked for by [`Effect::Load`].
    ///
    /// # Errors
    /// [`Lost`] when the row and the tail do not belong together.
    pub fn loaded(&mut self, id: &D::Id, row: Row<D>, now: At) -> Result<(), Lost> {
        let Some(loading) = self.loading.remove(id) else { return Ok(()) };
        match row {
            Row::State { state, position } => self.adopt_state(id, state, position, now)?,
            Row::Extra { extra, row, position } => self.adopt_extra(id, &extra, row, position),
        }
        let mut commands = loading.commands;
        while let Some(asked) = commands.pop_front() {
            if let Some(want) = self.wanted(id, &asked.command) {
                commands.push_front(asked);
                self.load(id.clone(), want, commands);
                return Ok(());
            }
            self.decide(&asked, now);
            self.decided(&asked, now);
        }
        Ok(())
    }

    /// Asks again for a load that failed.
    pub fn reload(&mut self, id: &D::Id) {
        if let Some(loading) = self.loading.get(id) {
            self.effects.push(Effect::Load { id: id.clone(), want: loading.want.clone() });
        }
    }

    fn wanted(&self, id: &D::Id, command: &D::Command) -> Option<Want<D::Extra>> {
        match self.hot.get(id) {
            None => Some(Want::State),
            Some(hot) => self.domain.missing(&hot.state, command).map(Want::Extra),
        }
    }

    fn load(&mut self, id: D::Id, want: Want<D::Extra>, commands: VecDeque<Asked<D>>) {
        self.effects.push(Effect::Load { id: id.clone(), want: want.clone() });
        self.loading.insert(id, Loading { want, commands });
    }

    fn adopt_state(&mut self, id: &D::Id, mut state: D::State, position: u64, now: At) -> Result<(), Lost> {
        let mut last = position;
        for (at, logged) in self.tail.of(id) {
            if at > position {
                let applied = self.domain.apply(&mut state, &logged.outcome);
                applied.map_err(|why| Lost::Inconsistent { position: at, why })?;
                last = at;
            }
        }
        self.hot.insert(id.clone(), Box::new(Hot { state, position: last, pending: 0, used_at: now }));
        Ok(())
    }

    fn adopt_extra(&mut self, id: &D::Id, extra: &D::Extra, row: D::ExtraRow, position: u64) {
        let Some(hot) = self.hot.get_mut(id) else { return };
        self.domain.adopt(&mut hot.state, extra, row);
        for logged in self.tail.after(id, position) {
            self.domain.apply_extra(&mut hot.state, extra, &logged.outcome);
        }
    }

    fn decided(&mut self, asked: &Asked<D>, now: At) {
        if asked.in_position.is_some() {
            self.waits_ms.push(now.millis_since(asked.asked_at));
        }
        self.settle(asked);
    }

    fn settle(&mut self, asked: &Asked<D>) {
        if let Some(position) = asked.in_position {
            self.intake.decided(position);
        }
    }
}
