//! What an edge publishes for a message.

use bytes::Bytes;
use kefu_model::command::Parties;
use kefu_model::{
    Actor, Audience, Body, Command, CommandHash, Content, ConversationId, DeviceId, Identity, Role, TenantId, User,
    UserId,
};
use kefu_nats::codec;

use crate::client::Marker;
use crate::people::Visitor;

/// As long as the name that an edge gives a device: a hash in base64.
const DEVICE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// The command of a visitor's text, encoded as an edge encodes it: byte for byte but for the name of the device and the
/// hash, which are as long.
pub fn message(visitor: &Visitor, marker: Marker) -> anyhow::Result<Bytes> {
    let customer = User::customer(UserId::new(&visitor.user)?);
    let command = Command {
        tenant: TenantId::new("default")?,
        conversation: ConversationId::parse(&visitor.conversation)?,
        actor: Actor::User { user: customer.clone(), role: Role::Customer, name: None },
        identity: Some(Identity::Device { device: DeviceId::new(DEVICE)?, n: marker.n.into() }),
        hash: CommandHash([0xA5; 16]),
        parties: Some(Parties::Support { customer, name: None }),
        body: Body::Message { content: Content::Text(marker.text()), audience: Audience::All },
    };
    Ok(codec::encode_command(&command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_could_read_it() {
        let (tenant, user) = (TenantId::new("default").unwrap(), UserId::new("v-1234567890").unwrap());
        let conversation = ConversationId::support(&tenant, &user);
        let visitor = Visitor { user: user.to_string(), token: String::new(), conversation: conversation.to_string() };
        let marker = Marker { intended_ns: 1, flow: 2, n: 3 };
        let command = codec::decode_command(&message(&visitor, marker).unwrap()).unwrap();
        assert_eq!((command.tenant, command.conversation), (tenant, conversation));
        let Body::Message { content: Content::Text(text), .. } = command.body else { panic!("a text") };
        assert_eq!(Marker::parse(text.as_bytes()), Some(marker));
        assert_eq!(text.len(), 200);
    }
}
