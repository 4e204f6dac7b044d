//! The events that a wait returns: for which source, of what, and when.

use super::datagram_end::DatagramId;
use super::end::{EndId, Owner};
use super::network::{Network, PortId};
use crate::driver::{EVENTS, Readiness, Ready};
use crate::engine::table::Token;

/// What can have an event that was not reported yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    End(EndId),
    Port(PortId),
    Datagrams(DatagramId),
}

impl Network {
    /// Notes an event for the owner of an end, if that is the reactor.
    pub(super) fn news(&mut self, id: EndId, news: Readiness) {
        let Some(end) = self.ends.get_mut(&id) else {
            return;
        };
        if !matches!(end.owner, Owner::Loop(_)) {
            return;
        }
        if end.news == Readiness::NONE {
            self.with_news.push(Source::End(id));
        }
        end.news.add(news);
    }

    pub(super) fn port_has_news(&mut self, id: PortId) {
        if let Some(port) = self.ports.get_mut(&id)
            && port.token.is_some()
            && !std::mem::replace(&mut port.news, true)
        {
            self.with_news.push(Source::Port(id));
        }
    }

    /// Reports the sources with news. A surprise reports one without, or leaves some for the next wait.
    pub(super) fn report(&mut self, ready: &mut Vec<Ready>) {
        let mut sources = std::mem::take(&mut self.with_news);
        if !sources.is_empty() && self.surprise() {
            // A kernel promises no order, so neither code nor test may need one.
            self.random.shuffle(&mut sources);
            let reported = 1 + self.random.below(sources.len() as u64) as usize;
            self.with_news = sources.split_off(reported);
        }
        if sources.len() > EVENTS {
            let late = sources.split_off(EVENTS);
            // In front: who waited longest is next, so that none starves.
            self.with_news.splice(0..0, late);
        }
        for source in sources {
            ready.extend(self.event_of(source));
        }
        if self.surprise() {
            let at = self.random.below(ready.len() as u64 + 1) as usize;
            if let Some(event) = self.event_without_cause() {
                ready.insert(at, event);
            }
        }
    }

    /// An event says what is new; on most systems also what was true before.
    fn event_of(&mut self, source: Source) -> Option<Ready> {
        let only_new = self.surprise();
        let (token, what) = match source {
            Source::Port(id) => {
                let port = self.ports.get_mut(&id)?;
                port.news = false;
                (port.token?, Readiness::READABLE)
            }
            Source::Datagrams(id) => {
                let end = self.datagrams.get_mut(&id)?;
                end.news = false;
                (end.token?, Readiness::READABLE)
            }
            Source::End(id) => {
                let end = self.ends.get_mut(&id)?;
                let news = std::mem::take(&mut end.news);
                let Owner::Loop(token) = end.owner else {
                    return None;
                };
                let level = if only_new {
                    Readiness::NONE
                } else {
                    end.level()
                };
                (token, news | level)
            }
        };
        Some(Ready { token, what })
    }

    /// Anything that is not a lie which the operating system would never tell: about a socket that
    /// is closed, or about bytes or room that are not there.
    fn event_without_cause(&mut self) -> Option<Ready> {
        let kinds = [Readiness::NONE, Readiness::READABLE, Readiness::WRITABLE];
        let what = kinds[self.random.below(3) as usize];
        let open = self.ends.values().filter_map(|end| match end.owner {
            Owner::Loop(token) => Some(token),
            Owner::Script { .. } | Owner::Backlog | Owner::Nobody => None,
        });
        let ports = self.ports.values().filter_map(|port| port.token);
        let datagrams = self.datagrams.values().filter_map(|end| end.token);
        // Those of closed sockets as well: an event may be on its way when its socket is closed.
        let tokens: Vec<Token> = open
            .chain(ports)
            .chain(datagrams)
            .chain(self.closed.iter().copied())
            .collect();
        let index = self.random.below(tokens.len() as u64) as usize;
        tokens.get(index).map(|&token| Ready { token, what })
    }

    /// Whether there is something that a wait would return at once.
    pub(super) fn has_news(&self) -> bool {
        !self.with_news.is_empty() || !self.signals.is_empty()
    }
}
