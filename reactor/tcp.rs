//! TCP sockets of the operating system.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use mio::Registry;
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::address::Address;
use crate::driver::mio::register;
use crate::driver::{Listener, Stream};
use crate::table::Token;

/// Whether an accepted socket has the options of its listener, so that they need not be set on each.
const ACCEPTED_SOCKETS_INHERIT: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Whether a port may be taken again while connections of its last owner are still fading away. On
/// Windows the option would allow to take it from an owner that is alive.
const REUSES_ADDRESSES: bool = cfg!(unix);

/// How many connections may wait to be accepted, where the kernel is not told to keep fewer. The
/// standard library asks for 128; a client that finds them taken asks again after a second.
const BACKLOG: i32 = 4096;

pub(crate) struct MioStream(TcpStream);

impl MioStream {
    pub(crate) fn connect(
        address: SocketAddr,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        // One flush a turn gathers what belongs together; the kernel need not wait for more.
        stream.set_nodelay(true)?;
        register(registry, &mut stream, token)?;
        Ok(Self(stream))
    }
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
    registry: Rc<Registry>,
}

impl MioListener {
    pub(crate) fn bind(
        address: SocketAddr,
        registry: Rc<Registry>,
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
        socket.bind(&address.into())?;
        socket.set_tcp_nodelay(true)?;
        socket.listen(BACKLOG)?;
        let mut listener = TcpListener::from_std(socket.into());
        register(&registry, &mut listener, token)?;
        Ok(Self { listener, registry })
    }
}

impl Listener for MioListener {
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, Address)> {
        let (mut stream, address) = self.listener.accept()?;
        if !ACCEPTED_SOCKETS_INHERIT {
            stream.set_nodelay(true)?;
        }
        register(&self.registry, &mut stream, token)?;
        Ok((Box::new(MioStream(stream)), address.into()))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.listener.local_addr().map(Address::from)
    }
}
