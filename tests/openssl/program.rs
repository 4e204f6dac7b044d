//! The example that tells what TLS has agreed on, as its users run it.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command};

use crate::{file, piped, s_client};

/// The program, which is built if it is not there or is old.
fn program() -> String {
    let this = env::current_exe().expect("a test knows where it is");
    let profile = this.parent().and_then(Path::parent);
    let profile = profile.expect("tests are built in <target>/<profile>/deps");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--features", "tls", "--example", "tls"])
        .arg("--target-dir")
        .args(profile.parent());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    // What the cargo that runs this test has said of this crate would be news to the build script of `ring`, which
    // would be run again, and everything be built again, here and then there.
    for (name, _) in env::vars() {
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    assert!(cargo.status().expect("cargo runs").success());
    let program = profile.join("examples").join("tls");
    program.to_str().expect("it is text").to_owned()
}

/// Killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_example_tells_each_client_how_its_connection_is_protected() {
    let files = ["server.pem", "server.key", "ca.pem"].map(file);
    let mut command = piped(&program(), &files.each_ref().map(String::as_str));
    let mut running = Running(command.env("AT", "127.0.0.1:0").spawn().expect("it starts"));
    let mut printed = BufReader::new(running.0.stdout.take().expect("it is a pipe")).lines();
    let mut line = || {
        printed
            .next()
            .expect("it prints a line")
            .expect("it is text")
    };
    let listening = line();
    let port = listening.trim_end_matches('.').rsplit(':').next();
    let port = port.and_then(|port| port.parse().ok()).expect("a port");
    let (cert, key) = (file("client.pem"), file("client.key"));
    let shows = ["-servername", "localhost", "-cert", &cert, "-key", &key];
    // The answer comes before the end, since the input ends with a line for `s_client` itself.
    let said = s_client(port, &[&shows[..], &["-tls1_2"]].concat(), "Q\n");
    assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    assert!(line().ends_with("the peer closed the connection"));
    s_client(port, &["-tls1_3"], "");
    assert!(line().ends_with("the client has sent no certificate, and one is required"));
}
