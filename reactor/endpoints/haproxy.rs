//! `haproxy:…` before the endpoint of a server: its clients come through a proxy, which says who they are.
//!
//! ```text
//! haproxy:tcp:1400                             a proxy on this machine
//! haproxy:trust=10.0.0.0/8,192.168.1.7:tcp:1400    proxies in these networks
//! haproxy:timeout=1:unix:/run/chat.sock        each has one second for its header
//! ```

use std::fmt;
use std::time::Duration;

use crate::endpoints::description::{Escaped, segment};
use crate::endpoints::mistake::{Misplaced, Mistake};
use crate::network::Network;
use crate::proxy_protocol::ProxyProtocol;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Haproxy {
    trusted: Option<Vec<Network>>,
    timeout: Option<Duration>,
}

impl Haproxy {
    /// Reads the options in front of the server's own endpoint, and returns where that begins. `at` is where the
    /// options do.
    pub(super) fn parse(text: &str, mut at: usize) -> Result<(Self, usize), Misplaced> {
        let mut haproxy = Self::default();
        loop {
            let (option, end) = segment(&text[at..]);
            let is_twice = |is_set: bool, name| match is_set {
                true => Err((at, Mistake::Twice { name })),
                false => Ok(()),
            };
            if let Some(networks) = option.strip_prefix("trust=") {
                is_twice(haproxy.trusted.is_some(), "trust")?;
                let networks: Result<_, _> = networks.split(',').map(str::parse).collect();
                haproxy.trusted = Some(networks.map_err(|_| {
                    let expected = "a list of networks, as 10.0.0.0/8,192.168.1.7";
                    not_a("trust", expected, &option, at)
                })?);
            } else if let Some(seconds) = option.strip_prefix("timeout=") {
                is_twice(haproxy.timeout.is_some(), "timeout")?;
                let time = seconds.parse().ok();
                let time = time.and_then(|time| Duration::try_from_secs_f64(time).ok());
                let time = time.filter(|time| !time.is_zero());
                haproxy.timeout =
                    Some(time.ok_or_else(|| {
                        not_a("timeout", "a number of seconds above 0", &option, at)
                    })?);
            } else {
                return Ok((haproxy, at));
            }
            // What is missing behind the options is for the endpoint behind them to say.
            at = (at + end + 1).min(text.len());
        }
    }

    pub(super) fn protocol(&self) -> ProxyProtocol {
        let protocol = match &self.trusted {
            Some(networks) => ProxyProtocol::from_networks(networks.iter().cloned()),
            None => ProxyProtocol::default(),
        };
        match self.timeout {
            Some(timeout) => protocol.timeout(timeout),
            None => protocol,
        }
    }
}

fn not_a(name: &'static str, expected: &'static str, option: &str, at: usize) -> Misplaced {
    let value_at = name.len() + 1;
    let mistake = Mistake::NotA {
        name,
        expected,
        value: option[value_at..].to_owned(),
    };
    (at + value_at, mistake)
}

impl fmt::Display for Haproxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("haproxy:")?;
        if let Some(networks) = &self.trusted {
            let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
            write!(f, "trust={}:", Escaped(&networks.join(",")))?;
        }
        match self.timeout {
            Some(timeout) => write!(f, "timeout={}:", timeout.as_secs_f64()),
            None => Ok(()),
        }
    }
}
