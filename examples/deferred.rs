//! A Deferred is a result that is not there yet, and the callbacks that want it.
//!
//! ```text
//! $ cargo run --example deferred                      a chain that fails and recovers, drawn
//! $ cargo run --example deferred -- 20                the same with a number that can be read
//! $ cargo run --example deferred -- 20 --chart a.svg  and the drawing for a browser
//! ```
//!
//! Nothing waits for anything in this program: it plays both ends, the one that wants a result and
//! the one that has it. The chain is built first; nothing of it runs until the resolver is fired.

use reactor::deferred::{Deferred, Failure, gather_results};

/// Fails with whatever `?` meets. A function may be a callback as it is.
fn parse(text: String) -> Result<u32, Failure> {
    Ok(text.trim().parse()?)
}

/// Knows one sort of error, and hands on every other.
fn assume_ten(failure: Failure) -> Result<u32, Failure> {
    let error = failure.trap::<std::num::ParseIntError>()?;
    println!("{error}, so ten is assumed");
    Ok(10)
}

/// Not there at once: a Deferred of its own, here of three that are waited for together.
fn next_three(number: u32) -> Deferred<Vec<u32>> {
    gather_results((1..=3).map(|step| Deferred::succeed(number).map(move |number| number + step)))
}

fn print(numbers: Vec<u32>) {
    println!("{numbers:?}");
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (text, file) = match arguments.as_slice() {
        [] => ("twenty", None),
        [text] => (text.as_str(), None),
        [flag, file] if flag == "--chart" => ("twenty", Some(file)),
        [text, flag, file] if flag == "--chart" => (text.as_str(), Some(file)),
        _ => panic!("the arguments are a number and --chart with a file, if any"),
    };

    let (resolver, number) = Deferred::pending();
    let (number, chart) = number.charted();

    // Each step takes what the one before has left: a value goes to the next callback, a failure to
    // the next errback.
    number
        .add_callback(parse)
        .add_errback(assume_ten)
        .add_callback(next_three)
        .add_callback(print)
        .add_errback(|failure| println!("nobody expected this: {failure:?}"));

    println!("fired with {text:?}:");
    resolver.callback(text.to_owned());

    println!("\n{chart}");
    match file {
        Some(file) => std::fs::write(file, chart.to_svg()),
        None => Ok(()),
    }
}
