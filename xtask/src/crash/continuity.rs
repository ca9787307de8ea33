//! How a client's connections began and ended, and whether it could go on where it was.

use std::collections::BTreeMap;

use super::socket::Ended;

/// One client's connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Continuity {
    /// Connections that were welcomed.
    pub connections: u64,
    /// Connections that the client ended because it wanted to.
    pub left: u64,
    /// Times it was told to go.
    pub goaways: u64,
    /// Connections that ended after that.
    pub told: u64,
    /// Why the others ended.
    pub untold: Vec<String>,
    /// Attempts that gave no connection, by what went wrong.
    pub failed: BTreeMap<String, u64>,
    /// Places, kept up to date until then, from which it went on.
    pub resumed: u64,
    /// Such places that the server could not go on from, so that the history had to be loaded.
    pub reloads: u64,
}

impl Continuity {
    /// Notes the end of a connection.
    pub fn ended(&mut self, ended: &Ended, was_told: bool) {
        match ended {
            Ended::Left => self.left += 1,
            _ if was_told => self.told += 1,
            _ => self.untold.push(ended.to_string()),
        }
    }

    /// Notes an attempt that gave no connection.
    pub fn attempt_failed(&mut self, why: String) {
        *self.failed.entry(why).or_default() += 1;
    }

    /// Notes the answer to an attach of a place that had been up to date.
    pub fn attached(&mut self, resumed: bool) {
        let count = if resumed { &mut self.resumed } else { &mut self.reloads };
        *count += 1;
    }

    /// Connections after the first one that the client did not choose to make.
    pub fn reconnects(&self) -> u64 {
        self.connections.saturating_sub(1).saturating_sub(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_chosen_or_announced_or_neither() {
        let mut continuity = Continuity { connections: 4, ..Continuity::default() };
        let broken = Ended::Broken("reset".to_owned());
        continuity.ended(&Ended::Left, false);
        continuity.ended(&broken, true);
        continuity.ended(&broken, false);
        let Continuity { left, told, ref untold, .. } = continuity;
        assert_eq!((left, told, untold.as_slice()), (1, 1, &["connection ended: reset".to_owned()][..]));
        assert_eq!(continuity.reconnects(), 2);
    }
}
