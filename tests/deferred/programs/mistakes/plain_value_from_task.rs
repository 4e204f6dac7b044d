//~ error[E0277]: a task may not end with `String`
//~ what this `async` block or function ends with
//~ end it with `Ok(value)`: then `spawn` returns a `Deferred` of the value

use reactor::Reactor;

fn main() {
    let reactor = Reactor::new().expect("a loop");
    let name = reactor.spawn(async { "a name".to_owned() });
    name.add_callback(|name| println!("{name}"));
}
