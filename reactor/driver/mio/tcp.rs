//! TCP sockets of the operating system.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::registrations::Registrations;
use crate::address::Address;
use crate::driver::{ConnectOptions, ListenOptions, Listener, Stream};
use crate::engine::table::Token;

/// Whether an accepted socket has the options of its listener, so that they need not be set on each.
const ACCEPTED_SOCKETS_INHERIT: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Whether a port may be taken again while connections of its last owner are still fading away. On
/// Windows the option would allow to take it from an owner that is alive.
const REUSES_ADDRESSES: bool = cfg!(unix);

/// How many connections may wait to be accepted, where the kernel is not told to keep fewer. The
/// standard library asks for 128; a client that finds them taken asks again after a second.
pub(super) const BACKLOG: i32 = 4096;

/// How often a peer is asked whether it is still there, in the last half of the time that it has.
const PROBES: u32 = 4;

/// The system counts whole seconds, and refuses more of them than 15 bits can hold.
const LONGEST_KEEPALIVE: Duration = Duration::from_secs(32_767);

/// Lets the system ask a silent peer whether it is still there, so that one that does not answer is
/// gone after this time.
fn keep_alive(socket: SockRef<'_>, within: Option<Duration>) -> io::Result<()> {
    let Some(within) = within else { return Ok(()) };
    let within = within.min(LONGEST_KEEPALIVE);
    let second = Duration::from_secs(1);
    let between = (within / (2 * PROBES)).max(second);
    let silent = within.saturating_sub(between * PROBES).max(second);
    let probing = TcpKeepalive::new().with_time(silent).with_interval(between);
    socket.set_tcp_keepalive(&with_probes(probing))?;
    // While bytes are on their way the peer is not asked: they have to be acknowledged.
    give_up_after(&socket, within)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn with_probes(probing: TcpKeepalive) -> TcpKeepalive {
    probing.with_retries(PROBES)
}

/// Elsewhere the system has a number of its own.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn with_probes(probing: TcpKeepalive) -> TcpKeepalive {
    probing
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn give_up_after(socket: &SockRef<'_>, within: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(within))
}

/// Elsewhere the system has a time of its own.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn give_up_after(_: &SockRef<'_>, _: Duration) -> io::Result<()> {
    Ok(())
}

pub(crate) struct MioStream(TcpStream);

impl MioStream {
    pub(crate) fn connect(
        address: SocketAddr,
        options: &ConnectOptions,
        registrations: &Registrations,
        token: Token,
    ) -> io::Result<Self> {
        let stream = match options.bind_address {
            None => TcpStream::connect(address)?,
            Some(from) => connect_from(from, address)?,
        };
        Self::register(stream, options.keepalive, registrations, token)
    }

    pub(crate) fn register(
        mut stream: TcpStream,
        keepalive: Option<Duration>,
        registrations: &Registrations,
        token: Token,
    ) -> io::Result<Self> {
        // One flush a turn gathers what belongs together; the kernel need not wait for more.
        stream.set_nodelay(true)?;
        keep_alive(SockRef::from(&stream), keepalive)?;
        registrations.register(&mut stream, token)?;
        Ok(Self(stream))
    }
}

/// Begins to connect from an address of this machine, with a port that the system chooses.
fn connect_from(from: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    match socket.connect(&address.into()) {
        Err(error) if is_in_progress(&error) => {}
        result => result?,
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// EINPROGRESS, which has no `ErrorKind` in the oldest Rust that this compiles with.
const IN_PROGRESS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
    115
} else {
    36
};

/// Whether an attempt has begun, and its end will be an event.
fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(IN_PROGRESS)
}

/// What each accepted socket has from its listener on Linux, for no call of its own.
fn for_accepted(listener: SockRef<'_>, keepalive: Option<Duration>) -> io::Result<()> {
    listener.set_tcp_nodelay(true)?;
    keep_alive(listener, keepalive)
}

impl Stream for MioStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buffer)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }

    fn take_error(&mut self) -> io::Result<Option<io::Error>> {
        self.0.take_error()
    }

    fn peer_addr(&self) -> io::Result<Address> {
        self.0.peer_addr().map(Address::from)
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.0.local_addr().map(Address::from)
    }

    fn reset_on_drop(&mut self) {
        // It fails on a socket that is gone already, where there is nothing left to reset.
        let _ = SockRef::from(&self.0).set_linger(Some(Duration::ZERO));
    }
}

pub(crate) struct MioListener {
    listener: TcpListener,
    keepalive: Option<Duration>,
    registrations: Rc<Registrations>,
}

impl MioListener {
    pub(crate) fn bind(
        address: SocketAddr,
        options: &ListenOptions,
        registrations: Rc<Registrations>,
        token: Token,
    ) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            // An address is for its own family, on every system. Otherwise `::` would have clients
            // of IPv4 on some, and no port beside one at `0.0.0.0`.
            socket.set_only_v6(true)?;
        }
        if REUSES_ADDRESSES {
            socket.set_reuse_address(true)?;
        }
        if options.reuse_port {
            socket.set_reuse_port(true)?;
        }
        socket.bind(&address.into())?;
        for_accepted(SockRef::from(&socket), options.keepalive)?;
        socket.listen(options.backlog.unwrap_or(BACKLOG))?;
        let listener = TcpListener::from_std(socket.into());
        Self::register(listener, options.keepalive, registrations, token)
    }

    /// A socket that listens already, whoever has bound it. Clients that it has from before lack the options.
    pub(crate) fn adopt(
        listener: TcpListener,
        keepalive: Option<Duration>,
        registrations: Rc<Registrations>,
        token: Token,
    ) -> io::Result<Self> {
        for_accepted(SockRef::from(&listener), keepalive)?;
        Self::register(listener, keepalive, registrations, token)
    }

    /// Comes last: epoll reports a socket that does not listen yet as hung up.
    fn register(
        mut listener: TcpListener,
        keepalive: Option<Duration>,
        registrations: Rc<Registrations>,
        token: Token,
    ) -> io::Result<Self> {
        registrations.register(&mut listener, token)?;
        Ok(Self {
            listener,
            keepalive,
            registrations,
        })
    }
}

impl Listener for MioListener {
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, Address)> {
        let (mut stream, address) = self.listener.accept()?;
        if !ACCEPTED_SOCKETS_INHERIT {
            stream.set_nodelay(true)?;
            keep_alive(SockRef::from(&stream), self.keepalive)?;
        }
        self.registrations.register(&mut stream, token)?;
        Ok((Box::new(MioStream(stream)), address.into()))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.listener.local_addr().map(Address::from)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::Ipv4Addr;

    use mio::{Events, Poll};

    use super::*;

    /// What the options of a socket are: whether it asks at all, after how long, how often, how many
    /// times, and how long bytes may be on their way.
    fn probing(stream: &TcpStream) -> (bool, [u64; 4]) {
        let socket = SockRef::from(stream);
        let read = || {
            Ok::<_, io::Error>((
                socket.keepalive()?,
                [
                    socket.tcp_keepalive_time()?.as_secs(),
                    socket.tcp_keepalive_interval()?.as_secs(),
                    socket.tcp_keepalive_retries()?.into(),
                    socket.tcp_user_timeout()?.unwrap_or_default().as_secs(),
                ],
            ))
        };
        read().expect("the system knows them")
    }

    #[test]
    fn both_ends_have_the_keepalive_that_was_asked_for() {
        let mut poll = Poll::new().expect("a poll");
        let registry = poll.registry().try_clone().expect("a registry");
        let registrations = Rc::new(Registrations::new(registry));
        let seconds = |n| Some(Duration::from_secs(n));
        let cases = [
            (None, (false, None)),
            (seconds(120), (true, Some([60, 15, 4, 120]))),
            (seconds(1), (true, Some([1, 1, 4, 1]))),
            (Some(Duration::MAX), (true, Some([16_383, 4095, 4, 32_767]))),
        ];
        for (keepalive, expected) in cases {
            let any = (Ipv4Addr::LOCALHOST, 0).into();
            let token = Token::from_u64(1);
            let options = ListenOptions {
                keepalive,
                ..ListenOptions::default()
            };
            let listener = MioListener::bind(any, &options, Rc::clone(&registrations), token);
            let listener = listener.expect("a port");
            let at = listener.listener.local_addr().expect("an address");
            let options = ConnectOptions {
                keepalive,
                ..ConnectOptions::default()
            };
            let client = MioStream::connect(at, &options, &registrations, Token::from_u64(2));
            poll.poll(&mut Events::with_capacity(8), None)
                .expect("it waits");
            let (accepted, _) = listener.listener.accept().expect("a client");
            for stream in [&accepted, &client.expect("a client").0] {
                let (asks, times) = probing(stream);
                assert_eq!((asks, asks.then_some(times)), expected);
            }
        }
    }
}
