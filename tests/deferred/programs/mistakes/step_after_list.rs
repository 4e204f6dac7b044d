//~ error[E0382]: use of moved value: `page`
//~ value moved here

use reactor::deferred::{Deferred, gather_results};

fn main() {
    let (_resolver, page) = Deferred::<String>::pending();
    let (_other_resolver, other) = Deferred::<String>::pending();
    gather_results([page, other]).add_callback(|pages| println!("{}", pages.len()));
    page.add_callback(|page| println!("{page}"));
}
