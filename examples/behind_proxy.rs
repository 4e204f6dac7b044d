//! Whose request it is, behind a load balancer.
//!
//! ```text
//! $ cargo run --example behind_proxy
//! $ curl http://127.0.0.1:1402/                                          yourself
//! $ curl -H 'X-Forwarded-For: 198.51.100.7' http://127.0.0.1:1402/       whom a trusted proxy names
//! $ curl --haproxy-protocol http://127.0.0.1:1403/                       yourself, by the PROXY protocol
//! $ printf 'PROXY TCP4 198.51.100.7 203.0.113.1 49152 80\r\nGET / HTTP/1.0\r\n\r\n' | nc 127.0.0.1 1403
//! ```
//!
//! The one idea: whoever may say whose connection it is may claim to be anyone. So headers, of HTTP on the first port and of the
//! PROXY protocol on the second one, are taken from proxies on this machine only.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use reactor::Reactor;
use reactor::http::{Request, Response, Site};
use reactor::proxy_protocol::ProxyProtocol;

/// All that is known of where a request comes from.
fn show(request: Request) -> Response {
    let mut text = format!("client {}\n", request.client_addr());
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{name} {value}"); // a string takes all
        }
    };
    line("peer", Some(request.peer_addr().to_string()));
    line("local", Some(request.local_addr().to_string()));
    line("scheme", request.scheme().map(str::to_owned));
    line("host", request.host().map(str::to_owned));
    if let Some(proxied) = request.proxied() {
        let (proxy, tlvs) = (proxied.proxy_addr(), proxied.tlvs());
        line("proxy", Some(proxy.to_string()));
        let escaped = |value: &[u8]| value.escape_ascii().to_string();
        line("unique-id", tlvs.unique_id().map(escaped));
        line("authority", tlvs.authority().map(str::to_owned));
        line("alpn", tlvs.alpn().map(escaped));
        if let Some(tls) = tlvs.tls() {
            line("tls", tls.version().map(str::to_owned));
            line("verified", Some(tls.is_verified().to_string()));
            line("name", tls.common_name().map(str::to_owned));
        }
    }
    Response::text(text)
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let mut addresses = std::env::args().skip(1);
    let mut address = |usual: &str| addresses.next().unwrap_or_else(|| usual.to_owned());
    let reactor = Reactor::new()?;

    let this_machine = ["127.0.0.1".parse()?, "::1".parse()?];
    let site = Site::new(&reactor, show).with_trusted_proxies(this_machine);
    let by_headers = reactor.listen_tcp(address("127.0.0.1:1402"), site)?;

    let proxied = reactor.listen_tcp(address("127.0.0.1:1403"), Site::new(&reactor, show))?;
    proxied.expect_proxy(ProxyProtocol::from_networks(this_machine));

    // Nobody may be reading what is printed; the server goes on all the same.
    let mut stdout = io::stdout();
    let _ = writeln!(
        stdout,
        "X-Forwarded-For at http://{}/",
        by_headers.local_addr()
    );
    let _ = writeln!(stdout, "PROXY protocol at http://{}/", proxied.local_addr());
    reactor.run()?;
    Ok(())
}
