//! What is right, so that the other programs are known to fail for what is wrong.

use reactor::deferred::{Deferred, DeferredList};

fn main() {
    let (resolver, deferred) = Deferred::pending();
    deferred
        .add_callback(|text: &str| Ok(text.parse::<u32>()?))
        .add_callback(|number| Deferred::succeed(number + 1))
        .map(|number| number * 2)
        .add_errback(|failure| eprintln!("{failure}"));
    resolver.callback("20");

    DeferredList::new([Deferred::succeed(1)])
        .into_deferred()
        .add_callback(|results| {
            let sum: u32 = results.into_iter().sum::<Result<u32, _>>()?;
            Ok(sum)
        })
        .add_both(|_| ());
}
