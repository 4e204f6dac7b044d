//! Netstrings and length prefixes, as a message protocol on a connection sees them.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use reactor::framing::{
    Framing, LengthPrefix, MessageProtocol, MessageReceiver, MessageTooLong, MessageTransport,
    Netstrings, Parsed,
};
use reactor::testing::{Conversation, Simulation};
use reactor::{Limits, Protocol, Reason, Transport};

type Log = Rc<RefCell<Vec<String>>>;

/// Notes what comes, and does what a message says.
struct Script(Log);

impl Script {
    fn note(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }
}

impl MessageProtocol for Script {
    fn message_received(&mut self, transport: &MessageTransport<'_>, message: &[u8]) {
        self.note(message.escape_ascii().to_string());
        match message {
            b"pause" => transport.pause_reading(),
            b"lose" => transport.lose_connection(),
            b"echo" => assert_eq!(transport.send_message(message), Ok(true)),
            _ => {}
        }
    }

    fn read_closed(&mut self, transport: &MessageTransport<'_>) {
        self.note("read_closed");
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &MessageTransport<'_>, reason: &Reason) {
        self.note(format!("lost: {reason}"));
    }
}

struct Messages<F: Framing> {
    conversation: Conversation<MessageReceiver<F, Script>>,
    log: Log,
}

impl<F: Framing> Messages<F> {
    fn with(framing: F) -> Self {
        Self::in_simulation(&Simulation::new(), framing)
    }

    fn in_simulation(simulation: &Simulation, framing: F) -> Self {
        let log = Log::default();
        let receiver = MessageReceiver::new(framing, Script(Rc::clone(&log)));
        let conversation = Conversation::begin(simulation, receiver, Limits::default());
        Self { conversation, log }
    }

    fn resume(&self) {
        self.conversation.transport().resume_reading();
        self.conversation.simulation().run_until_idle();
    }

    #[track_caller]
    fn happened(&self, expected: &[&str]) {
        assert_eq!(self.log.take(), expected);
    }
}

const CLOSED: &str = "lost: the peer closed the connection";

/// Says `bytes` cut into two pieces at every place, and then one at a time.
#[track_caller]
fn always<F: Framing + Copy>(framing: F, bytes: &[u8], expected: &[&str]) {
    for cut in 0..=bytes.len() {
        let messages = Messages::with(framing);
        messages.conversation.say(&bytes[..cut]);
        messages.conversation.say(&bytes[cut..]);
        messages.happened(expected);
    }
    let messages = Messages::with(framing);
    for byte in bytes {
        messages.conversation.say(&[*byte]);
    }
    messages.happened(expected);
}

#[test]
fn netstrings_are_the_same_wherever_the_bytes_are_cut() {
    let bytes = b"0:,3:a,b,5:hello,3:abc,13:0123456789abc,5:hel";
    let expected = ["", "a,b", "hello", "abc", "0123456789abc"];
    always(Netstrings::new(), bytes, &expected);
}

#[test]
fn prefixed_messages_are_the_same_wherever_the_bytes_are_cut() {
    always(LengthPrefix::u8(), b"\0\x05hello\x01", &["", "hello"]);
    always(
        LengthPrefix::u16(),
        b"\0\0\0\x05hello\0\x01",
        &["", "hello"],
    );
    let bytes = b"\0\0\0\x02hi\0\0\0\0\0\0\0\x05hello\0\0";
    always(LengthPrefix::u32(), bytes, &["hi", "", "hello"]);
}

#[test]
fn behind_what_is_no_netstring_nothing_is_delivered() {
    let length = "lost: the peer broke the protocol: expected the length of a netstring";
    for wrong in ["00:,", "01:a,", " 5:hello,", "-1:,", "5x"] {
        let bytes = format!("2:ok,{wrong}2:no,");
        always(Netstrings::new(), bytes.as_bytes(), &["ok", length]);
    }
    let comma = "lost: the peer broke the protocol: expected a comma behind a netstring";
    always(Netstrings::new(), b"2:ok,5:hello;2:no,", &["ok", comma]);
    let long = "lost: the peer broke the protocol: expected netstrings of at most 8 bytes";
    let bytes = b"8:12345678,9:123456789,2:no,";
    always(Netstrings::new().max_length(8), bytes, &["12345678", long]);
}

#[test]
fn a_message_that_says_it_is_too_long_is_noticed_before_it_comes() {
    let messages = Messages::with(LengthPrefix::u32());
    messages.conversation.say(&100_000_u32.to_be_bytes());
    let long = "lost: the peer broke the protocol: expected messages of at most 99999 bytes";
    messages.happened(&[long]);
}

#[test]
fn the_longest_message_is_delivered_whole() {
    let messages = Messages::with(LengthPrefix::u32());
    messages.conversation.say(&99_999_u32.to_be_bytes());
    messages.conversation.say(&[b'x'; 99_999]);
    messages.happened(&[&"x".repeat(99_999)]);
}

#[test]
fn no_message_comes_behind_the_one_that_closed_the_connection() {
    let messages = Messages::with(Netstrings::new());
    messages.conversation.say(b"1:1,4:lose,1:2,");
    messages.conversation.say(b"1:3,nonsense");
    messages.conversation.shut_write();
    let lost = "lost: the connection was closed on this side";
    messages.happened(&["1", "lose", lost]);
}

#[test]
fn messages_behind_a_pause_wait_and_the_end_of_the_stream_behind_them() {
    let bytes = b"5:pause,1:a,5:pause,1:b,3:unf";
    for cut in 8..bytes.len() {
        let messages = Messages::with(Netstrings::new());
        messages.conversation.say(&bytes[..cut]);
        messages.conversation.say(&bytes[cut..]);
        messages.conversation.shut_write();
        messages.happened(&["pause"]);
        messages.resume();
        messages.happened(&["a", "pause"]);
        messages.resume();
        messages.happened(&["b", "read_closed", CLOSED]);
    }
}

#[test]
fn a_message_is_sent_in_its_framing() {
    let messages = Messages::with(Netstrings::new());
    messages.conversation.say(b"4:echo,");
    assert_eq!(messages.conversation.hear(), b"4:echo,");
    let messages = Messages::with(LengthPrefix::u16());
    messages.conversation.say(b"\0\x04echo");
    assert_eq!(messages.conversation.hear(), b"\0\x04echo");
}

#[test]
fn a_message_that_is_too_long_for_its_prefix_is_not_sent() {
    let messages = Messages::with(LengthPrefix::u8());
    let transport = messages.conversation.transport();
    let error = MessageTooLong {
        length: 256,
        max: 255,
    };
    assert_eq!(LengthPrefix::u8().send(transport, &[0; 256]), Err(error));
    let said = "a message of 256 bytes cannot be sent, at most 255 can";
    assert_eq!(error.to_string(), said);
    assert_eq!(LengthPrefix::u8().send(transport, &[0; 255]), Ok(true));
    messages.conversation.say(b"");
    assert_eq!(messages.conversation.hear().len(), 256);
}

#[test]
fn a_handle_reaches_the_protocol_inside_the_receiver() {
    let messages = Messages::with(Netstrings::new());
    let handle = messages.conversation.transport().handle::<Script>();
    handle.call(|script, transport: &Transport| {
        script.note("called");
        assert_eq!(Netstrings::new().send(transport, b"hi"), Ok(true));
    });
    messages.conversation.say(b"");
    messages.happened(&["called"]);
    assert_eq!(messages.conversation.hear(), b"2:hi,");
}

/// Sends a message of the length that it is told.
struct Sender;

impl MessageProtocol for Sender {
    fn message_received(&mut self, transport: &MessageTransport<'_>, message: &[u8]) {
        let length = std::str::from_utf8(message).map(str::parse);
        let length: usize = length.expect("a number").expect("a number");
        assert_eq!(transport.send_message(&vec![b'x'; length]), Ok(true));
    }
}

#[test]
fn a_message_is_one_write_of_any_size_with_what_is_around_it() {
    fn sends(framing: impl Framing, asked: &[u8], length: usize) {
        let limits = Limits::default().unsent(100);
        let receiver = MessageReceiver::new(framing, Sender);
        let sender = Conversation::begin(&Simulation::new(), receiver, limits);
        sender.say(asked);
        assert_eq!(sender.hear().len(), length);
        assert!(sender.reason().is_none());
    }
    for length in [99, 100, 101, 1_000_000] {
        let text = length.to_string();
        let digits = text.len();
        let netstring = format!("{digits}:{text},");
        let all = length + digits + 2;
        sends(Netstrings::new(), netstring.as_bytes(), all);
        let prefixed = format!("\0{}{text}", char::from(digits as u8));
        match length {
            1_000_000 => {
                let prefixed = format!("\0\0{prefixed}");
                sends(LengthPrefix::u32(), prefixed.as_bytes(), length + 4);
            }
            _ => sends(LengthPrefix::u16(), prefixed.as_bytes(), length + 2),
        }
    }
}

/// Messages of two bytes.
#[derive(Clone, Copy)]
struct Pairs;

impl Framing for Pairs {
    fn parse(&self, received: &[u8]) -> Result<Parsed, String> {
        match received {
            [b'!', _, ..] => Err("expected anything but !".to_owned()),
            [_, _, ..] => Ok(Parsed::Message {
                message: 0..2,
                end: 2,
            }),
            // A framing need not know how much it wants.
            _ => Ok(Parsed::Incomplete { wanted: 0 }),
        }
    }

    fn send(&self, transport: &Transport, message: &[u8]) -> Result<bool, MessageTooLong> {
        Ok(transport.write(message))
    }
}

#[test]
fn a_framing_of_ones_own_is_two_functions() {
    let lost = "lost: the peer broke the protocol: expected anything but !";
    always(Pairs, b"abcd!fgh", &["ab", "cd", lost]);
}

/// Says of all that it gets that it is this.
#[derive(Clone)]
struct Always(Parsed);

impl Framing for Always {
    fn parse(&self, _: &[u8]) -> Result<Parsed, String> {
        Ok(self.0.clone())
    }

    fn send(&self, _: &Transport, _: &[u8]) -> Result<bool, MessageTooLong> {
        Ok(true)
    }
}

#[test]
fn a_framing_that_takes_nothing_or_too_much_ends_the_connection_and_says_why() {
    let said = |message: Range<usize>, end| {
        let messages = Messages::with(Always(Parsed::Message { message, end }));
        messages.conversation.say(b"hello");
        messages.log.take().pop()
    };
    let why = |found| {
        Some(format!(
            "lost: the callback data_received panicked: messages::Always has found a message at {found}: \
             expected an end of 1 to 5, and the message before it"
        ))
    };
    assert_eq!(said(0..0, 0), why("0..0 that ends at 0"));
    assert_eq!(said(0..6, 6), why("0..6 that ends at 6"));
    assert_eq!(said(0..5, 4), why("0..5 that ends at 4"));
    #[expect(clippy::reversed_empty_ranges, reason = "it is the mistake")]
    let reversed = 3..2;
    assert_eq!(said(reversed, 5), why("3..2 that ends at 5"));
}

/// The defaults of every event.
struct Lazy;

impl MessageProtocol for Lazy {
    fn message_received(&mut self, transport: &MessageTransport<'_>, message: &[u8]) {
        transport.write(&vec![0; message.len() * 100_000]);
    }
}

#[test]
fn a_message_protocol_has_the_defaults_of_a_protocol() {
    let lazy = Conversation::with(MessageReceiver::new(Netstrings::new(), Lazy));
    lazy.peer().pause_reading();
    lazy.say(b"5:xxxxx,");
    assert!(!lazy.transport().is_reading(), "writing_paused pauses");
    lazy.peer().resume_reading();
    lazy.say(b"");
    assert!(lazy.transport().is_reading(), "writing_resumed resumes");
    lazy.transport().set_timeout(Some(Duration::from_secs(5)));
    lazy.run_for(Duration::from_secs(6));
    assert!(matches!(lazy.reason(), Some(Reason::IdleTimeout)));
}

#[test]
fn messages_take_linear_time_many_in_one_piece_or_one_in_many() {
    let began = Instant::now();
    let messages = Messages::with(Netstrings::new().max_length(1 << 20));
    messages.conversation.say(&b"0:,".repeat(80_000));
    assert_eq!(messages.log.take().len(), 80_000);
    let receiver = MessageReceiver::new(
        Netstrings::new().max_length(1 << 20),
        Script(Log::default()),
    );
    by_single_bytes(receiver, messages.conversation.transport());
    assert!(began.elapsed() < Duration::from_secs(5));
}

fn by_single_bytes(mut receiver: impl Protocol, transport: &Transport) {
    receiver.data_received(transport, b"1000000:");
    for _ in 0..1_000_000 {
        receiver.data_received(transport, b"x");
    }
    receiver.data_received(transport, b",");
}

/// Netstrings, and how often they were looked for.
struct Counted(Rc<Cell<usize>>);

impl Framing for Counted {
    fn parse(&self, received: &[u8]) -> Result<Parsed, String> {
        self.0.set(self.0.get() + 1);
        Netstrings::new().parse(received)
    }

    fn send(&self, transport: &Transport, message: &[u8]) -> Result<bool, MessageTooLong> {
        Netstrings::new().send(transport, message)
    }
}

#[test]
fn an_unfinished_message_is_looked_at_again_when_enough_of_it_has_come() {
    let looked = Rc::new(Cell::new(0));
    let messages = Messages::with(Counted(Rc::clone(&looked)));
    messages.conversation.say(b"50:");
    for _ in 0..50 {
        messages.conversation.say(b"x");
    }
    assert_eq!(looked.get(), 1);
    messages.conversation.say(b",");
    assert_eq!(looked.get(), 2);
    assert_eq!(messages.log.take().len(), 1);
}

/// Notes where in memory its messages are.
struct Where(Rc<RefCell<Vec<Range<*const u8>>>>);

impl MessageProtocol for Where {
    fn message_received(&mut self, _: &MessageTransport<'_>, message: &[u8]) {
        self.0.borrow_mut().push(message.as_ptr_range());
    }
}

#[test]
fn a_message_that_lies_whole_in_a_read_is_not_copied() {
    let found = Rc::new(RefCell::new(Vec::new()));
    let anybody = Messages::with(Netstrings::new());
    let mut receiver = MessageReceiver::new(Netstrings::new(), Where(Rc::clone(&found)));
    receiver.data_received(anybody.conversation.transport(), b"2:ab,3:c");
    let read = b"de,3:fgh,1:i,4:j";
    receiver.data_received(anybody.conversation.transport(), read);
    let lies_in = |message: &Range<*const u8>| read.as_ptr_range().contains(&message.start);
    let lent: Vec<_> = found.borrow().iter().map(lies_in).collect();
    assert_eq!(lent, [false, false, true, true]);
}

#[test]
fn in_a_chaotic_network_the_messages_are_the_same() {
    let bytes = b"0:,5:hello,12:hello, world,1:,,5:hello;";
    let lost = "lost: the peer broke the protocol: expected a comma behind a netstring";
    for seed in 0..100 {
        let simulation = Simulation::chaotic(seed);
        let messages = Messages::in_simulation(&simulation, Netstrings::new());
        messages.conversation.peer().write(bytes);
        simulation.run_for(Duration::from_secs(5));
        messages.happened(&["", "hello", "hello, world", ",", lost]);
    }
}
