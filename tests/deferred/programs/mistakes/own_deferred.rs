//~ error[E0382]: use of moved value: `deferred`
//~ value used here after move

use reactor::deferred::Deferred;

fn main() {
    let (resolver, deferred) = Deferred::<u32>::pending();
    deferred.add_callback(move |_| deferred);
    resolver.callback(1);
}
