//! From frames to commands of the model.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kefu_model::{Body, Command, CommandHash, ConversationId, DeviceId, Identity, Parties, User};
use sha2::{Digest, Sha256};

use crate::auth::Caller;
use crate::frame::{CommandBody, hash_of};

/// The name of a device in commands: bound to its user, so that nobody can use up another's numbers.
pub(crate) fn internal_device(user: &User, device: &DeviceId) -> DeviceId {
    let mut hasher = Sha256::new();
    hasher.update(user.kind.as_str());
    hasher.update([0]);
    hasher.update(user.id.as_str());
    hasher.update([0]);
    hasher.update(device.as_str());
    let name = URL_SAFE_NO_PAD.encode(&hasher.finalize()[..16]);
    DeviceId::new(&name).unwrap_or_else(|_| device.clone())
}

/// The n-th command of a device.
pub(super) fn command(
    caller: &Caller,
    device: &DeviceId,
    support: Option<ConversationId>,
    conversation: ConversationId,
    n: u64,
    body: CommandBody,
) -> Command {
    let parties = (support == Some(conversation))
        .then(|| Parties::Support { customer: caller.user.clone(), name: caller.name.clone() });
    Command {
        tenant: caller.tenant.clone(),
        conversation,
        actor: caller.actor(),
        identity: Some(Identity::Device { device: device.clone(), n }),
        hash: hash_of(&body),
        parties,
        body: body.into(),
    }
}

/// High-water marks: without identity, for sending them twice changes nothing.
pub(super) fn mark(
    caller: &Caller,
    conversation: ConversationId,
    read: Option<u64>,
    delivered: Option<u64>,
) -> Command {
    Command {
        tenant: caller.tenant.clone(),
        conversation,
        actor: caller.actor(),
        identity: None,
        hash: CommandHash([0; 16]),
        parties: None,
        body: Body::Mark { read, delivered },
    }
}
