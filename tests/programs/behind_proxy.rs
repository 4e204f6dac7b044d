//! The program behind a proxy, asked as a proxy asks.

use std::io::{Read, Write};

use crate::running::{Running, ask, connect};

fn started() -> (Running, String, String) {
    let mut program = Running::start("behind_proxy", &["127.0.0.1:0", "127.0.0.1:0"], &[]);
    let by_headers = program.says("X-Forwarded-For at http://");
    let proxied = program.says("PROXY protocol at http://");
    let bare = |address: String| address.trim_end_matches('/').to_owned();
    (program, bare(by_headers), bare(proxied))
}

#[test]
fn it_says_whom_headers_and_the_proxy_protocol_name() {
    let (_program, by_headers, proxied) = started();
    let heard = ask(
        &by_headers,
        "GET /",
        "X-Forwarded-For: 198.51.100.7\r\n",
        "",
    );
    assert!(
        heard
            .body
            .starts_with("client 198.51.100.7:0\npeer 127.0.0.1:"),
        "{heard:?}"
    );
    let mut stream = connect(&proxied);
    let request =
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let header = "PROXY TCP4 198.51.100.7 203.0.113.1 49152 443\r\n";
    // In two pieces, which the kernel may join or not.
    stream
        .write_all(&header.as_bytes()[..20])
        .expect("it is taken");
    stream
        .write_all(&header.as_bytes()[20..])
        .expect("it is taken");
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut heard = String::new();
    stream.read_to_string(&mut heard).expect("the answer ends");
    let expected = "client 198.51.100.7:49152\npeer 198.51.100.7:49152\nlocal 203.0.113.1:443\nhost a\nproxy 127.0.0.1:";
    assert!(heard.contains(expected), "{heard}");
}
