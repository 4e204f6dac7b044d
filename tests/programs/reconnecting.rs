//! The bot that stays in the chat, and a server that is restarted.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use crate::running::{PATIENCE, Running};

/// Lets the bot in, and checks what it says.
fn visited(listener: &TcpListener, expected: &str) -> BufReader<std::net::TcpStream> {
    let (stream, _) = listener.accept().expect("it comes");
    stream.set_read_timeout(Some(PATIENCE)).expect("an option");
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).expect("it says hello");
    assert_eq!(line, expected);
    stream
}

#[test]
fn the_bot_comes_back_when_the_server_is_restarted() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let place = format!("tcp:127.0.0.1:{}", address.port());
    let mut bot = Running::start("reconnecting", &[&place], &[]);
    let mut stream = visited(&listener, "bot: visit 1\n");
    let mut answer = String::new();
    stream.get_mut().write_all(b"!time\n").expect("taken");
    stream.read_line(&mut answer).expect("it answers");
    assert!(answer.starts_with("bot: here for "), "{answer}");
    drop((listener, stream));
    bot.says("lost: ");
    let listener = TcpListener::bind(address).expect("the port is free again");
    let _stream = visited(&listener, "bot: visit 2\n");
}
