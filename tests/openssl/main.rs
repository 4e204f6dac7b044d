//! TLS between ours and `openssl`: `s_client` at our server, and our client at `s_server`.

#![cfg(feature = "tls")]

mod clients;
mod ours;
mod program;
mod servers;

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use reactor::tls::Pem;

/// A file of those that tests use.
fn file(name: &str) -> String {
    format!("{}/tests/support/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn pem(name: &str) -> Pem {
    Pem::file(file(name))
}

/// A program with pipes for what it is told and what it prints.
fn piped(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// `openssl s_client` at our server, until it is killed.
fn lasting_client(port: u16) -> Child {
    let mut client = piped("openssl", &["s_client", "-quiet"]);
    client.args(["-connect", &format!("127.0.0.1:{port}")]);
    let mut client = client.spawn().expect("openssl is installed");
    let stdout = client.stdout.as_mut().expect("it is a pipe");
    stdout.read_exact(&mut [0]).expect("the handshake is done");
    client
}

/// What `openssl s_client` says and prints when it is given `input` and these arguments.
fn s_client(port: u16, args: &[&str], input: &str) -> String {
    let mut client = piped("timeout", &["-s", "KILL", "20", "openssl", "s_client"]);
    client.args(["-connect", &format!("127.0.0.1:{port}")]);
    client.args(["-CAfile", &file("ca.pem"), "-verify_return_error"]);
    let mut client = client.args(args).spawn().expect("openssl is installed");
    let mut stdin = client.stdin.take().expect("it is a pipe");
    // It may have ended by now, because its handshake has failed.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = client.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// A folder for the files of one test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("openssl-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        let path = self.0.join(name);
        path.to_str().expect("it is text").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
