//! A syslog receiver: prints what programs on the network log, of RFC 3164 and RFC 5424.
//!
//! ```text
//! $ cargo run --example syslog -- 127.0.0.1:5514
//! $ logger -n 127.0.0.1 -P 5514 -d -p daemon.warning "the disk is hot"        in another terminal
//! ```
//!
//! The one idea: a datagram is a message, whole, so there is nothing to put together. It comes from anybody, so
//! nothing in it is trusted: what is not visible is written out.

use std::io::Write;
use std::net::SocketAddr;

use reactor::datagram::{DatagramProtocol, DatagramTransport};
use reactor::{Reactor, visible};

/// What a receiver has to take, by RFC 5424, section 6.1, and more than senders use.
const LONGEST: usize = 8192;

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];
const SEVERITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

struct Syslog;

impl DatagramProtocol for Syslog {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        transport.set_max_packet_size(LONGEST);
    }

    fn datagram_received(&mut self, _: &DatagramTransport, data: &[u8], from: SocketAddr) {
        let text = String::from_utf8_lossy(data);
        let (priority, rest) = priority(&text).unwrap_or((13, &text)); // RFC 3164, section 4.3.3
        let (facility, severity) = (FACILITIES[priority / 8], SEVERITIES[priority % 8]);
        let message = structured(rest).unwrap_or_else(|| rest.trim_end().to_owned());
        let message = visible(&message);
        // Nobody may be reading what is printed; the receiver goes on all the same.
        let _ = writeln!(
            std::io::stdout(),
            "{} {facility}.{severity} {message}",
            from.ip()
        );
    }
}

/// The number in `<13>`, and what follows it.
fn priority(text: &str) -> Option<(usize, &str)> {
    let (number, rest) = text.strip_prefix('<')?.split_once('>')?;
    let number = number.parse().ok().filter(|number| *number < 192)?;
    Some((number, rest))
}

/// A message of RFC 5424, `1 TIME HOST APP PROCESS ID [DATA] TEXT`, as one of RFC 3164 is written.
fn structured(rest: &str) -> Option<String> {
    let mut fields = rest.strip_prefix("1 ")?.splitn(6, ' ');
    let mut field = || fields.next().filter(|field| !field.is_empty());
    let (time, host, app, process, _id) = (field()?, field()?, field()?, field()?, field()?);
    let text = after_data(field()?)?.trim_start_matches('\u{feff}');
    Some(match process {
        "-" => format!("{time} {host} {app}: {text}"),
        _ => format!("{time} {host} {app}[{process}]: {text}"),
    })
}

/// What follows the structured data: `-`, or `[name key="value"]` once or more.
fn after_data(mut rest: &str) -> Option<&str> {
    if let Some(text) = rest.strip_prefix('-') {
        return Some(text.trim_start());
    }
    while rest.starts_with('[') {
        let (mut quoted, mut escaped) = (false, false);
        let end = rest.find(|c| {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ => return c == ']' && !quoted,
            }
            false
        })?;
        rest = &rest[end + 1..];
    }
    Some(rest.trim_start())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    env_logger::init();
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:5514".to_owned());
    let reactor = Reactor::new()?;
    let socket = reactor.listen_udp(address, Syslog)?;
    let _ = writeln!(
        std::io::stdout(),
        "Listening at {}. Ctrl-C stops the receiver.",
        socket.local_addr()
    );
    reactor.run()?;
    Ok(())
}
