//! The example that tells what TLS has agreed on, as its users run it.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command};

use crate::{Folder, file, piped, s_client};

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

/// The program as it runs. Killed when it is dropped.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Running {
    fn start(files: &[&str]) -> Self {
        let mut command = piped(&program(), files);
        let mut child = command.env("AT", "127.0.0.1:0").spawn().expect("it starts");
        let stdout = child.stdout.take().expect("it is a pipe");
        let mut running = Self {
            child,
            lines: BufReader::new(stdout).lines(),
            port: 0,
        };
        let listening = running.line();
        let port = listening.trim_end_matches('.').rsplit(':').next();
        running.port = port.and_then(|port| port.parse().ok()).expect("a port");
        running
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        let line = self.lines.next().expect("it prints a line");
        line.expect("it is text")
    }

    fn hang_up(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-HUP", &id]).status();
        assert!(status.is_ok_and(|status| status.success()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_example_tells_each_client_how_its_connection_is_protected() {
    let files = ["server.pem", "server.key", "ca.pem"].map(file);
    let mut running = Running::start(&files.each_ref().map(String::as_str));
    let (cert, key) = (file("client.pem"), file("client.key"));
    let shows = ["-servername", "localhost", "-cert", &cert, "-key", &key];
    let said = s_client(running.port, &[&shows[..], &["-tls1_2"]].concat(), "Q\n");
    assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    assert!(running.line().ends_with("the peer closed the connection"));
    s_client(running.port, &["-tls1_3"], "");
    let refused = "the client has sent no certificate, and one is required";
    assert!(running.line().ends_with(refused));
}

#[test]
fn the_example_reads_its_certificates_again_at_a_signal() {
    let folder = Folder::new("signal");
    let (chain, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let write = |name: &str| fs::copy(file(name), &chain).expect("a file");
    write("server.pem");
    fs::copy(file("server.key"), &key).expect("a file");
    let mut running = Running::start(&[&chain, &key]);
    write("renewed.pem"); // and not its key
    running.hang_up();
    let said = running.line();
    assert!(
        said.starts_with("The certificates stay as they are: "),
        "{said}"
    );
    assert!(said.ends_with("they do not belong together"), "{said}");
    fs::copy(file("renewed.key"), &key).expect("a file");
    running.hang_up();
    assert_eq!(running.line(), "New clients see the new certificates.");
    let said = s_client(running.port, &["-showcerts"], "");
    assert_eq!(said.matches("BEGIN CERTIFICATE").count(), 1, "{said}");
}
