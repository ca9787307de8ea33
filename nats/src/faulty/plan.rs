//! Which calls fail, and how.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;

use crate::transport::{ConnectionState, TransportError};

/// What happens to one append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendFault {
    /// It is stored; the caller is told that it is ambiguous.
    LostAck,
    /// It is not stored; the caller is told that it is ambiguous.
    NotSent,
    /// It is not stored; the caller is told so.
    Refused,
    /// It is stored twice, the second time without its message id; the caller gets the first position.
    Duplicate,
    /// It is sent only after a while, and the call takes as long.
    Delay(Duration),
    /// It is stored at once and answered after a while.
    LateAck(Duration),
    /// It is stored and never answered.
    Stall,
    /// This record of somebody else is stored right before it.
    SecondWriter(Bytes),
}

/// How often faults happen by chance, each from 0 to 1.
#[derive(Debug, Clone, Default)]
pub struct FaultRates {
    /// [`AppendFault::LostAck`].
    pub lost_ack: f64,
    /// [`AppendFault::NotSent`].
    pub not_sent: f64,
    /// [`AppendFault::Refused`].
    pub refused: f64,
    /// [`AppendFault::Duplicate`].
    pub duplicate: f64,
    /// [`AppendFault::LateAck`], with a delay of up to this.
    pub late_ack: (f64, Duration),
    /// Core messages that are dropped at the publisher.
    pub dropped_core: f64,
}

struct Plan {
    random: StdRng,
    rates: FaultRates,
    scripts: HashMap<String, VecDeque<Option<AppendFault>>>,
    core_script: Vec<(String, usize)>,
}

/// Makes a [`Faulty`](super::Faulty) transport fail; clones share one plan.
#[derive(Clone)]
pub struct FaultControls {
    plan: Arc<Mutex<Plan>>,
    state: Arc<watch::Sender<ConnectionState>>,
    /// What the transport shows of its connection: closing changes it too.
    shown: Arc<watch::Sender<ConnectionState>>,
}

impl FaultControls {
    pub(super) fn new(seed: u64) -> Self {
        let plan = Plan {
            random: StdRng::seed_from_u64(seed),
            rates: FaultRates::default(),
            scripts: HashMap::new(),
            core_script: Vec::new(),
        };
        let connected = || Arc::new(watch::Sender::new(ConnectionState::Connected));
        Self { plan: Arc::new(Mutex::new(plan)), state: connected(), shown: connected() }
    }

    /// Faults by chance from now on, for appends that no script is waiting for.
    pub fn set_rates(&self, rates: FaultRates) {
        self.plan.lock().rates = rates;
    }

    /// The next append to `stream` meets this fault; several queue up.
    pub fn fail_append(&self, stream: &str, fault: AppendFault) {
        self.plan.lock().scripts.entry(stream.to_owned()).or_default().push_back(Some(fault));
    }

    /// The next append to `stream`, after the faults that wait already, goes well.
    pub fn pass_append(&self, stream: &str) {
        self.plan.lock().scripts.entry(stream.to_owned()).or_default().push_back(None);
    }

    /// The next `count` core messages whose subject starts with `prefix` are dropped.
    pub fn drop_core(&self, prefix: &str, count: usize) {
        self.plan.lock().core_script.push((prefix.to_owned(), count));
    }

    /// Until [`reconnect`](Self::reconnect) all calls answer [`TransportError::Unavailable`] and readers pause.
    pub fn disconnect(&self) {
        self.state.send_replace(ConnectionState::Disconnected);
        self.show_disconnected();
    }

    pub(super) fn show_disconnected(&self) {
        self.shown.send_replace(ConnectionState::Disconnected);
    }

    /// Ends a [`disconnect`](Self::disconnect).
    pub fn reconnect(&self) {
        self.state.send_replace(ConnectionState::Connected);
        self.shown.send_replace(ConnectionState::Connected);
    }

    /// Disconnects for a while; needs a runtime.
    pub fn disconnect_for(&self, time: Duration) {
        self.disconnect();
        let controls = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            controls.reconnect();
        });
    }

    pub(super) fn connection(&self) -> watch::Receiver<ConnectionState> {
        self.shown.subscribe()
    }

    pub(super) async fn connected(&self) {
        let mut state = self.state.subscribe();
        // The sender lives in `self`, so this cannot fail.
        let _ = state.wait_for(|state| *state == ConnectionState::Connected).await;
    }

    pub(super) fn check(&self) -> Result<(), TransportError> {
        match *self.state.borrow() {
            ConnectionState::Connected => Ok(()),
            ConnectionState::Disconnected => Err(TransportError::unavailable("an injected disconnect")),
        }
    }

    pub(super) fn next_append(&self, stream: &str) -> Option<AppendFault> {
        let mut plan = self.plan.lock();
        if let Some(scripted) = plan.scripts.get_mut(stream).and_then(VecDeque::pop_front) {
            return scripted;
        }
        let rates = plan.rates.clone();
        let mut chance = plan.random.random::<f64>();
        let share = plan.random.random::<f64>();
        let faults = [
            (rates.lost_ack, AppendFault::LostAck),
            (rates.not_sent, AppendFault::NotSent),
            (rates.refused, AppendFault::Refused),
            (rates.duplicate, AppendFault::Duplicate),
            (rates.late_ack.0, AppendFault::LateAck(rates.late_ack.1.mul_f64(share))),
        ];
        for (rate, fault) in faults {
            if chance < rate {
                return Some(fault);
            }
            chance -= rate;
        }
        None
    }

    pub(super) fn drops_core(&self, subject: &str) -> bool {
        let mut plan = self.plan.lock();
        let scripted = plan.core_script.iter_mut().find(|(prefix, left)| *left > 0 && subject.starts_with(prefix));
        if let Some((_, left)) = scripted {
            *left -= 1;
            plan.core_script.retain(|(_, left)| *left > 0);
            return true;
        }
        let rate = plan.rates.dropped_core;
        plan.random.random::<f64>() < rate
    }
}
