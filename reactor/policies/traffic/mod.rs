//! Traffic logs: what passes on connections, as a text with all bytes, or as a file for packet analysers.
//!
//! ```text
//!   protocol                                    protocol
//!   log         what the protocol sees          TLS
//!   TLS                                         log        what the network sees
//!   socket                                      socket
//!
//!   listen_tls(at, config, log.around(f))       a factory that gives TLS, inside log.around(…)
//! ```
//!
//! A log is a layer, which sees the bytes, and a wrapper of the protocol, which sees the beginning and the
//! end. Neither changes anything.

mod flow;
mod hexdump;
mod pcap;

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use self::flow::{Flow, Happening};
use super::wrapping::{ProtocolOf, ProtocolWrapper, Wrapped};
use crate::accepted::{Accepted, IntoAccepted};
use crate::address::Address;
use crate::contained::{Contained, contain};
use crate::factory::Factory;
use crate::layer::Layer;
use crate::limits::Limits;
use crate::protocol::Protocol;
use crate::reactor::Reactor;
use crate::reason::Reason;
use crate::report;
use crate::time::Instant;
use crate::transport::Transport;
use crate::weak_reactor::WeakReactor;

/// How much is logged before a log ends: it is for looking at something, and must not fill a disk that was
/// forgotten.
const DEFAULT_LIMIT: u64 = 100 << 20;

/// Where the traffic of connections is written to. Clones are the same log.
///
/// ```
/// use reactor::policies::TrafficLog;
/// # use reactor::{Protocol, Reactor, Transport};
/// # struct Echo;
/// # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
/// let reactor = Reactor::new()?;
/// # let path = std::env::temp_dir().join("reactor-traffic-log.pcap");
/// # let shown = path.clone();
/// let log = TrafficLog::pcap(&reactor, std::fs::File::create(path)?);
/// reactor.listen_tcp("127.0.0.1:0", log.around(|_| Echo))?;
/// // and then: tcpdump -r traffic.pcap -X, or Wireshark
/// # std::fs::remove_file(shown)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Each event is one write, on the loop's thread, so what is written to should not block: a file, or what
/// keeps it in memory. Of a `BufWriter` the last bytes are in the file when the log is dropped, with its
/// connections. When a write fails, or panics, that is logged once as an error and the log ends; the
/// connections go on. It ends also when it has reached its [`limit`](Self::limit).
///
/// What a log has is what was received, and what was written in a turn and handed on at its end: how much of
/// that the peer has taken is not in it.
#[derive(Clone)]
pub struct TrafficLog(Rc<Inner>);

struct Inner {
    reactor: WeakReactor,
    began: Instant,
    format: Format,
    /// Out while it is written to, and gone when the log has ended.
    output: RefCell<Option<Output>>,
    limit: Cell<u64>,
    written: Cell<u64>,
    /// How many connections it has had.
    flows: Cell<u32>,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Hexdump,
    Pcap,
}

enum Output {
    Write(Contained<Box<dyn Write>>),
    /// The program's log.
    Log,
}

impl TrafficLog {
    /// A text: each event is a line with the seconds since the log was made and the connection's number, and
    /// bytes follow as `hexdump -C` shows them, with their offset in what this side has received or sent.
    ///
    /// ```text
    /// 0.000214 #3 opened with 127.0.0.1:51442, here 127.0.0.1:1400
    /// 0.000214 #3 received 7 bytes
    /// 00000000  68 65 6c 6c 6f 0d 0a                              |hello..|
    /// ```
    pub fn hexdump(reactor: &Reactor, to: impl Write + 'static) -> Self {
        let output = Output::Write(Contained::new(Box::new(to)));
        Self::new(reactor, Format::Hexdump, output)
    }

    /// As [`hexdump`](Self::hexdump), to the program's log, at the level `debug` with the target
    /// `reactor::traffic`.
    pub fn to_log(reactor: &Reactor) -> Self {
        Self::new(reactor, Format::Hexdump, Output::Log)
    }

    /// A file for tcpdump, Wireshark and others, in the classic format of libpcap: packets of TCP over IP,
    /// as they might have been on the wire, with sequence numbers and checksums. It begins with the
    /// 24 bytes of a header, so a file is not continued by a second log.
    ///
    /// The side with the higher port is taken for the one that has connected. A connection without IP
    /// addresses is shown between two ports of 127.0.0.1. Times are of the wall's clock.
    pub fn pcap(reactor: &Reactor, to: impl Write + 'static) -> Self {
        let output = Output::Write(Contained::new(Box::new(to)));
        let log = Self::new(reactor, Format::Pcap, output);
        log.0.write(&pcap::HEADER);
        log
    }

    fn new(reactor: &Reactor, format: Format, output: Output) -> Self {
        Self(Rc::new(Inner {
            reactor: reactor.downgrade(),
            began: reactor.now(),
            format,
            output: RefCell::new(Some(output)),
            limit: Cell::new(DEFAULT_LIMIT),
            written: Cell::new(0),
            flows: Cell::new(0),
        }))
    }

    /// Ends the log, and drops what it writes to, before it would have more than this many bytes: by default
    /// 100 MiB. An event is in it as a whole or not at all.
    #[must_use]
    pub fn limit(self, bytes: u64) -> Self {
        self.0.limit.set(bytes);
        self
    }

    /// A factory whose connections are logged, with protocols of `factory`. What lies below the log, TLS
    /// perhaps, is given by factories around this one; see the [example](crate::policies).
    pub fn around<F: Factory>(&self, factory: F) -> LoggedFactory<F> {
        LoggedFactory {
            factory,
            log: self.clone(),
        }
    }
}

impl Inner {
    fn note(&self, flow: &Flow, what: &Happening<'_>) {
        let has_ended = self.output.borrow().is_none();
        let Some(reactor) = self.reactor.upgrade().filter(|_| !has_ended) else {
            return;
        };
        let bytes = match self.format {
            Format::Hexdump => {
                let since = reactor.now().saturating_duration_since(self.began);
                hexdump::text(since, flow, what).into_bytes()
            }
            Format::Pcap => {
                let time = reactor.system_time().duration_since(UNIX_EPOCH);
                pcap::packets(time.unwrap_or_default(), flow, what)
            }
        };
        flow.count(what);
        self.write(&bytes);
    }

    fn write(&self, bytes: &[u8]) {
        // Out of the cell: what is written to may be anything, and log again.
        let Some(mut output) = self.output.take() else {
            return;
        };
        let written = self.written.get() + bytes.len() as u64;
        if written > self.limit.get() {
            let limit = self.limit.get();
            return log::warn!("a traffic log ends, because it may have {limit} bytes");
        }
        let result = match &mut output {
            Output::Log => {
                let text = String::from_utf8_lossy(bytes);
                log::debug!(target: "reactor::traffic", "{}", text.trim_end());
                Ok(())
            }
            Output::Write(to) => contain(|| to.write_all(bytes))
                .unwrap_or_else(|panicked| Err(io::Error::other(panicked))),
        };
        match result {
            Ok(()) => {
                self.written.set(written);
                self.output.replace(Some(output));
            }
            Err(error) => report::error(
                module_path!(),
                format_args!("a traffic log ends, because it cannot be written: {error}"),
            ),
        }
    }
}

/// A factory whose connections are logged: [`TrafficLog::around`].
pub struct LoggedFactory<F> {
    factory: F,
    log: TrafficLog,
}

impl<F: Factory> Factory for LoggedFactory<F> {
    type Protocol = Accepted<Wrapped<Logged, ProtocolOf<F>>>;

    fn build_protocol(&mut self, address: &Address) -> Option<Self::Protocol> {
        let accepted = self.factory.build_protocol(address)?.into_accepted();
        let logged = Logged {
            log: self.log.clone(),
            flow: Rc::default(),
        };
        let layer = logged.clone();
        let accepted = accepted.map(|protocol| Wrapped::new(logged, protocol));
        Some(accepted.with_layer(layer))
    }

    fn limits(&self) -> Limits {
        self.factory.limits()
    }

    fn connection_failed(&mut self, reason: &Reason) {
        self.factory.connection_failed(reason);
    }
}

/// One connection of a [`TrafficLog`]: in front of its protocol and below it.
#[derive(Clone)]
pub struct Logged {
    log: TrafficLog,
    /// Set in `connection_made`, which comes before all bytes.
    flow: Rc<OnceCell<Flow>>,
}

impl Logged {
    fn note(&self, what: &Happening<'_>) {
        if let Some(flow) = self.flow.get() {
            self.log.0.note(flow, what);
        }
    }
}

impl<P: Protocol> ProtocolWrapper<P> for Logged {
    fn connection_made(&mut self, protocol: &mut P, transport: &Transport) {
        let flows = &self.log.0.flows;
        flows.set(flows.get().wrapping_add(1));
        let flow = Flow::new(transport, flows.get());
        self.log.0.note(&flow, &Happening::Opened);
        let _ = self.flow.set(flow); // it is called once
        protocol.connection_made(transport);
    }

    fn connection_lost(&mut self, protocol: &mut P, transport: &Transport, reason: &Reason) {
        self.note(&Happening::Lost(reason));
        protocol.connection_lost(transport, reason);
    }
}

impl Layer for Logged {
    fn receive(&mut self, data: &[u8], up: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Reason> {
        self.note(&Happening::Received(data));
        up.extend_from_slice(data);
        Ok(())
    }

    fn send(&mut self, data: &[u8], down: &mut Vec<u8>) -> Result<(), Reason> {
        self.note(&Happening::Sent(data));
        down.extend_from_slice(data);
        Ok(())
    }

    fn read_closed(&mut self) -> Result<(), Reason> {
        self.note(&Happening::PeerEnded);
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), Reason> {
        self.note(&Happening::Ended);
        Ok(())
    }
}

impl fmt::Debug for TrafficLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrafficLog")
            .field("format", &self.0.format)
            .field("written", &self.0.written.get())
            .field("has_ended", &self.0.output.borrow().is_none())
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for LoggedFactory<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggedFactory")
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logged")
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}
