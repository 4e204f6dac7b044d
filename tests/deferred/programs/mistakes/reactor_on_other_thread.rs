//~ error[E0277]: `Rc<
//~ cannot be sent between threads safely
//~ required because it appears within the type `Reactor`

use reactor::Reactor;

fn main() {
    let reactor = Reactor::new().expect("a loop");
    std::thread::spawn(move || reactor.stop());
}
