//! The client of lines that is awaited, and the server that it talks to.

use crate::running::{Running, run};

#[test]
fn the_awaited_client_prints_the_answers_in_order_and_says_what_is_wrong() {
    let mut server = Running::start("echo", &["127.0.0.1:0"], &[]);
    let typed = server.says("Type `nc 127.0.0.1 ");
    let port = typed.split('`').next().expect("the port, and more");
    let endpoint = format!("tcp:127.0.0.1:{port}");
    let output = run("async_client", &[&endpoint, "one", "two", "three"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"one\ntwo\nthree\n");
    let wrong = run("async_client", &["tpc:127.0.0.1:1400", "one"]);
    assert!(!wrong.status.success());
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(said.contains("tpc"), "{said}");
}
