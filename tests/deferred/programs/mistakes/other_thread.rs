//~ error[E0277]: `Rc<
//~ cannot be sent between threads safely
//~ required because it appears within the type `Deferred<u32>`

use reactor::deferred::Deferred;

fn main() {
    let (_resolver, deferred) = Deferred::<u32>::pending();
    std::thread::spawn(move || deferred.cancel());
}
