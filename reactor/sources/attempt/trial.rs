//! The addresses of one attempt, each with a socket of its own, of which the first is taken that is
//! connected.
//!
//! ```text
//!   address 1  ├──────────────────────────────────────× given up
//!   address 2  │  250 ms ├───────× refused
//!   address 3  │         │       ├────────────────────▶ connected
//! ```

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::Attempt;
use crate::address::Address;
use crate::delayed_call::Due;
use crate::driver::{Ready, Stream};
use crate::engine::table::Token;
use crate::reactor::{Occupant, Reactor};
use crate::reason::Reason;

/// How long an address is tried before the next one is tried beside it: RFC 8305, section 5.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How many addresses are tried at the same time. When there are more, the oldest one makes room.
const AT_THE_SAME_TIME: usize = 8;

/// One address that is being tried. Its token becomes that of the connection.
pub(super) struct Trial {
    pub(super) token: Token,
    pub(super) stream: Box<dyn Stream>,
    /// What events have said, for the connection that it may become.
    pub(super) seen: Option<Ready>,
}

impl Reactor {
    /// Begins with the next address, or ends the attempt when there is nothing left to wait for.
    pub(super) fn try_next_address(&self, mut attempt: Box<Attempt>) {
        while let Some(address) = attempt.addresses.pop_front() {
            match self.begin_trial(&mut attempt, address) {
                Ok(()) => break,
                Err(error) => attempt.last_error = not_connected(error),
            }
        }
        if attempt.trials.is_empty() {
            return self.attempt_failed(attempt);
        }
        self.arm_attempt(&mut attempt);
        self.put(attempt.token, Occupant::Attempt(attempt));
    }

    fn begin_trial(&self, attempt: &mut Attempt, address: SocketAddr) -> io::Result<()> {
        let token = self.0.table.borrow_mut().reserve();
        let mut driver = self.0.driver.borrow_mut();
        let stream = driver
            .connect(&address.into(), attempt.limits.keepalive, token)
            .inspect_err(|_| {
                self.0.table.borrow_mut().remove(token);
            })?;
        self.put(token, Occupant::Trial(attempt.token));
        attempt.trials.push(Trial {
            token,
            stream,
            seen: None,
        });
        Ok(())
    }

    /// Waits for those that are being tried, until the next address is due. All addresses are to
    /// have their turn, so none waits longer than for its equal share of the time that is left.
    fn arm_attempt(&self, attempt: &mut Attempt) {
        let now = self.now();
        let left = attempt.deadline.saturating_duration_since(now);
        let share = left / (attempt.addresses.len() as u32 + 1);
        let is_crowded = attempt.trials.len() >= AT_THE_SAME_TIME;
        let wait = match attempt.addresses.is_empty() || is_crowded {
            true => share,
            false => share.min(ATTEMPT_DELAY),
        };
        let deadline = self.nanos(now + wait);
        let mut timers = self.0.timers.borrow_mut();
        match &mut attempt.timer {
            Some(timer) => {
                timers.reset(timer, deadline);
            }
            None => attempt.timer = Some(timers.insert(deadline, Due::Attempt(attempt.token))),
        }
    }

    /// The socket of one address, which is out of the table, is ready: established or refused.
    pub(crate) fn trial_ready(&self, attempt: Token, token: Token, event: Option<&Ready>) {
        self.put(token, Occupant::Trial(attempt));
        let Some(mut attempt) = self.take_attempt(attempt) else {
            return;
        };
        if let Some(event) = event {
            attempt.note_ready(*event);
        }
        let mut trials = attempt.trials.iter_mut();
        let Some(trial) = trials.find(|trial| trial.token == token) else {
            return self.put(attempt.token, Occupant::Attempt(attempt));
        };
        match trial.outcome() {
            Ok((peer, local)) => self.attempt_succeeded(attempt, token, peer, local),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                self.put(attempt.token, Occupant::Attempt(attempt));
            }
            Err(error) => {
                attempt.last_error = not_connected(error);
                self.end_trial(&mut attempt, token);
                self.try_next_address(attempt);
            }
        }
    }

    /// Closes the socket of one address.
    fn end_trial(&self, attempt: &mut Attempt, token: Token) {
        attempt.trials.retain(|trial| trial.token != token);
        self.0.table.borrow_mut().remove(token);
    }

    pub(super) fn end_trials(&self, attempt: &mut Attempt) {
        let mut table = self.0.table.borrow_mut();
        for trial in attempt.trials.drain(..) {
            table.remove(trial.token);
        }
    }

    /// It is the next address's turn, or everything has taken too long.
    pub(crate) fn attempt_timer(&self, token: Token) {
        let Some(mut attempt) = self.take_attempt(token) else {
            return;
        };
        attempt.timer = None;
        if self.0.requests.turn_time() >= attempt.deadline {
            attempt.last_error = Reason::ConnectTimeout;
            return self.attempt_failed(attempt);
        }
        if attempt.trials.len() >= AT_THE_SAME_TIME {
            attempt.last_error = Reason::ConnectTimeout;
            let oldest = attempt.trials[0].token;
            self.end_trial(&mut attempt, oldest);
        }
        self.try_next_address(attempt);
    }
}

impl Trial {
    /// The addresses of both ends, or why it is not connected.
    fn outcome(&mut self) -> io::Result<(Address, Address)> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        let peer = self.stream.peer_addr()?;
        let local = self.stream.local_addr()?;
        // A port of the range from which clients get theirs, at which nobody listens, may be given
        // to the very socket that connects to it: TCP's simultaneous open, with itself.
        if peer == local {
            // Closed in an orderly way, it would keep the port from whoever wants to listen.
            self.stream.reset_on_drop();
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok((peer, local))
    }
}

/// An error of a socket that was never connected.
fn not_connected(error: io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::TimedOut => Reason::ConnectTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Reason::Error(Rc::new(error))
        }
        _ => Reason::from(error),
    }
}
