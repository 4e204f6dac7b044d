//! The library under test, as its users would write it: a tree with two pages, and a site on a port.

use comparison::{Result, announce};
use reactor::Reactor;
use reactor::http::server::get;
use reactor::http::{Request, Response, Site, Tree};

use crate::routes::{HELLO, users_body};

pub(super) fn run() -> Result<()> {
    let reactor = Reactor::new()?;
    let pages = Tree::new();
    pages.put_child("plaintext", get(|_: Request| Response::text(HELLO)));
    pages.put_child("users", get(|_: Request| Response::json(users_body())));
    let site = Site::new(&reactor, pages).without_access_log();
    let port = reactor.listen_tcp("127.0.0.1:0", site)?;
    announce(
        port.local_addr()
            .socket_addr()
            .ok_or("a port has an address")?,
    )?;
    reactor.run()?;
    Ok(())
}
