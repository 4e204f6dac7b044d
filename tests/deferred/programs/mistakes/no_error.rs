//~ error[E0277]: `&str` is not an error, so a Deferred cannot fail with it
//~ for a mere text there is `Failure::message("…")`

use reactor::deferred::Deferred;

fn main() {
    let (resolver, deferred) = Deferred::<u32>::pending();
    resolver.errback("not found");
    deferred.add_errback(|failure| println!("{failure}"));
}
