//! The scripts: one per atomic step, each with the parts that it shares with others before it.

use std::sync::LazyLock;

use redis::Cmd;

/// A script, called by its hash.
pub(super) struct Script {
    code: &'static str,
    hash: LazyLock<String>,
}

macro_rules! script {
    ($name:ident: $($file:literal)+) => {
        pub(super) static $name: Script = Script {
            code: concat!($(include_str!(concat!("lua/", $file))),+),
            hash: LazyLock::new(|| hash_of($name.code)),
        };
    };
}

fn hash_of(code: &str) -> String {
    redis::Script::new(code).get_hash().to_owned()
}

script!(READ_INCARNATION: "clock.lua" "incarnation.lua" "read_incarnation.lua");

script!(RENEW_PRESENCE: "clock.lua" "incarnation.lua" "presence/tables.lua" "presence/renew.lua");
script!(RELEASE_PRESENCE: "clock.lua" "presence/tables.lua" "presence/end.lua" "presence/release.lua");
script!(RELEASE_EDGE: "clock.lua" "presence/tables.lua" "presence/end.lua" "presence/release_edge.lua");
script!(GET_PRESENCE: "clock.lua" "presence/tables.lua" "presence/get.lua");
script!(LIST_PRESENCE: "clock.lua" "presence/tables.lua" "presence/list.lua");
script!(ENDED_PRESENCE: "clock.lua" "incarnation.lua" "presence/tables.lua" "presence/ended.lua");

script!(RENEW_EDGE: "clock.lua" "incarnation.lua" "edge/renew.lua");
script!(END_EDGE: "clock.lua" "edge/end.lua");
script!(DROP_EDGE: "clock.lua" "edge/drop.lua");

script!(REGISTER: "clock.lua" "registry/tables.lua" "registry/register.lua");
script!(UNREGISTER: "clock.lua" "registry/tables.lua" "registry/unregister.lua");
script!(KEEP_REGISTRY: "clock.lua" "registry/keep.lua");
script!(GET_CONNECTIONS: "clock.lua" "registry/tables.lua" "registry/get.lua");
script!(LIST_CONNECTIONS: "clock.lua" "registry/tables.lua" "registry/list.lua");
script!(CONNECTIONS_OF: "clock.lua" "registry/tables.lua" "registry/of_user.lua");
script!(EDGES_OF: "clock.lua" "registry/tables.lua" "registry/edges_of.lua");
script!(COUNT_CONNECTIONS: "clock.lua" "registry/tables.lua" "registry/counts.lua");
script!(SWEEP_REGISTRY: "clock.lua" "registry/tables.lua" "registry/sweep.lua");

script!(CHECK_RATE: "clock.lua" "rate.lua");
script!(RECORD_FAILURE: "clock.lua" "lockout/tables.lua" "lockout/record.lua");
script!(LOCK_STATE: "clock.lua" "lockout/tables.lua" "lockout/state.lua");
script!(CLEAR_FAILURES: "clock.lua" "lockout/tables.lua" "lockout/clear.lua");

script!(PUT_LOGIN: "clock.lua" "login/put.lua");
script!(GET_LOGIN: "clock.lua" "login/get.lua");
script!(INVALIDATE_LOGINS: "clock.lua" "login/invalidate.lua");

impl Script {
    /// A call of it on these keys, all of one slot.
    pub(super) fn on(&'static self, keys: impl IntoIterator<Item = String>) -> Call {
        Call { script: self, keys: keys.into_iter().collect(), args: Vec::new() }
    }
}

/// A call of a script.
pub(super) struct Call {
    script: &'static Script,
    keys: Vec<String>,
    args: Vec<Vec<u8>>,
}

impl Call {
    /// One more argument.
    pub(super) fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.args.push(arg.as_ref().to_vec());
        self
    }

    /// One more number.
    pub(super) fn number(self, number: impl ToString) -> Self {
        self.arg(number.to_string())
    }

    /// The short command, for a server that has the script.
    pub(super) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    /// The long command, after which the server has it.
    pub(super) fn in_full(&self) -> Cmd {
        self.command("EVAL", self.script.code)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.args);
        command
    }
}
