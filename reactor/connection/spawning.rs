//! A factory that spawns a task for each connection.

use std::future::Future;
use std::rc::Rc;

use super::Connection;
use super::shared::{Inbox, Shared};
use crate::address::Address;
use crate::deferred::{Failure, TaskOutcome};
use crate::factory::Factory;
use crate::reactor::Reactor;
use crate::reason::Reason;

impl Reactor {
    /// A factory for ports, and for whatever else takes one: it calls `f` with each connection that is made,
    /// and spawns the future that this returns.
    ///
    /// The task ends as it will: with its future, which closes the connection by dropping it. It is not
    /// cancelled when the connection is lost, but what it awaits of the connection fails then. A failure that is
    /// the [`Reason`] of a connection, as `?` makes it behind a read, is logged for debugging; any other one is
    /// an unhandled failure. A panic ends the connection as well, with a reset.
    ///
    /// ```
    /// # use reactor::Reactor;
    /// let reactor = Reactor::new()?;
    /// let shout = reactor.spawning(|connection| async move {
    ///     let mut lines = connection.lines();
    ///     while let Some(line) = lines.next().await? {
    ///         lines.write_line(&line.to_ascii_uppercase()).await?;
    ///     }
    ///     Ok(())
    /// });
    /// let port = reactor.listen_tcp("127.0.0.1:0", shout)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawning<F, T>(&self, f: F) -> impl Factory + use<F, T>
    where
        F: Fn(Connection) -> T + 'static,
        T: Future + 'static,
        T::Output: TaskOutcome,
    {
        // A factory stays in the loop, so it must not keep the loop.
        let (reactor, f) = (self.downgrade(), Rc::new(f));
        move |_: Address| {
            let shared = Shared::new(reactor.clone());
            let (reactor, f) = (reactor.clone(), Rc::clone(&f));
            Inbox::new(&shared).beginning(move |shared| {
                // Made first, so that it is closed also when there is no loop to spawn on.
                let connection = Connection::new(shared);
                if let Some(reactor) = reactor.upgrade() {
                    let task = reactor.spawn(f(connection));
                    task.map(drop).add_errback(leave_to_debugging);
                }
            })
        }
    }
}

/// A peer may end its connection whenever it likes, which is no mistake of this program.
fn leave_to_debugging(failure: Failure) -> Result<(), Failure> {
    match failure.check::<Reason>() {
        Some(reason) => {
            log::debug!("the task of a connection has ended: {reason}");
            Ok(())
        }
        None => Err(failure),
    }
}
