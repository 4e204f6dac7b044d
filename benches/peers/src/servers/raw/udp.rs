//! Sends each datagram back at once. One call more a wait than there are datagrams: the one that finds none.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

use comparison::system::{self, Epoll, would_block};
use comparison::{READ_BUFFER, Result, announce};

pub(super) fn serve() -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    let mut epoll = Epoll::new()?;
    let descriptor = socket.as_raw_fd();
    epoll.add_readable(descriptor, 0)?;
    announce(socket.local_addr()?)?;
    let mut buffer = vec![0; READ_BUFFER];
    loop {
        epoll.wait()?;
        loop {
            match system::receive_from(descriptor, &mut buffer) {
                Ok((length, from)) => {
                    system::send_to(descriptor, &buffer[..length], &from)?;
                }
                Err(error) if would_block(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
}
