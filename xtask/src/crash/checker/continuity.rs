//! A planned restart is announced, costs each client at most one connection per edge, and makes nobody load anything again.

use super::fault::Fault;
use crate::crash::continuity::Continuity;
use crate::crash::observed::Planned;

pub fn check(planned: &Planned, faults: &mut Vec<Fault>) {
    for (observer, continuity) in &planned.clients {
        check_one(observer, continuity, planned.edges_stopped, faults);
    }
}

fn check_one(observer: &str, continuity: &Continuity, edges_stopped: u64, faults: &mut Vec<Fault>) {
    let observer = || observer.to_owned();
    if continuity.reloads > 0 {
        faults.push(Fault::Reloaded { observer: observer(), times: continuity.reloads });
    }
    let untold = continuity.untold.iter().cloned();
    faults.extend(untold.map(|why| Fault::EndedUntold { observer: observer(), why }));
    let reconnects = continuity.reconnects();
    if reconnects > edges_stopped {
        faults.push(Fault::ReconnectedTooOften { observer: observer(), reconnects, edges_stopped });
    }
}
