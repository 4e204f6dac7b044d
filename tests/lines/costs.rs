//! What lines cost: linear time, and no copy.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use reactor::framing::{LineProtocol, LineReceiver, LineTransport};
use reactor::testing::{Conversation, Simulation};
use reactor::{Limits, Protocol, Transport};

use crate::support::Lines;

#[test]
fn eighty_thousand_lines_take_linear_time_also_with_a_pause_after_each() {
    for pausing in [false, true] {
        let count = Rc::new(Cell::new(0));
        let counted = Rc::clone(&count);
        let simulation = Simulation::new();
        let reactor = simulation.reactor().downgrade();
        let receiver = LineReceiver::new(Count(move |transport: &Transport| {
            counted.set(counted.get() + 1);
            if pausing {
                transport.pause_reading();
                let transport = transport.clone();
                let reactor = reactor.upgrade().unwrap();
                reactor.call_soon(move || transport.resume_reading());
            }
        }));
        let conversation = Conversation::begin(&simulation, receiver, Limits::default());
        let began = Instant::now();
        conversation.say(&b"\n".repeat(80_000));
        assert_eq!(count.get(), 80_000);
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_long_line_that_comes_byte_by_byte_takes_linear_time() {
    let counted = Rc::new(Cell::new(0));
    let count = Rc::clone(&counted);
    let count = Count(move |_: &Transport| count.set(count.get() + 1));
    let mut receiver = LineReceiver::new(count).max_length(1 << 20);
    let anybody = Lines::doing(|_, _| {});
    let began = Instant::now();
    for _ in 0..1 << 20 {
        receiver.data_received(anybody.transport(), b"x");
    }
    assert_eq!(counted.get(), 0);
    receiver.data_received(anybody.transport(), b"\n");
    assert_eq!(counted.get(), 1);
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Calls a function for each line.
struct Count<F>(F);

impl<F: FnMut(&Transport) + 'static> LineProtocol for Count<F> {
    fn line_received(&mut self, transport: &LineTransport<'_>, _: &[u8]) {
        (self.0)(transport);
    }
}

/// Notes where in memory its lines are.
struct Where(Rc<RefCell<Vec<Range<*const u8>>>>);

impl LineProtocol for Where {
    fn line_received(&mut self, _: &LineTransport<'_>, line: &[u8]) {
        self.0.borrow_mut().push(line.as_ptr_range());
    }
}

#[test]
fn a_line_that_lies_whole_in_a_read_is_not_copied() {
    let found = Rc::new(RefCell::new(Vec::new()));
    let anybody = Lines::doing(|_, _| {});
    let mut receiver = LineReceiver::new(Where(Rc::clone(&found)));
    receiver.data_received(anybody.transport(), b"unfin");
    let read = b"ished\none\r\ntwo\nunfinished";
    receiver.data_received(anybody.transport(), read);
    let lies_in = |line: &Range<*const u8>| read.as_ptr_range().contains(&line.start);
    let lent: Vec<_> = found.borrow().iter().map(lies_in).collect();
    assert_eq!(lent, [false, true, true]);
}
