//! The connections of an agent: which are idle, and which requests wait for one.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::deferred::Failure;
use crate::factory::Factory;
use crate::handle::Handle;
use crate::http::client::authority::Origin;
use crate::http::client::channel::ClientChannel;
use crate::http::client::error::RequestError;
use crate::http::client::job::{Job, Position};
use crate::http::client::limits::AgentLimits;
use crate::http::client::secure::Secure;
use crate::limits::Limits;
use crate::reason::Reason;
use crate::sources::attempt::Connector;
use crate::transport::Transport;
use crate::weak_reactor::WeakReactor;

/// A connection is given up this much earlier than its server says, because its end is on the way for
/// some time, and a request would cross with it.
const CLOSING_TAKES: Duration = Duration::from_secs(1);

/// The connections of one agent.
pub(crate) struct Pool {
    pub(crate) reactor: WeakReactor,
    pub(crate) limits: AgentLimits,
    /// How `https` is spoken.
    pub(crate) secure: Secure,
    hosts: RefCell<HashMap<Origin, Host>>,
    /// The number of the last job that had to wait.
    last_number: Cell<u64>,
}

/// The connections to one origin.
#[derive(Default)]
struct Host {
    /// Those that wait for a request, the one that was used last at the end.
    idle: VecDeque<Transport>,
    /// How many there are, or are about to be.
    open: usize,
    /// What waits for one, by its number.
    line: BTreeMap<u64, Job>,
}

impl Pool {
    pub(crate) fn new(reactor: WeakReactor, limits: AgentLimits) -> Rc<Self> {
        Self::trusting(reactor, limits, Secure::default())
    }

    /// An empty pool with other limits, which trusts whom this one trusts.
    pub(crate) fn with_limits(&self, limits: AgentLimits) -> Rc<Self> {
        Self::trusting(self.reactor.clone(), limits, self.secure.clone())
    }

    fn trusting(reactor: WeakReactor, limits: AgentLimits, secure: Secure) -> Rc<Self> {
        Rc::new(Self {
            reactor,
            limits,
            secure,
            hosts: RefCell::default(),
            last_number: Cell::new(0),
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
            return self.send_on_idle(job, &transport);
        }
        self.stand_in_line(job, &origin);
        self.serve_line(&origin);
    }

    fn idle_connection(&self, origin: &Origin) -> Option<Transport> {
        let mut hosts = self.hosts.borrow_mut();
        let host = hosts.get_mut(origin)?;
        // The last one used first: it is the least likely to be stale, and the others grow old and are
        // closed.
        while let Some(transport) = host.idle.pop_back() {
            if transport.is_open() {
                return Some(transport);
            }
        }
        None
    }

    fn stand_in_line(self: &Rc<Self>, job: Job, origin: &Origin) {
        let number = self.last_number.get() + 1;
        self.last_number.set(number);
        let (pool, at) = (Rc::downgrade(self), origin.clone());
        job.progress.set(Position::Before(Box::new(move || {
            if let Some(pool) = pool.upgrade() {
                pool.leave_line(&at, number);
            }
        })));
        let mut hosts = self.hosts.borrow_mut();
        let host = hosts.entry(origin.clone()).or_default();
        // One that is idle would keep this one out, for which it is not good enough.
        if host.open >= self.most_connections()
            && let Some(stale) = host.idle.pop_front()
        {
            stale.lose_connection();
        }
        host.line.insert(number, job);
    }

    /// Takes a job that was cancelled out of its line.
    fn leave_line(&self, origin: &Origin, number: u64) {
        let mut hosts = self.hosts.borrow_mut();
        let host = hosts.get_mut(origin);
        let job = host.and_then(|host| host.line.remove(&number));
        drop(hosts);
        drop(job);
    }

    /// Makes connections for those in line, as many as there may be.
    fn serve_line(self: &Rc<Self>, origin: &Origin) {
        while let Some(job) = self.next_to_connect(origin) {
            self.connect(job, origin);
        }
    }

    fn next_to_connect(&self, origin: &Origin) -> Option<Job> {
        let mut hosts = self.hosts.borrow_mut();
        let host = hosts.get_mut(origin)?;
        if host.open >= self.most_connections() {
            return None;
        }
        let next = host.line.pop_first();
        if next.is_some() {
            // Counted before it is made, so that a burst of requests does not make more than there may
            // be.
            host.open += 1;
        } else if host.open == 0 {
            hosts.remove(origin);
        }
        next.map(|(_, job)| job)
    }

    fn most_connections(&self) -> usize {
        self.limits.connections_per_host.max(1)
    }

    fn send(self: &Rc<Self>, job: Job, transport: &Transport) {
        let handle: Handle<ClientChannel> = transport.handle();
        handle.call(self.handover(job, transport));
    }

    /// Sends a request on a connection that was idle. The server may have closed it since anybody
    /// last looked, which is found out before a request goes out that is not sent twice.
    fn send_on_idle(self: &Rc<Self>, job: Job, transport: &Transport) {
        let handle: Handle<ClientChannel> = transport.handle();
        if job.request.is_repeatable() {
            handle.call(self.handover(job, transport));
        } else {
            handle.call_after_look(self.handover(job, transport));
        }
    }

    /// What begins a request on a connection. If that ends before, the job comes back.
    fn handover(
        self: &Rc<Self>,
        job: Job,
        transport: &Transport,
    ) -> impl FnOnce(&mut ClientChannel, &Transport) + use<> {
        job.progress
            .set(Position::Sent(ClientChannel::sent_on(transport)));
        let handover = Handover::new(job, Rc::downgrade(self));
        move |channel, transport| {
            if transport.is_open()
                && let Some(job) = handover.accept()
            {
                channel.begin(transport, job);
            }
        }
    }

    fn connect(self: &Rc<Self>, job: Job, origin: &Origin) {
        let connector = match self.connector(origin) {
            Ok(connector) => connector,
            Err(reason) => {
                self.one_less(origin);
                return job.fail(RequestError::NotConnected(reason));
            }
        };
        let connecting = connector.clone();
        job.progress.set(Position::Before(Box::new(move || {
            connecting.cancel();
        })));
        let (pool, origin) = (Rc::downgrade(self), origin.clone());
        let connected = connector.connected();
        let _ = connected.add_both(move |result| {
            let Some(pool) = pool.upgrade() else {
                // The agent is gone, and with it what it was asked for.
                return job.fail(RequestError::NotConnected(Reason::Cancelled));
            };
            match result {
                Ok(transport) => pool.send(job, &transport),
                Err(failure) => {
                    pool.connection_lost(&origin);
                    job.fail(RequestError::NotConnected(reason_of(&failure)));
                }
            }
        });
    }

    /// Begins to connect.
    fn connector(self: &Rc<Self>, origin: &Origin) -> Result<Connector, Reason> {
        let reactor = self.reactor.upgrade().ok_or(Reason::Shutdown)?;
        let (pool, at) = (Rc::downgrade(self), origin.clone());
        let factory = move |_| ClientChannel::new(pool.clone(), at.clone());
        let limits = Limits::default().connect(self.limits.connect);
        let factory = factory.with_limits(limits);
        if origin.secure {
            return self.secure.connect(&reactor, origin, factory);
        }
        Ok(reactor.connect_tcp(origin.name(), origin.port, factory))
    }

    /// Takes back a connection that has finished an answer. The first in line gets it. Otherwise it is
    /// kept for as long as the agent keeps one, and the server, if it has said how long that is.
    pub(crate) fn take_back(
        self: &Rc<Self>,
        origin: &Origin,
        transport: &Transport,
        server_keeps: Option<Duration>,
    ) {
        let mut hosts = self.hosts.borrow_mut();
        let host = hosts.entry(origin.clone()).or_default();
        if let Some((_, job)) = host.line.pop_first() {
            drop(hosts);
            return self.send(job, transport);
        }
        let stops = self.reactor.upgrade().is_none_or(|r| r.is_stopping());
        let server_keeps = server_keeps.map(|time| time.saturating_sub(CLOSING_TAKES));
        let time = server_keeps.map_or(self.limits.idle, |time| time.min(self.limits.idle));
        if stops || self.limits.idle_per_host == 0 || time.is_zero() {
            return transport.lose_connection();
        }
        // The one that was used last is the least likely to be closed by the server.
        host.idle.retain(Transport::is_open);
        if host.idle.len() >= self.limits.idle_per_host
            && let Some(oldest) = host.idle.pop_front()
        {
            oldest.lose_connection();
        }
        host.idle.push_back(transport.clone());
        transport.set_timeout(Some(time));
    }

    /// A connection is over, or did not come about. Whoever waits may have another one.
    pub(crate) fn connection_lost(self: &Rc<Self>, origin: &Origin) {
        self.one_less(origin);
        self.serve_line(origin);
    }

    fn one_less(&self, origin: &Origin) {
        if let Some(host) = self.hosts.borrow_mut().get_mut(origin) {
            host.open = host.open.saturating_sub(1);
            host.idle.retain(Transport::is_open);
        }
    }

    /// Fails the requests that still wait for a connection, because the loop ends.
    pub(crate) fn reactor_stops(&self) {
        let mut lines = Vec::new();
        for host in self.hosts.borrow_mut().values_mut() {
            lines.push(std::mem::take(&mut host.line));
        }
        for job in lines.into_iter().flat_map(BTreeMap::into_values) {
            job.fail(RequestError::NotConnected(Reason::Shutdown));
        }
    }

    /// How many connections there are, or are about to be.
    pub(crate) fn open(&self) -> usize {
        self.hosts.borrow().values().map(|host| host.open).sum()
    }
}

impl Drop for Pool {
    /// The idle connections will not be used again.
    fn drop(&mut self) {
        for host in self.hosts.get_mut().values() {
            host.idle.iter().for_each(Transport::lose_connection);
        }
    }
}

/// A job on its way to a connection. If that is lost by then, the job goes back to the pool.
struct Handover {
    job: Option<Job>,
    pool: Weak<Pool>,
}

impl Handover {
    fn new(job: Job, pool: Weak<Pool>) -> Self {
        Self {
            job: Some(job),
            pool,
        }
    }

    fn accept(mut self) -> Option<Job> {
        self.job.take()
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        if let (Some(mut job), Some(pool)) = (self.job.take(), self.pool.upgrade()) {
            job.wants_new_connection = true;
            pool.submit(job);
        }
    }
}

fn reason_of(failure: &Failure) -> Reason {
    let reason = failure.check::<Reason>().cloned();
    reason.unwrap_or_else(|| Reason::Error(Rc::new(io::Error::other(failure.to_string()))))
}
