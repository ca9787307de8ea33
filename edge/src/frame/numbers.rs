//! The numbers of docs/protocol.md and docs/http-api.md that are the edge's own. A number is never reused; refusals of
//! commands are in [`kefu_model::Refusal`].

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $title:literal;)*) => {
        /// Why the edge refuses or closes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number on the wire.
            #[must_use]
            pub fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* }
            }

            /// One line for people who develop clients.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// The client closed; never an error.
    Goodbye = 1000, "goodbye";
    /// The request cannot be read.
    BadRequest = 2001, "the request cannot be read";
    /// Another content type is needed.
    ContentType = 2002, "the content type must be application/json";
    /// The body is too large.
    BodyTooLarge = 2003, "the body is too large";
    /// A field is missing or wrong.
    BadField = 2004, "a field is missing or has a wrong value";
    /// There is nothing at that address.
    NotFound = 2005, "there is nothing at this address";
    /// The address has no such method.
    MethodNotAllowed = 2006, "this address does not take that method";
    /// Too many requests.
    TooManyRequests = 2007, "too many requests";
    /// Wrong user name or password.
    WrongPassword = 2008, "wrong user name or password";
    /// Too many failed logins.
    LockedOut = 2009, "too many failed logins, try again later";
    /// Taken, or changed meanwhile.
    Conflict = 2010, "it is taken or was changed meanwhile";
    /// A fault of ours.
    Internal = 2011, "something failed here";
    /// Something needed is away.
    Unavailable = 2012, "something needed is not available, try again";
    /// Unknown site key.
    UnknownSite = 2013, "no such site key";
    /// The host site's token is not valid.
    BadIdentity = 2014, "the identity token is not valid";
    /// Unknown subprotocol.
    UnknownSubprotocol = 2015, "none of the subprotocols is known";
    /// Not a WebSocket handshake.
    NotAnUpgrade = 2016, "this address takes WebSocket handshakes only";
    /// No such user.
    NoUser = 2017, "no such user";
    /// No such connection.
    NoConnection = 2018, "no such connection";
    /// It took too long.
    TimedOut = 2019, "it took too long";
    /// Not JSON or msgpack.
    NotAFrame = 3001, "not JSON or msgpack, or not an object or array of objects";
    /// A frame with a wrong field.
    BadFrame = 3002, "a field is missing or has a wrong type";
    /// A frame of an unknown kind.
    UnknownKind = 3003, "unknown t";
    /// `hello` out of place.
    HelloOrder = 3004, "hello was sent twice or is missing";
    /// Too many items.
    TooManyItems = 3005, "too many items";
    /// Too many frames.
    TooFast = 3006, "too many frames per second";
    /// Silence.
    Silent = 4001, "no sign of life";
    /// The queue to the client was full.
    SlowConsumer = 4002, "slow consumer: reconnect and resume";
    /// A fault of ours.
    Fault = 4003, "internal error";
    /// Closed by an administrator.
    Disconnected = 4004, "closed by an administrator";
    /// This edge is stopping.
    Stopping = 4101, "this edge is stopping";
    /// This edge is full.
    EdgeFull = 4102, "this edge has too many connections";
    /// The store is away.
    Unchecked = 4103, "the credential cannot be checked now";
    /// No valid credential.
    NoCredential = 4201, "no credential, or not valid";
    /// The credential expired.
    Expired = 4202, "the credential expired";
    /// The credential was revoked.
    Revoked = 4203, "the credential was revoked";
    /// The address names somebody else.
    OtherUser = 4204, "the user_id or user_type is not the credential's";
    /// Too many protocol errors.
    Protocol = 4301, "protocol error";
    /// A frame is too large.
    TooLarge = 4302, "frame too large";
    /// No `hello` in time.
    NoHello = 4303, "no hello in time";
    /// Too many connections.
    TooManyConnections = 4304, "too many connections of this user or address";
    /// Another version.
    Version = 4305, "version not supported";
    /// The page's origin is not allowed.
    Origin = 4306, "origin not allowed";
}

impl Code {
    /// The number of the close frame: ours from 4000 on, else the protocol's own for a normal end.
    #[must_use]
    pub fn close_number(self) -> u16 {
        if self.number() >= 4_000 { self.number() } else { 1_000 }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_are_unique_and_documented() {
        let numbers: BTreeSet<u16> = Code::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers.len(), Code::ALL.len());
        let docs = [include_str!("../../../docs/protocol.md"), include_str!("../../../docs/http-api.md")].concat();
        for code in Code::ALL.iter().filter(|code| **code != Code::Goodbye) {
            assert!(docs.contains(&format!("| {} |", code.number())), "{} is not documented", code.number());
        }
        for refusal in kefu_model::Refusal::ALL {
            assert!(docs.contains(&format!("| {} |", refusal.code())), "{} is not documented", refusal.code());
        }
    }
}
