//! Builds the pages, so that `cargo run --release` is the whole product.
//!
//! `KEFU_WEB_DIST` names a folder with built pages; then Node is not needed.

use std::path::{Path, PathBuf};
use std::process::{Command, exit};

/// What changes the pages.
const SOURCES: [&str; 6] =
    ["package.json", "package-lock.json", "client/package.json", "client/src", "pages", "tsconfig.base.json"];

fn main() {
    println!("cargo::rerun-if-env-changed=KEFU_WEB_DIST");
    let dist = match std::env::var_os("KEFU_WEB_DIST") {
        Some(folder) => {
            let folder = PathBuf::from(folder);
            println!("cargo::rerun-if-changed={}", folder.display());
            folder
        }
        // What this script writes is newer than its start: were it named here, every build would begin again.
        None => build(),
    };
    if !dist.join("index.html").is_file() {
        fail(&format!("there are no built pages in {}: index.html is missing", dist.display()));
    }
    println!("cargo::rustc-env=PAGES_FOLDER={}", dist.display());
}

fn build() -> PathBuf {
    let web = Path::new(&variable("CARGO_MANIFEST_DIR")).join("../web");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", web.join(source).display());
    }
    check_node();
    let dist = Path::new(&variable("OUT_DIR")).join("web");
    if !is_installed(&web) {
        run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&web));
    }
    run(Command::new("npm").args(["run", "build"]).current_dir(&web).env("KEFU_WEB_OUT", &dist));
    dist
}

/// npm writes this file last, newer than the lock file it installed from.
fn is_installed(web: &Path) -> bool {
    let changed = |path: PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    match (changed(web.join("node_modules/.package-lock.json")), changed(web.join("package-lock.json"))) {
        (Some(installed), Some(locked)) => installed >= locked,
        _ => false,
    }
}

fn check_node() {
    let Ok(output) = Command::new("node").arg("--version").output() else {
        fail(
            "Node is not installed. The pages are built with Node 20.19 or newer: install it from your system's packages, \
              or set KEFU_WEB_DIST to a folder with built pages",
        );
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let mut parts = text.trim().trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if version < (20, 19) {
        fail(&format!("Node is {}; the pages need 20.19 or newer, or KEFU_WEB_DIST with built pages", text.trim()));
    }
}

fn run(command: &mut Command) {
    match command.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => fail(&format!(
            "{command:?} failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => fail(&format!("{command:?} could not be started: {error}")),
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| fail(&format!("{name} is not set")))
}

fn fail(message: &str) -> ! {
    eprintln!("\nKefu's pages could not be built.\n{message}\n");
    exit(1)
}
