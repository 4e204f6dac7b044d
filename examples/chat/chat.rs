//! The room: who is here, and what becomes of what they say.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use reactor::framing::{LineProtocol, LineReceiver, LineTransport};
use reactor::{Factory, Group, Limits, Reason};

use crate::visible::visible;

/// Somebody who lost their power or network says no goodbye, and is gone after this time.
const VANISHED: Duration = Duration::from_secs(120);

/// What all connections share.
pub(crate) struct Room {
    /// What everybody is welcomed with. It ends in CRLF.
    pub(crate) banner: RefCell<String>,
    pub(crate) everybody: Group,
}

impl Room {
    pub(crate) fn new(banner: &str) -> Rc<Self> {
        let room = Rc::new(Self {
            banner: RefCell::default(),
            everybody: Group::new(),
        });
        room.set_banner(banner);
        room
    }

    /// Welcomes everybody who comes from now on with these lines, as they may be shown on somebody
    /// else's terminal.
    pub(crate) fn set_banner(&self, lines: &str) {
        let mut banner = String::new();
        for line in lines.lines() {
            let shown = visible(line.as_bytes(), b"");
            banner.push_str(String::from_utf8_lossy(&shown).trim_end());
            banner.push_str("\r\n");
        }
        if banner.is_empty() {
            banner.push_str("\r\n");
        }
        self.banner.replace(banner);
    }
}

/// One connection of somebody who chats.
struct Chat {
    room: Rc<Room>,
}

impl LineProtocol for Chat {
    fn connection_made(&mut self, transport: &LineTransport<'_>) {
        log::info!("{} came", transport.peer_addr());
        transport.write(self.room.banner.borrow().as_bytes());
        self.room.everybody.add(transport);
    }

    fn line_received(&mut self, transport: &LineTransport<'_>, line: &[u8]) {
        // A terminal that sends CR LF wants to get it, too.
        let shown = visible(line, transport.line_ending());
        self.room.everybody.write_except(transport, &shown);
    }

    fn shutdown_requested(&mut self, transport: &LineTransport<'_>) {
        transport.write(b"Goodbye\r\n");
        transport.lose_connection();
    }

    fn connection_lost(&mut self, transport: &LineTransport<'_>, reason: &Reason) {
        log::info!("{} went: {reason}", transport.peer_addr());
    }
}

/// Makes the protocols of those who enter the room.
pub(crate) fn factory(room: &Rc<Room>) -> impl Factory {
    let room = Rc::clone(room);
    let factory = move |_| {
        LineReceiver::new(Chat {
            room: Rc::clone(&room),
        })
    };
    factory.with_limits(Limits::default().keepalive(VANISHED))
}
