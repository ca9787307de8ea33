//! What a WebSocket carries.

/// The bytes of a WebSocket behind its handshake: the guard, the codec and the connection's state machine. The first byte
/// says which subprotocol and how many bytes arrive at a time.
pub fn socket(data: &[u8]) {
    if let Some((how, bytes)) = data.split_first() {
        let at_a_time = 1 + usize::from(how >> 1) * 8;
        kefu_edge::fuzzing::socket(how & 1 == 1, at_a_time, bytes);
    }
}

/// A message: a frame or an array of frames. The first byte says in which encoding. A frame that is read is the same after
/// it was written and read again, in both encodings.
pub fn frames(data: &[u8]) {
    if let Some((how, message)) = data.split_first() {
        kefu_edge::fuzzing::frames(how & 1 == 1, message);
    }
}
