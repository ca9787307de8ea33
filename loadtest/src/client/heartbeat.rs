//! Signs of life.

use std::rc::Rc;
use std::time::Duration;

use super::Socket;
use crate::clock;

/// How often the next few connections have their turn.
const TURN: Duration = Duration::from_millis(50);

/// Looks at each connection once in `every`, evenly spread, for ever, and pings those that sent nothing for half of it:
/// so none is silent for more than one and a half.
pub async fn keep_alive(sockets: Vec<Rc<Socket>>, every: Duration) {
    keep_each_alive(sockets.len(), |index| Some(sockets[index].clone()), every).await;
}

/// The same for connections that come and go: `socket_of` gives what each of so many clients has now.
pub async fn keep_each_alive(clients: usize, socket_of: impl Fn(usize) -> Option<Rc<Socket>>, every: Duration) {
    let turns = (every.as_nanos() / TURN.as_nanos()).max(1) as usize;
    let mut ticks = tokio::time::interval(TURN);
    let mut turn = 0;
    loop {
        ticks.tick().await;
        let now = clock::now_ns();
        for socket in (turn..clients).step_by(turns).filter_map(&socket_of) {
            if now.saturating_sub(socket.sent_at_ns()) >= clock::ns(every) / 2 {
                socket.send(br#"{"t":"ping"}"#);
            }
        }
        turn = (turn + 1) % turns;
    }
}
