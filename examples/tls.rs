//! An echo server with TLS, which first tells each client how the connection is protected.
//!
//! ```text
//! $ openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
//!     -keyout key.pem -out cert.pem -subj /CN=localhost \
//!     -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost,IP:127.0.0.1
//! $ cargo run --features tls --example tls -- cert.pem key.pem
//! $ openssl s_client -quiet -CAfile cert.pem -connect localhost:1443      in another terminal: type something
//! ```
//!
//! Make other files, and type `pkill -HUP -x tls`: new clients see them, and a client that is connected goes on. With
//! a third file, certificates of authorities, only clients are let in that one of them has signed: `-cert` and
//! `-key` of `openssl s_client`.
//!
//! The one idea: a protocol is notified when the handshake is done, and may ask then what was agreed on.

use std::env;
use std::io::{self, Write};

use reactor::lifecycle::Signal;
use reactor::tls::{Pem, TlsServerConfig};
use reactor::{Protocol, Reactor, Reason, Transport};

struct Echo;

impl Protocol for Echo {
    fn handshake_done(&mut self, transport: &Transport) {
        let Some(tls) = transport.tls() else { return };
        let name = tls.server_name().unwrap_or("nobody in particular");
        let certificate = match tls.peer_certificate() {
            Some(der) => format!("a certificate of {} bytes", der.len()),
            None => "no certificate".to_owned(),
        };
        let session = if tls.is_resumed() { "resumed" } else { "new" };
        let (version, cipher) = (tls.version(), tls.cipher_suite());
        let told =
            format!("{version} {cipher}, for {name}, with {certificate}, session {session}\n");
        transport.write(told.as_bytes());
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        transport.write(data);
    }

    fn connection_lost(&mut self, transport: &Transport, reason: &Reason) {
        let _ = writeln!(io::stdout(), "{}: {reason}", transport.peer_addr());
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    env_logger::init();
    let mut files = env::args().skip(1).map(Pem::file);
    let (Some(chain), Some(key)) = (files.next(), files.next()) else {
        return Err("usage: tls CERTIFICATE KEY [AUTHORITIES OF CLIENTS]".into());
    };
    let mut tls = TlsServerConfig::from_pem(chain, key)?;
    if let Some(authorities) = files.next() {
        tls = tls.with_required_client_certificate(authorities)?;
    }
    let reactor = Reactor::new()?;
    let at = env::var("AT").unwrap_or_else(|_| "127.0.0.1:1443".to_owned());
    let port = reactor.listen_tls(at, &tls, |_| Echo)?;
    reactor.on_signal(Signal::Hup, move || {
        let _ = match tls.reload() {
            Ok(()) => writeln!(io::stdout(), "New clients see the new certificates."),
            Err(error) => writeln!(io::stdout(), "The certificates stay as they are: {error}"),
        };
    })?;
    // Behind all that it needs, so that whoever has read this may send the signal.
    let _ = writeln!(io::stdout(), "Listening at {}.", port.local_addr());
    reactor.run()?;
    Ok(())
}
