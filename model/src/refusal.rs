//! The numbers with which a command is refused. A number is never reused; docs/protocol.md lists them all.

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $title:literal;)*) => {
        /// Why a command was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Refusal { $($(#[$doc])* $name,)* }

        impl Refusal {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number on the wire.
            #[must_use]
            pub fn code(self) -> u16 {
                match self { $(Self::$name => $code,)* }
            }

            /// One line for people who develop clients.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Reads a number from the wire.
            #[must_use]
            pub fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

refusals! {
    /// `n` is not the next one.
    NotNext = 1001, "the number is not the next one";
    /// The identity was used with other content.
    OtherContent = 1002, "this number or key was used with other content";
    /// The answer is no longer kept.
    Forgotten = 1003, "the answer to this number is no longer kept";
    /// More than 32 commands unanswered.
    TooManyUnanswered = 1004, "too many unanswered commands";
    /// Not a member.
    NotAMember = 1101, "not a member of this conversation";
    /// Only the author or a supervisor may.
    NotTheAuthor = 1102, "only the author or a supervisor may do that";
    /// The role may not.
    RoleMayNot = 1103, "this role may not do that";
    /// No such conversation.
    NoConversation = 1201, "no such conversation";
    /// No such message.
    NoMessage = 1202, "no such message";
    /// Too late to edit or recall.
    TooLate = 1203, "the time to edit or recall has passed";
    /// The message was recalled.
    Recalled = 1204, "the message was recalled";
    /// No open session.
    NoSession = 1205, "no open session";
    /// The session is not in a state for this.
    WrongState = 1206, "the session is not in a state for this";
    /// It has an agent already.
    HasAgent = 1207, "the session has an agent already";
    /// The assignment answers a queueing that is over.
    StaleQueueing = 1208, "the assignment answers a queueing that is over";
    /// Rated already.
    RatedAlready = 1209, "the session was rated already";
    /// The agent has no room.
    NoRoom = 1210, "the agent has no room for another session";
    /// The agent is not available.
    NotAvailable = 1211, "the agent is not available";
    /// Already a member.
    AlreadyAMember = 1212, "already a member";
    /// No such agent.
    NoAgent = 1213, "no such agent";
    /// The visitor is somebody else already.
    LinkedToAnother = 1214, "the visitor is linked to another person";
    /// No new sessions in a linked visitor's conversation.
    Linked = 1215, "the visitor was linked: new sessions are in the person's own conversation";
    /// Empty content.
    Empty = 1301, "the content is empty";
    /// Too long.
    TooLong = 1302, "the content is too long";
    /// A wrong field.
    BadField = 1303, "a field is missing or has a wrong value";
    /// Too many members.
    TooManyMembers = 1304, "too many members";
    /// Overloaded.
    Overloaded = 1401, "overloaded, try again";
    /// No answer in time.
    NoAnswer = 1402, "no answer in time, send it again with the same identity";
    /// The archive is behind.
    ArchiveBehind = 1403, "the archive is behind, try again later";
}

impl Refusal {
    /// Whether the same command, with the same identity, may be sent again later.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        (1400..1500).contains(&self.code())
    }
}
