//~ error[E0277]: an errback of a `Deferred<u32>` may not return `Result<&str, Failure>`
//~ to make another type of either, use `add_callbacks`

use reactor::deferred::{Deferred, Failure};

fn main() {
    Deferred::succeed(1_u32).add_errback(|_| Ok::<_, Failure>("no number"));
}
