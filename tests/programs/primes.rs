//! The example that computes on the loop's thread.

use crate::running::{Running, connect, run};
use std::io::{Read, Write};

#[test]
fn the_primes_program_serves_its_echo_while_it_computes() {
    let mut primes = Running::start("primes", &["5", "127.0.0.1:0"], &[]);
    let address = primes.says("an echo server listens at ");
    let mut stream = connect(&address);
    stream.write_all(b"hello").expect("taken");
    let mut echo = [0; 5];
    stream.read_exact(&mut echo).expect("the answer comes");
    assert_eq!(&echo, b"hello");
}

#[test]
fn the_primes_program_ends_with_what_it_has_found_and_how_late_calls_were() {
    let output = run("primes", &["0", "127.0.0.1:0"]);
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(printed.contains("0 primes in 0ns"), "{printed}");
    assert!(printed.contains("calls were late by"), "{printed}");
}
