//! The operating system as the raw server and the load generator use it: each function is one
//! system call, or a few that belong together, with errors as `io::Error` and nothing hidden behind
//! it.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

/// The length of every listener's queue; std's own is 128.
const BACKLOG: libc::c_int = 1024;

/// Turns the C convention, a negative result and `errno`, into a `Result`.
#[inline]
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

#[inline]
fn check_length(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

#[inline]
pub fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// A listener on a free port of 127.0.0.1. The raw, mio and tokio servers all start from this one.
///
/// `TCP_NODELAY` is set here because accepted sockets inherit it, so nobody pays a call for it.
pub fn listen() -> io::Result<TcpListener> {
    let socket = tcp_socket(libc::SOCK_NONBLOCK)?;
    set_option(&socket, libc::IPPROTO_TCP, libc::TCP_NODELAY)?;
    bind(&socket, Ipv4Addr::LOCALHOST)?;
    // SAFETY: the descriptor is open, and no memory is passed.
    check(unsafe { libc::listen(socket.as_raw_fd(), BACKLOG) })?;
    Ok(TcpListener::from(socket))
}

/// Connects, blocking, from a source address other than 127.0.0.1, for loads that would run out of
/// ports.
pub fn connect_from(source: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    let socket = tcp_socket(0)?;
    // Otherwise `bind` takes a port that no other connection from this address may use.
    set_option(&socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT)?;
    bind(&socket, source)?;
    let (address, length) = socket_address(Ipv4Addr::LOCALHOST, port);
    // SAFETY: the pointer is to an address of the length given, alive during the call.
    check(unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), length) })?;
    Ok(TcpStream::from(socket))
}

fn tcp_socket(flags: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let descriptor = check(unsafe {
        libc::socket(
            libc::AF_INET,
            libc::SOCK_STREAM | libc::SOCK_CLOEXEC | flags,
            0,
        )
    })?;
    // SAFETY: the descriptor is new and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn set_option(socket: &OwnedFd, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = mem::size_of_val(&on) as libc::socklen_t;
    // SAFETY: the pointer is to an integer of the length given, alive during the call.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            length,
        )
    })?;
    Ok(())
}

fn bind(socket: &OwnedFd, address: Ipv4Addr) -> io::Result<()> {
    let (address, length) = socket_address(address, 0);
    // SAFETY: the pointer is to an address of the length given, alive during the call.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })?;
    Ok(())
}

fn socket_address(address: Ipv4Addr, port: u16) -> (libc::sockaddr_in, libc::socklen_t) {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(address).to_be(),
        },
        sin_zero: [0; 8],
    };
    (
        address,
        mem::size_of::<libc::sockaddr_in>() as libc::socklen_t,
    )
}

/// Takes one waiting connection from the listener, non-blocking.
#[inline]
pub fn accept(listener: RawFd) -> io::Result<RawFd> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: null pointers say that the peer's address is not wanted.
    check(unsafe { libc::accept4(listener, ptr::null_mut(), ptr::null_mut(), flags) })
}

#[inline]
pub fn receive(socket: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the pointer and the length are those of a live, exclusive slice.
    check_length(unsafe { libc::recv(socket, buffer.as_mut_ptr().cast(), buffer.len(), 0) })
}

/// Takes the next datagram, and says where it comes from.
#[inline]
pub fn receive_from(socket: RawFd, buffer: &mut [u8]) -> io::Result<(usize, libc::sockaddr_in)> {
    // SAFETY: the structure is plain numbers, for which zero is a value.
    let mut from: libc::sockaddr_in = unsafe { mem::zeroed() };
    let mut length = mem::size_of_val(&from) as libc::socklen_t;
    // SAFETY: the pointers are to a live, exclusive slice and to an address of the length given.
    let received = check_length(unsafe {
        libc::recvfrom(
            socket,
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            0,
            (&raw mut from).cast(),
            &raw mut length,
        )
    })?;
    Ok((received, from))
}

/// Sends a datagram.
#[inline]
pub fn send_to(socket: RawFd, bytes: &[u8], to: &libc::sockaddr_in) -> io::Result<usize> {
    let length = mem::size_of_val(to) as libc::socklen_t;
    // SAFETY: the pointers are to a live slice and to a live address of the length given.
    check_length(unsafe {
        libc::sendto(
            socket,
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_NOSIGNAL,
            (&raw const *to).cast(),
            length,
        )
    })
}

/// Sends what the socket takes, which may be less than all.
#[inline]
pub fn send(socket: RawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the pointer and the length are those of a live slice.
    check_length(unsafe {
        libc::send(
            socket,
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_NOSIGNAL,
        )
    })
}

#[inline]
pub fn close(descriptor: RawFd) {
    // SAFETY: callers close a descriptor once and forget it. There is nothing to do about an error.
    unsafe { libc::close(descriptor) };
}

/// Everything that an edge can say, asked for once at registration and never again.
const BOTH_DIRECTIONS: libc::c_int =
    libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;

/// How many events one wait may bring.
const EVENTS: usize = 1024;

/// An epoll instance with room for the events of one wait.
pub struct Epoll {
    descriptor: OwnedFd,
    events: Vec<libc::epoll_event>,
}

/// One event: whose it is, and what the flags say.
#[derive(Clone, Copy)]
pub struct Event {
    pub token: usize,
    flags: u32,
}

impl Event {
    /// There is something to read: bytes, the end of file or an error.
    #[inline]
    pub fn is_readable(self) -> bool {
        self.flags & (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32
            != 0
    }

    /// The end of file or an error is waiting behind whatever can be read.
    #[inline]
    pub fn is_read_closed(self) -> bool {
        self.flags & (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0
    }
}

impl Epoll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no memory is passed.
        let descriptor = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        Ok(Self {
            // SAFETY: the descriptor is new and nobody else has it.
            descriptor: unsafe { OwnedFd::from_raw_fd(descriptor) },
            events: Vec::with_capacity(EVENTS),
        })
    }

    /// Registers both directions, edge-triggered. Closing the descriptor takes it out again.
    pub fn add(&self, descriptor: RawFd, token: usize) -> io::Result<()> {
        self.add_for(BOTH_DIRECTIONS, descriptor, token)
    }

    /// As [`add`](Self::add), for a socket of which nothing waits to be sent.
    pub fn add_readable(&self, descriptor: RawFd, token: usize) -> io::Result<()> {
        self.add_for(libc::EPOLLIN | libc::EPOLLET, descriptor, token)
    }

    fn add_for(&self, events: libc::c_int, descriptor: RawFd, token: usize) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: events as u32,
            u64: token as u64,
        };
        // SAFETY: the pointer is to a live event, which the kernel copies.
        check(unsafe {
            libc::epoll_ctl(
                self.descriptor.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                descriptor,
                &mut event,
            )
        })?;
        Ok(())
    }

    /// Sleeps until there are events, and says how many.
    #[inline]
    pub fn wait(&mut self) -> io::Result<usize> {
        loop {
            let events = self.events.as_mut_ptr();
            // SAFETY: the vector has room for EVENTS events.
            match check(unsafe {
                libc::epoll_wait(self.descriptor.as_raw_fd(), events, EVENTS as i32, -1)
            }) {
                Ok(count) => {
                    // SAFETY: the kernel has just written that many, at most EVENTS.
                    unsafe { self.events.set_len(count as usize) };
                    return Ok(count as usize);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// One of the events of the last wait.
    #[inline]
    pub fn event(&self, index: usize) -> Event {
        let event = self.events[index];
        Event {
            token: event.u64 as usize,
            flags: event.events,
        }
    }
}

/// The processor time that a process has used, user and system together, to the nanosecond.
pub fn processor_time(process: u32) -> io::Result<Duration> {
    let mut clock = 0;
    // SAFETY: the pointer is to a live clock id.
    let error = unsafe { libc::clock_getcpuclockid(process as libc::pid_t, &mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live timespec.
    check(unsafe { libc::clock_gettime(clock, &mut time) })?;
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// The processor time of this process and of all its children that have ended.
pub fn own_processor_time() -> io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for who in [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN] {
        // SAFETY: the structure is plain numbers, for which zero is a value.
        let mut usage: libc::rusage = unsafe { mem::zeroed() };
        // SAFETY: the pointer is to a live structure.
        check(unsafe { libc::getrusage(who, &mut usage) })?;
        for time in [usage.ru_utime, usage.ru_stime] {
            sum += Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
        }
    }
    Ok(sum)
}

/// How many files this process may have open.
pub fn open_file_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live structure.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    Ok(limit.rlim_cur)
}

/// The processors that this process may run on.
pub fn allowed_processors() -> io::Result<Vec<usize>> {
    // SAFETY: a set of processors is plain bits, for which zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a live set of the size given.
    check(unsafe { libc::sched_getaffinity(0, mem::size_of_val(&set), &mut set) })?;
    // SAFETY: the numbers are below the size of the set.
    Ok((0..libc::CPU_SETSIZE as usize)
        .filter(|&processor| unsafe { libc::CPU_ISSET(processor, &set) })
        .collect())
}

/// Keeps the calling process on one processor.
pub fn run_on(processor: usize) -> io::Result<()> {
    // SAFETY: a set of processors is plain bits, for which zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the number comes from `allowed_processors` and is below the size of the set.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: the pointer is to a live set of the size given.
    check(unsafe { libc::sched_setaffinity(0, mem::size_of_val(&set), &set) })?;
    Ok(())
}

/// Has the calling process killed when its parent dies, and after `limit` whatever happens.
///
/// Both survive `exec`, so they hold for any program that is started afterwards.
pub fn bound_lifetime(limit: Duration) -> io::Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
    // SAFETY: as above. The default action of the alarm ends the process.
    unsafe { libc::alarm(limit.as_secs() as libc::c_uint) };
    Ok(())
}

/// Has the calling process and what it becomes use small pages only, so that resident memory is
/// what was touched.
pub fn disable_huge_pages() -> io::Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) })?;
    Ok(())
}

/// Asks a process to end by a signal.
pub fn signal(process: u32, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::kill(process as libc::pid_t, signal) })?;
    Ok(())
}

pub fn make_fifo(path: &std::path::Path) -> io::Result<()> {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: the path is a live C string.
    check(unsafe { libc::mkfifo(path.as_ptr(), 0o600) })?;
    Ok(())
}
