//~ error[E0631]: type mismatch in closure arguments
//~ expected closure signature `fn(u32) -> _`
//~ found closure signature `fn(String) -> _`

use reactor::deferred::Deferred;

fn main() {
    Deferred::succeed("7")
        .add_callback(|text| Ok(text.parse::<u32>()?))
        .add_callback(|name: String| println!("{name}"));
}
