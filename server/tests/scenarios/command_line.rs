//! The command line, and starts that are refused.

use serde_json::json;

use crate::harness::kefu::{Kefu, Said, run, run_with};
use crate::harness::scene::{Broker, log_in};
use crate::harness::{api::Api, run as run_scenario, wait::eventually, wait::eventually_within};

fn here(test: impl AsyncFnOnce()) {
    run_scenario(Broker::Embedded, async |_| test().await);
}

fn refused(said: &Said, why: &str) {
    assert!(!said.success, "it should be refused: {}", said.stdout);
    assert!(said.stderr.contains(why), "{} says nothing of {why:?}", said.stderr);
}

#[test]
fn the_demo_listens_on_loopback_only() {
    here(async || {
        refused(&run(&["--demo", "--listen", "0.0.0.0:0", "--data-dir", "data"], "").await, "loopback");
        let variables = [("KEFU_SERVER__LISTEN", "0.0.0.0:6543")];
        refused(&run_with(&["--demo", "--data-dir", "data"], &variables, "").await, "loopback");
    });
}

#[test]
fn the_demo_and_real_deployments_keep_apart() {
    here(async || {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let listen = format!("127.0.0.1:{}", crate::harness::kefu::free_port());
        let flags = ["--listen", &listen, "--data-dir", data.to_str().expect("a path")];
        let mut demo = Kefu::start(&["--demo"], &[]).await;
        demo.kill();
        let in_demo = demo.data_dir();
        let mut real = flags.to_vec();
        real[3] = in_demo.to_str().expect("a path");
        refused(&run(&real, "").await, "--demo");

        let mut office = Kefu::start(&[], &[]).await;
        office.kill();
        let in_office = office.data_dir();
        let mut demo_there = vec!["--demo"];
        demo_there.extend(&flags[..3]);
        demo_there.push(in_office.to_str().expect("a path"));
        refused(&run(&demo_there, "").await, "--demo");
    });
}

#[test]
fn the_demo_has_three_agents_and_warns() {
    here(async || {
        let demo = Kefu::start(&["--demo"], &[]).await;
        let api = Api::new(&demo.url());
        for username in ["kefu001", "kefu002", "kefu003"] {
            log_in(&api, username, "123456").await;
        }
        let output = demo.output();
        assert!(output.contains("DEMO") && output.contains("客服小王"), "{output}");
        let wrong = json!({"username": "admin", "password": "123456"});
        assert_eq!(api.post("/api/kefu/login", wrong).await.status, 401);
    });
}

#[test]
fn the_first_start_tells_a_password_once() {
    here(async || {
        let mut kefu = Kefu::start(&[], &[]).await;
        let password = kefu.admin_password();
        let api = Api::new(&kefu.url());
        log_in(&api, "admin", &password).await;
        let wrong = json!({"username": "kefu001", "password": "123456"});
        assert_eq!(api.post("/api/kefu/login", wrong).await.status, 401);
        kefu.kill();
        kefu.start_again().await;
        assert_eq!(kefu.output().matches("one-time password").count(), 1);
        log_in(&api, "admin", &password).await;
    });
}

#[test]
fn a_data_folder_is_used_by_one_process() {
    here(async || {
        let kefu = Kefu::start(&[], &[]).await;
        let data = kefu.data_dir();
        let listen = format!("127.0.0.1:{}", crate::harness::kefu::free_port());
        let flags = ["--listen", &listen, "--data-dir", data.to_str().expect("a path")];
        refused(&run(&flags, "").await, "another process");
        assert_eq!(Api::new(&kefu.url()).try_get("/readyz").await, Some(200));
    });
}

#[test]
fn an_address_that_is_taken_is_refused() {
    here(async || {
        let kefu = Kefu::start(&[], &[]).await;
        refused(&run(&["--listen", &kefu.address(), "--data-dir", "data"], "").await, &kefu.address());
    });
}

#[test]
fn agents_are_added_and_listed_while_it_runs() {
    here(async || {
        let mut kefu = Kefu::start(&[], &[]).await;
        let data = kefu.data_dir();
        let data = data.to_str().expect("a path");
        let added = run(&["agent", "add", "mei", "--name", "Mei 梅", "--capacity", "3", "--data-dir", data], "").await;
        assert!(added.success, "{}", added.stderr);
        let (_, password) = added.stdout.split_once("password: ").expect("a password is made");
        let api = Api::new(&kefu.url());
        log_in(&api, "mei", password.trim()).await;

        let stdin = ["agent", "add", "sup", "--role", "supervisor", "--password-stdin", "--data-dir", data];
        let added = run(&stdin, "a password of my own\n").await;
        assert!(added.success && !added.stdout.contains("a password of my own"), "{} {}", added.stdout, added.stderr);
        log_in(&api, "sup", "a password of my own").await;
        refused(&run(&stdin, "a password of my own\n").await, "taken");
        refused(&run(&["agent", "add", "x", "--password-stdin", "--data-dir", data], "short\n").await, "8 characters");
        refused(&run(&["agent", "add", "x", "--role", "king", "--data-dir", data], "").await, "role");
        refused(&run(&["agent", "password", "nobody", "--data-dir", data], "").await, "no such agent");

        // Stopped as well.
        kefu.kill();
        let listed = run(&["agent", "list", "--data-dir", data], "").await;
        assert!(listed.success, "{}", listed.stderr);
        for word in ["admin", "mei", "Mei 梅", "sup", "supervisor"] {
            assert!(listed.stdout.contains(word), "{word} is not in {}", listed.stdout);
        }
        refused(&run(&["agent", "list", "--data-dir", "/nonexistent"], "").await, "no deployment");
    });
}

#[test]
fn passwords_are_changed_at_the_terminal() {
    here(async || {
        let kefu = Kefu::start(&[], &[]).await;
        let data = kefu.data_dir();
        let data = data.to_str().expect("a path");
        let changed = run(&["admin", "password", "--password-stdin", "--data-dir", data], "the admin's own\n").await;
        assert!(changed.success, "{}", changed.stderr);
        let api = Api::new(&kefu.url());
        log_in(&api, "admin", "the admin's own").await;
        let old = json!({"username": "admin", "password": kefu.admin_password()});
        assert_eq!(api.post("/api/kefu/login", old).await.status, 401);
        let added = run(&["agent", "add", "mei", "--password-stdin", "--data-dir", data], "the first one\n").await;
        assert!(added.success, "{}", added.stderr);
        refused(&run(&["admin", "password", "mei", "--data-dir", data], "").await, "not an admin");
    });
}

/// The command is a process of its own: the running one hears of it when it looks at a login again, once a minute.
#[test]
fn another_password_ends_logins_of_the_running_deployment() {
    here(async || {
        let kefu = Kefu::start(&[], &[]).await;
        let data = kefu.data_dir();
        let data = data.to_str().expect("a path");
        let api = Api::new(&kefu.url());
        let admin = log_in(&api, "admin", &kefu.admin_password()).await;
        let socket = crate::client::Client::connect(&kefu.address(), &admin, crate::client::Protocol::Json).await;
        let changed = run(&["admin", "password", "--password-stdin", "--data-dir", data], "the admin's own\n").await;
        assert!(changed.success && changed.stdout.contains("1 logins"), "{} {}", changed.stdout, changed.stderr);
        let limit = std::time::Duration::from_secs(75);
        eventually_within(limit, "the login ended", async || {
            (admin.api.get("/api/kefu/status").await.status == 401).then_some(())
        })
        .await;
        let ping = json!({"t": "ping"});
        eventually_within(limit, "the socket was closed", async || {
            socket.send(ping.clone());
            socket.look(|view| view.closed).map(|code| assert_eq!(code, 4203))
        })
        .await;
    });
}

#[test]
fn settings_are_checked() {
    here(async || {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |text: &str| {
            let path = folder.path().join("kefu.toml");
            std::fs::write(&path, text).expect("a file");
            path.to_str().expect("a path").to_owned()
        };
        let good = file("[server]\nlisten = \"127.0.0.1:1\"\n");
        let said = run(&["check-config", "--config", &good], "").await;
        assert!(said.success && said.stdout.contains("valid"), "{} {}", said.stdout, said.stderr);
        for (text, why) in [
            ("[server]\nlissten = \"127.0.0.1:1\"\n", "lissten"),
            ("[servers]\n", "servers"),
            ("[deployment]\npartitions = \"many\"\n", "partitions"),
            ("[server\n", "kefu.toml"),
        ] {
            refused(&run(&["check-config", "--config", &file(text)], "").await, why);
        }
        refused(&run(&["check-config", "--config", "/nonexistent"], "").await, "/nonexistent");
        let said = run_with(&["check-config"], &[("KEFU_SERVICE_HOST", "10.0.0.1")], "").await;
        assert!(said.success && said.stdout.contains("KEFU_SERVICE_HOST"), "{} {}", said.stdout, said.stderr);

        let defaults = run(&["default-config"], "").await;
        assert!(defaults.success);
        let parsed = toml::from_str::<toml::Table>(&defaults.stdout).expect("TOML");
        assert!(parsed.contains_key("server") && parsed.contains_key("limits"), "{parsed:?}");
        let said = run(&["check-config", "--config", &file(&defaults.stdout)], "").await;
        assert!(said.success, "{}", said.stderr);
    });
}

#[test]
fn what_is_fixed_cannot_be_changed_later() {
    here(async || {
        let mut kefu = Kefu::start(&[], &[("KEFU_DEPLOYMENT__PARTITIONS", "4")]).await;
        kefu.kill();
        let data = kefu.data_dir();
        let listen = format!("127.0.0.1:{}", crate::harness::kefu::free_port());
        let flags = ["--listen", &listen, "--data-dir", data.to_str().expect("a path")];
        refused(&run(&flags, "").await, "4 partitions");
        kefu.start_again().await;
    });
}

#[test]
fn a_second_signal_ends_it_at_once() {
    here(async || {
        let mut kefu = Kefu::start(&[], &[]).await;
        let api = Api::new(&kefu.url());
        let visitor = crate::harness::scene::visitor(&api).await;
        let stream = visitor.api.stream("/api/stream?device=d1").await;
        kefu.terminate();
        eventually("it is not ready", async || (api.try_get("/readyz").await != Some(200)).then_some(())).await;
        kefu.terminate();
        let status = kefu.ended().await;
        drop(stream);
        assert!(matches!(status.code(), Some(0 | 130)), "{status}");
    });
}
