//! WebSocket frames, as far as this client needs them (RFC 6455).

/// A text message.
pub const TEXT: u8 = 0x1;
/// The end of a connection.
pub const CLOSE: u8 = 0x8;
/// A ping.
pub const PING: u8 = 0x9;
/// The answer to a ping.
pub const PONG: u8 = 0xA;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// Appends a whole client frame. The mask key is zero, so the payload stays as it is: that is legal, and this client
/// talks to one process on this machine.
pub fn put(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(FIN | opcode);
    match payload.len() {
        short @ 0..=125 => out.push(MASKED | short as u8),
        middle @ 126..=0xFFFF => {
            out.push(MASKED | LENGTH_16);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(MASKED | LENGTH_64);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// A frame from the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// What it is.
    pub opcode: u8,
    /// Its payload.
    pub payload: &'a [u8],
    /// Bytes that it takes, head included.
    pub total: usize,
}

/// The first frame of these bytes; `None` when it is not complete. The server neither masks nor fragments: what does
/// is an error.
pub fn take(bytes: &[u8]) -> Result<Option<Received<'_>>, &'static str> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if first & FIN == 0 || first & 0x0F == 0 {
        return Err("a fragmented message");
    }
    if second & MASKED != 0 {
        return Err("a masked frame from the server");
    }
    let (length, head) = match second {
        LENGTH_16 => match bytes.get(2..4) {
            Some(&[a, b]) => (u64::from(u16::from_be_bytes([a, b])), 4),
            _ => return Ok(None),
        },
        LENGTH_64 => match bytes.get(2..10).and_then(|length| length.try_into().ok()) {
            Some(length) => (u64::from_be_bytes(length), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    let total = usize::try_from(length).ok().and_then(|length| length.checked_add(head)).ok_or("a frame too large")?;
    Ok(bytes.get(head..total).map(|payload| Received { opcode: first & 0x0F, payload, total }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server would send: a client's frame without its mask.
    fn from_server(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut sent = Vec::new();
        put(&mut sent, opcode, payload);
        let key_at = sent.len() - payload.len() - 4;
        assert_eq!(sent[key_at..key_at + 4], [0; 4], "the mask key");
        sent.drain(key_at..key_at + 4);
        sent[1] &= !MASKED;
        sent
    }

    #[test]
    fn a_frame_of_each_length_comes_back() {
        for length in [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000, 200_000] {
            let payload: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let bytes = from_server(TEXT, &payload);
            let frame = take(&bytes).expect("valid").expect("complete");
            assert_eq!((frame.opcode, frame.payload, frame.total), (TEXT, payload.as_slice(), bytes.len()));
        }
    }

    #[test]
    fn a_frame_is_not_taken_before_its_last_byte() {
        for length in [0, 5, 126, 70_000] {
            let bytes = from_server(PING, &vec![7; length]);
            for cut in [0, 1, 2, 3, 5, bytes.len() - 1] {
                if cut < bytes.len() {
                    assert_eq!(take(&bytes[..cut]), Ok(None), "{length} bytes cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn the_next_frame_begins_where_the_first_ended() {
        let mut bytes = from_server(TEXT, b"one");
        bytes.extend(from_server(CLOSE, b"two"));
        let first = take(&bytes).expect("valid").expect("complete").total;
        let second = take(&bytes[first..]).expect("valid").expect("complete");
        assert_eq!((second.opcode, second.payload), (CLOSE, b"two".as_slice()));
    }

    #[test]
    fn what_the_server_never_does_is_an_error() {
        let mut fragmented = from_server(TEXT, b"x");
        fragmented[0] &= !FIN;
        assert!(take(&fragmented).is_err());
        let mut masked = Vec::new();
        put(&mut masked, TEXT, b"x");
        assert!(take(&masked).is_err());
    }
}
