//! How many bytes a second connections receive and send: rates, and what shares them.
//!
//! - `bucket`: credit, and who waits for it
//! - `stream`: a socket that moves no more than there is credit for
//!
//! A throttle lies around the socket, below all layers. Without one there is nothing in its place.

mod bucket;
mod stream;

use std::fmt;
use std::rc::{Rc, Weak};

use self::bucket::{Bucket, PORTIONS};
use self::stream::ThrottledStream;
use crate::driver::Readiness;
use crate::engine::Engine;
use crate::report;
use crate::transport::Transport;

/// How many bytes a second may be received and sent, and how many at once. By default, as many as there are.
///
/// ```
/// use reactor::Rates;
///
/// let rates = Rates::default().sending(100_000).burst(20_000);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Rates {
    receiving: Option<u64>,
    sending: Option<u64>,
    burst: Option<u64>,
}

impl Rates {
    /// Receives at most this many bytes a second. The peer is held back by its own window, when the buffers
    /// of the operating system are full.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[track_caller]
    pub fn receiving(mut self, bytes: u64) -> Self {
        assert!(bytes > 0, "a rate of zero would receive nothing for ever");
        self.receiving = Some(bytes);
        self
    }

    /// Sends at most this many bytes a second.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[track_caller]
    pub fn sending(mut self, bytes: u64) -> Self {
        assert!(bytes > 0, "a rate of zero would send nothing for ever");
        self.sending = Some(bytes);
        self
    }

    /// How many bytes may be moved at once in each direction, at first and after a time in which none were.
    /// After such a time it is at most what the rate makes in 20 ms more, which is also the default.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[track_caller]
    pub fn burst(mut self, bytes: u64) -> Self {
        assert!(
            bytes > 0,
            "a burst of zero would never have room for a byte"
        );
        self.burst = Some(bytes);
        self
    }
}

/// A rate that connections share, in each direction: a token bucket. Made by
/// [`Reactor::throttle`](crate::Reactor::throttle); clones are the same.
///
/// A connection is under it by [`Accepted::with_throttle`](crate::Accepted::with_throttle) or
/// [`Transport::throttle`], and may be under several, of which the slowest counts.
/// [`policies::Throttling`](crate::policies::Throttling) does that for all connections of a factory.
///
/// Bytes are counted where they pass the socket, with what layers add. Those that share a throttle take turns,
/// a packet or more each. What is held back in one direction is as with a slow peer: what was written is unsent,
/// marks are crossed, senders of a group wait, and a close waits until it is sent; but a timeout does not count
/// this time against the peer.
///
/// ```
/// use reactor::{Accepted, Protocol, Rates, Reactor, Transport};
///
/// # struct Echo;
/// # impl Protocol for Echo { fn data_received(&mut self, _: &Transport, _: &[u8]) {} }
/// let reactor = Reactor::new()?;
/// let all = reactor.throttle(Rates::default().sending(1_000_000));
/// let factory = move |_| Accepted::new(Echo).with_throttle(&all);
/// reactor.listen_tcp("127.0.0.1:0", factory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Throttle {
    engine: Weak<Engine>,
    receiving: Option<Rc<Bucket>>,
    sending: Option<Rc<Bucket>>,
}

impl Throttle {
    pub(crate) fn new(engine: &Rc<Engine>, rates: &Rates) -> Self {
        let bucket = |what, rate: Option<u64>| {
            let rate = rate?;
            let burst = rates.burst.unwrap_or((rate / PORTIONS).max(1));
            Some(Bucket::new(engine, what, rate, burst))
        };
        Self {
            engine: Rc::downgrade(engine),
            receiving: bucket(Readiness::READABLE, rates.receiving),
            sending: bucket(Readiness::WRITABLE, rates.sending),
        }
    }
}

impl Transport {
    /// Puts the connection under a throttle of its reactor, too, from the next byte on and until it is lost.
    ///
    /// A throttle of another reactor is not used, which is logged as an error.
    pub fn throttle(&self, throttle: &Throttle) {
        let engine = throttle.engine.upgrade();
        if !engine.is_some_and(|engine| Rc::ptr_eq(engine.loop_side(), self.loop_side())) {
            let id = self.id();
            return report::error(
                module_path!(),
                format_args!("{id} cannot be under a throttle of another reactor"),
            );
        }
        let (receiving, sending) = (throttle.receiving.clone(), throttle.sending.clone());
        self.wrap_stream(|stream| {
            Box::new(ThrottledStream::new(
                stream,
                self.token(),
                receiving,
                sending,
            ))
        });
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("receiving", &self.receiving.is_some())
            .field("sending", &self.sending.is_some())
            .finish_non_exhaustive()
    }
}
