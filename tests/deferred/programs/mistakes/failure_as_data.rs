//~ error[E0599]: no method named `len` found for reference `&Result<String, Failure>`

use reactor::deferred::{Deferred, DeferredList, Failure};

fn main() {
    let pages = [
        Deferred::succeed("a page".to_owned()),
        Deferred::fail(Failure::message("not found")),
    ];
    DeferredList::new(pages)
        .into_deferred()
        .map(|pages| pages.iter().map(|page| page.len()).sum::<usize>())
        .add_callback(|sum| println!("{sum}"));
}
