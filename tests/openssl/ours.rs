//! Our side: a server on a thread of its own, and a client that asks once.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use reactor::tls::{TlsClientConfig, TlsServerConfig};
use reactor::{Accepted, Address, Protocol, Reactor, Reason, RemoteReactor, Transport};

/// What a handshake has agreed on, as one line.
fn told(transport: &Transport) -> String {
    let Some(tls) = transport.tls() else {
        return "nothing".to_owned();
    };
    format!(
        "{} {} name={} alpn={} certificates={} resumed={}",
        tls.version(),
        tls.cipher_suite(),
        tls.server_name().unwrap_or("-"),
        tls.alpn().unwrap_or("-"),
        tls.peer_certificates().len(),
        tls.is_resumed(),
    )
}

/// What has become of one connection.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// What its handshake has agreed on.
    pub(crate) told: String,
    pub(crate) data: String,
    pub(crate) reason: String,
}

/// A server of ours. It tells each client what was agreed on, sends back what it receives, and closes its half after
/// the word `bye`.
pub(crate) struct Server {
    pub(crate) port: u16,
    ended: Receiver<Ended>,
    remote: RemoteReactor,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(tls: &TlsServerConfig) -> Self {
        Self::run(tls, false)
    }

    /// Speaks TLS from `STLS` on, as a server for POP3 does (RFC 2595, section 4).
    pub(crate) fn start_in_the_clear(tls: &TlsServerConfig) -> Self {
        Self::run(tls, true)
    }

    fn run(tls: &TlsServerConfig, in_the_clear: bool) -> Self {
        let (tls, (ends, ended)) = (tls.clone(), mpsc::channel());
        let (ready, started) = mpsc::channel();
        let thread = thread::spawn(move || {
            let reactor = Reactor::new().expect("a loop");
            let upgrade = in_the_clear.then(|| tls.clone());
            let factory = move |_: Address| Teller::new(ends.clone(), upgrade.clone());
            let port = match in_the_clear {
                true => reactor.listen_tcp("127.0.0.1:0", factory),
                false => reactor.listen_tls("127.0.0.1:0", &tls, factory),
            };
            let port = port.expect("a port");
            let at = port.local_addr().socket_addr().expect("it is TCP").port();
            ready
                .send((at, reactor.remote()))
                .expect("it is waited for");
            reactor.run().expect("the loop runs");
        });
        let (port, remote) = started.recv().expect("the server starts");
        Self {
            port,
            ended,
            remote,
            thread: Some(thread),
        }
    }

    /// The next connection that has ended.
    #[track_caller]
    pub(crate) fn ended(&self) -> Ended {
        let ended = self.ended.recv_timeout(Duration::from_secs(20));
        ended.expect("a connection ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.remote.call_from_thread(Reactor::stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Teller {
    ends: Sender<Ended>,
    told: String,
    data: Vec<u8>,
    /// To be put in place when the client asks for it.
    upgrade: Option<TlsServerConfig>,
}

impl Teller {
    fn new(ends: Sender<Ended>, upgrade: Option<TlsServerConfig>) -> Self {
        let (told, data) = (String::new(), Vec::new());
        Self {
            ends,
            told,
            data,
            upgrade,
        }
    }
}

impl Protocol for Teller {
    fn connection_made(&mut self, transport: &Transport) {
        if self.upgrade.is_some() {
            transport.write(b"+OK ready\r\n");
        }
    }

    fn handshake_done(&mut self, transport: &Transport) {
        self.told = told(transport);
        transport.write(format!("{}\n", self.told).as_bytes());
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        if let Some(tls) = self.upgrade.take_if(|_| data == b"STLS\r\n") {
            transport.write(b"+OK begin\r\n");
            return transport.push_layer(tls.layer(), b"");
        }
        self.data.extend_from_slice(data);
        transport.write(data);
        if self.data.ends_with(b"bye\n") {
            transport.lose_write_connection();
        }
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        let _ = self.ends.send(Ended {
            told: self.told.clone(),
            data: String::from_utf8_lossy(&self.data).into_owned(),
            reason: reason.to_string(),
        });
    }
}

/// A client of ours: sends a line, waits for one, and closes.
struct Asker {
    ended: Rc<RefCell<Ended>>,
    reactor: Reactor,
}

impl Protocol for Asker {
    fn handshake_done(&mut self, transport: &Transport) {
        self.ended.borrow_mut().told = told(transport);
        transport.write(b"hello\n");
    }

    fn data_received(&mut self, transport: &Transport, data: &[u8]) {
        let data = String::from_utf8_lossy(data);
        self.ended.borrow_mut().data += &data;
        if data.ends_with('\n') {
            transport.lose_connection();
        }
    }

    fn connection_lost(&mut self, _: &Transport, reason: &Reason) {
        self.ended.borrow_mut().reason = reason.to_string();
        self.reactor.stop();
    }
}

/// What becomes of a connection to `localhost`.
pub(crate) fn ask(port: u16, tls: &TlsClientConfig) -> Ended {
    let reactor = Reactor::new().expect("a loop");
    let ended = Rc::default();
    let asker = Asker {
        ended: Rc::clone(&ended),
        reactor: reactor.clone(),
    };
    // By its address, so that no name is looked up; the name is the one that the certificate has to have.
    let layer = tls.layer("localhost").expect("a name");
    let mut asker = Some(Accepted::new(asker).with_layer(layer));
    let factory = move |_: Address| asker.take().expect("one connection");
    reactor.connect_tcp("127.0.0.1", port, factory);
    reactor.run().expect("the loop runs");
    ended.take()
}
