//! The sockets that the reactor holds: an end of a connection, or a port.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::end::{EndId, Owner};
use super::network::{Network, PortId};
use crate::address::Address;
use crate::driver::{Listener, Stream};
use crate::engine::table::Token;

pub(super) struct SimulatedStream {
    pub(super) network: Rc<RefCell<Network>>,
    pub(super) end: EndId,
}

impl Stream for SimulatedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut network = self.network.borrow_mut();
        network.interrupt()?;
        network.read(self.end, buffer)
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut network = self.network.borrow_mut();
        network.interrupt()?;
        network.write(self.end, data)
    }

    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.network.borrow_mut().ends.get_mut(&self.end) {
            Some(end) => end.read(buffer, true),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.network.borrow_mut().shutdown_write(self.end)
    }

    fn take_error(&mut self) -> io::Result<Option<io::Error>> {
        let mut network = self.network.borrow_mut();
        let end = network.ends.get_mut(&self.end);
        Ok(end.and_then(|end| end.take_error().err()))
    }

    fn peer_addr(&self) -> io::Result<Address> {
        let network = self.network.borrow();
        match network.ends.get(&self.end) {
            Some(end) if end.established => Ok(network.names.name(end.remote)),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn local_addr(&self) -> io::Result<Address> {
        let network = self.network.borrow();
        match network.ends.get(&self.end) {
            Some(end) => Ok(network.names.name(end.local)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn reset_on_drop(&mut self) {
        if let Some(end) = self.network.borrow_mut().ends.get_mut(&self.end) {
            end.reset_on_close = true;
        }
    }
}

impl Drop for SimulatedStream {
    fn drop(&mut self) {
        self.network.borrow_mut().close(self.end);
    }
}

pub(super) struct SimulatedListener {
    pub(super) network: Rc<RefCell<Network>>,
    pub(super) port: PortId,
    pub(super) address: SocketAddr,
    pub(super) keepalive: Option<Duration>,
}

impl Listener for SimulatedListener {
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, Address)> {
        let mut network = self.network.borrow_mut();
        network.interrupt()?;
        let (end, peer) = network.accept(self.port, Owner::Loop(token))?;
        network.keep_alive(end, self.keepalive);
        let peer = network.names.name(peer);
        // Ended here: what is made below closes its end in its drop, which borrows the network.
        drop(network);
        let network = Rc::clone(&self.network);
        Ok((Box::new(SimulatedStream { network, end }), peer))
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(self.network.borrow().names.name(self.address))
    }
}

impl Drop for SimulatedListener {
    fn drop(&mut self) {
        self.network.borrow_mut().stop_listening(self.port);
    }
}
