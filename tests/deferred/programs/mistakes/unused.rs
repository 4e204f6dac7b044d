//~ without its Resolver the Deferred fires with `Abandoned`
//~ the value that `map` makes is lost; use `add_callback` for an effect
//~ the values are lost with the Deferred
//~ the lock is released as soon as the permit is dropped
//~ a list waits for nothing until `into_deferred` is called or a callback returns it

use reactor::deferred::{Deferred, DeferredList, Lock, gather_results};

fn main() {
    Deferred::<u32>::pending();
    Deferred::succeed(1).map(|value| value + 1);
    gather_results([Deferred::succeed(1)]);
    Lock::new().acquire();
    DeferredList::new([Deferred::succeed(1)]);
}
