//~ error[E0277]: a callback may not return `u32`
//~ returned by a callback of a Deferred
//~ for a function that returns a plain value use `map` instead of `add_callback`

use reactor::deferred::Deferred;

fn main() {
    Deferred::succeed(1_u32).add_callback(|value| value + 1);
}
