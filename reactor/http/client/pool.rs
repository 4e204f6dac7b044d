//! The connections of an agent: which are idle, and who waits for one.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::rc::Rc;

use crate::address::Address;
use crate::connecting::Connector;
use crate::deferred::Failure;
use crate::handle::Handle;
use crate::http::client::agent::AgentLimits;
use crate::http::client::channel::ClientChannel;
use crate::http::client::error::RequestError;
use crate::http::client::job::{Handover, Job, Progress};
use crate::http::client::secure::Secure;
use crate::http::client::url::Origin;
use crate::limits::Limits;
use crate::protocol::Factory;
use crate::reactor::{Reactor, WeakReactor};
use crate::reason::Reason;
use crate::transport::Transport;

/// The connections of one agent.
pub(crate) struct Pool {
    pub(crate) reactor: WeakReactor,
    pub(crate) limits: AgentLimits,
    /// How `https` is spoken.
    pub(crate) secure: Secure,
    hosts: RefCell<HashMap<Origin, Host>>,
}

/// The connections to one origin.
#[derive(Default)]
struct Host {
    /// Those that wait for a request, the one that was used last at the end.
    idle: Vec<Transport>,
    /// How many there are, or are about to be.
    open: usize,
    waiting: VecDeque<Job>,
}

impl Pool {
    pub(crate) fn new(reactor: &Reactor, limits: AgentLimits) -> Rc<Self> {
        Rc::new(Self {
            reactor: reactor.downgrade(),
            limits,
            secure: Secure::default(),
            hosts: RefCell::default(),
        })
    }

    /// Sends a request on a connection that is idle, or on a new one, or puts it in line.
    pub(crate) fn submit(self: &Rc<Self>, job: Job) {
        if job.resolver.is_cancelled() {
            return;
        }
        let origin = job.request.url.origin();
        if !job.wants_new_connection
            && let Some(transport) = self.idle_connection(&origin)
        {
            return self.send(job, &transport);
        }
        let mut hosts = self.hosts.borrow_mut();
        let host = hosts.entry(origin.clone()).or_default();
        if host.open >= self.limits.connections_per_host.max(1) {
            // One that is idle would keep this one out: it is not good enough for it.
            if let Some(stale) = host.idle.pop() {
                stale.lose_connection();
            }
            return host.waiting.push_back(job);
        }
        host.open += 1;
        drop(hosts);
        self.connect(job, origin);
    }

    fn idle_connection(&self, origin: &Origin) -> Option<Transport> {
        let mut hosts = self.hosts.borrow_mut();
        let host = hosts.get_mut(origin)?;
        while let Some(transport) = host.idle.pop() {
            if transport.is_open() {
                return Some(transport);
            }
        }
        None
    }

    fn send(self: &Rc<Self>, job: Job, transport: &Transport) {
        job.progress.replace(Progress::Sent(transport.clone()));
        let handover = Handover::new(job, Rc::downgrade(self));
        let handle: Handle<ClientChannel> = transport.handle();
        handle.call(move |channel, transport| {
            if let Some(job) = handover.accept() {
                channel.begin(transport, job);
            }
        });
    }

    fn connect(self: &Rc<Self>, job: Job, origin: Origin) {
        let connector = match self.connector(&origin) {
            Ok(connector) => connector,
            Err(reason) => {
                self.connection_lost(&origin, None);
                return job.fail(RequestError::NotConnected(reason));
            }
        };
        job.progress
            .replace(Progress::Connecting(connector.clone()));
        let pool = Rc::downgrade(self);
        let connected = connector.connected();
        let _ = connected.add_both(move |result| {
            let Some(pool) = pool.upgrade() else {
                // The agent is gone: nobody sends what it was asked for.
                return job.fail(RequestError::NotConnected(Reason::Cancelled));
            };
            match result {
                Ok(transport) => pool.send(job, &transport),
                Err(failure) => {
                    pool.connection_lost(&origin, None);
                    job.fail(RequestError::NotConnected(reason_of(&failure)));
                }
            }
        });
    }

    /// Begins to connect.
    fn connector(self: &Rc<Self>, origin: &Origin) -> Result<Connector, Reason> {
        let reactor = self.reactor.upgrade().ok_or(Reason::Shutdown)?;
        let (pool, at) = (Rc::downgrade(self), origin.clone());
        let factory = move |_: &Address| ClientChannel::new(pool.clone(), at.clone());
        let limits = Limits {
            connect: self.limits.connect,
            ..Limits::default()
        };
        let factory = factory.with_limits(limits);
        if origin.secure {
            return self.secure.connect(&reactor, origin, factory);
        }
        Ok(reactor.connect_tcp(origin.name(), origin.port, factory))
    }

    /// A connection has finished an answer. Returns whether it is used again.
    pub(crate) fn connection_is_idle(self: &Rc<Self>, origin: &Origin, transport: &Transport) {
        let mut hosts = self.hosts.borrow_mut();
        let host = hosts.entry(origin.clone()).or_default();
        host.waiting.retain(|job| !job.resolver.is_cancelled());
        if let Some(job) = host.waiting.pop_front() {
            drop(hosts);
            return self.send(job, transport);
        }
        if host.idle.len() >= self.limits.idle_per_host {
            return transport.lose_connection();
        }
        host.idle.push(transport.clone());
        transport.set_timeout(Some(self.limits.idle));
    }

    /// A connection is over, or did not come about. Whoever waits may have another one.
    pub(crate) fn connection_lost(self: &Rc<Self>, origin: &Origin, transport: Option<&Transport>) {
        let mut hosts = self.hosts.borrow_mut();
        let Some(host) = hosts.get_mut(origin) else {
            return;
        };
        host.open = host.open.saturating_sub(1);
        host.idle.retain(|idle| Some(idle) != transport);
        host.waiting.retain(|job| !job.resolver.is_cancelled());
        let next = host.waiting.pop_front();
        if next.is_none() && host.open == 0 {
            hosts.remove(origin);
        }
        drop(hosts);
        if let Some(next) = next {
            self.submit(next);
        }
    }

    /// How many connections there are, or are about to be.
    pub(crate) fn open(&self) -> usize {
        self.hosts.borrow().values().map(|host| host.open).sum()
    }
}

impl Drop for Pool {
    /// Nobody will use the idle connections again.
    fn drop(&mut self) {
        for host in self.hosts.get_mut().values() {
            host.idle.iter().for_each(Transport::lose_connection);
        }
    }
}

fn reason_of(failure: &Failure) -> Reason {
    let reason = failure.check::<Reason>().cloned();
    reason.unwrap_or_else(|| Reason::Error(Rc::new(io::Error::other(failure.to_string()))))
}
