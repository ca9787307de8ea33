//! libFuzzer around one of the targets, which `KEFU_FUZZ_TARGET` names.

#![no_main]

use std::sync::OnceLock;

use kefu_fuzz::{Target, target};

libfuzzer_sys::fuzz_target!(|data: &[u8]| (chosen().run)(data));

fn chosen() -> &'static Target {
    static CHOSEN: OnceLock<&'static Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("KEFU_FUZZ_TARGET").expect("KEFU_FUZZ_TARGET names the target");
        target(&name).expect("there is such a target")
    })
}
