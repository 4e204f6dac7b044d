//! What a service logs.

use std::cell::RefCell;

use log::{Level, LevelFilter, Log, Metadata, Record};
use reactor::testing::Simulation;

use crate::{SECOND, SERVER, come_and_are_closed, comes, service};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Lines;

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Info
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{} {}", record.level(), record.args());
            LINES.with(|lines| lines.borrow_mut().push(line));
        }
    }

    fn flush(&self) {}
}

#[test]
fn there_is_one_line_when_it_is_lost_and_one_when_it_is_back_however_often_it_tries() {
    // Others of this program may have been faster, with the same one.
    let _ = log::set_logger(&Lines);
    log::set_max_level(LevelFilter::Debug);
    let simulation = Simulation::new();
    let server = simulation.listen(SERVER);
    let service = service(&simulation);
    drop(service.start());
    let peer = comes(&simulation, &server, SECOND);
    simulation.run_for(100 * SECOND);
    assert_eq!(LINES.take(), [""; 0]);
    drop(server);
    peer.close();
    simulation.run_for(3600 * SECOND);
    let name = "tcp:10.0.0.1:80:timeout=5";
    let lost = format!("WARN {name}: the peer closed the connection; connecting again");
    assert_eq!(LINES.take(), [lost]);
    // It accepts, and closes at once, for an hour, and lasts at last.
    let server = simulation.listen(SERVER);
    assert!(come_and_are_closed(&simulation, &server, 3600 * SECOND) > 50);
    let peer = comes(&simulation, &server, 100 * SECOND);
    simulation.run_for(100 * SECOND);
    let lines = LINES.take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with(&format!("INFO {name}: connected, after 36")),
        "{lines:?}"
    );
    peer.reset();
    simulation.run_for(SECOND);
    let lines = LINES.take();
    assert!(
        lines[0].starts_with("WARN") && lines.len() <= 2,
        "another outage: {lines:?}"
    );
}
