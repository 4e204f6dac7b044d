//~ error[E0382]: use of moved value: `resolver`
//~ value used here after move
//~ takes ownership of the receiver `self`, which moves `resolver`

use reactor::deferred::Deferred;

fn main() {
    let (resolver, deferred) = Deferred::pending();
    deferred.add_callback(|value: u32| println!("{value}"));
    resolver.callback(1);
    resolver.callback(2);
}
