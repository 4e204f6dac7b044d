//! Bombs in protocols, layers, factories, observers and sites.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use reactor::deferred::Failure;
use reactor::http::{Body, Request, Response, Site};
use reactor::observe::Observer;
use reactor::{Accepted, Address, Connector, Factory};

use crate::{Armed, Echo, Stage, ask, each_goes_off_and_concerns_nobody_else};

#[test]
fn protocols_layers_and_factories() {
    each_goes_off_and_concerns_nobody_else(&[
        ("a protocol", |stage| {
            stage.connection(Armed::holding(stage.bomb())).reset();
        }),
        ("a layer", |stage| {
            let echo = stage.connection(Echo);
            echo.transport()
                .push_layer(Armed::holding(stage.bomb()), b"");
            echo.say(b"x");
            echo.reset();
        }),
        ("a layer that was not put in place", |stage| {
            let echo = stage.connection(Echo);
            echo.transport()
                .push_layer(Armed::holding(stage.bomb()), b"");
            echo.transport().abort_connection();
        }),
        ("the factory of a port that stops", |stage| {
            let bomb = stage.bomb();
            let factory = move |_: Address| {
                let _held = &bomb;
                Echo
            };
            let listening = stage.reactor().listen_tcp("10.0.0.9:9", factory);
            listening.expect("the port is free").stop_listening();
        }),
        ("the factory of an attempt that fails", |stage| {
            let bomb = stage.bomb();
            let factory = move |_: Address| {
                let _held = &bomb;
                Echo
            };
            stage.reactor().connect_tcp("10.0.0.9", 9, factory);
        }),
        ("the factory of an attempt that is cancelled", |stage| {
            let bomb = stage.bomb();
            let factory = move |_: Address| {
                let _held = &bomb;
                Echo
            };
            stage.reactor().connect_tcp("10.0.0.9", 9, factory).cancel();
        }),
    ]);
}

#[test]
fn observers_and_sites() {
    each_goes_off_and_concerns_nobody_else(&[
        ("an observer that is detached", |stage| {
            let observer: Rc<dyn Observer> = Rc::new(Armed::holding(stage.bomb()));
            stage.reactor().add_observer(Rc::clone(&observer));
            let reactor = stage.reactor();
            stage
                .reactor()
                .call_soon(move || reactor.remove_observer(&observer));
        }),
        ("the resource of a site", |stage| {
            let bomb = stage.bomb();
            let site = Site::new(&stage.reactor(), move |_: Request| {
                let _held = &bomb;
                Response::text("")
            });
            ask(stage, site).close();
        }),
        ("the chunks of a body that breaks off", |stage| {
            let site = site_of_endless_chunks(stage);
            ask(stage, site).reset();
        }),
    ]);
}

#[test]
fn what_a_factory_gives_a_connection() {
    each_goes_off_and_concerns_nobody_else(&[
        ("a permit", |stage| {
            let echo = Accepted::new(Echo).with_permit(stage.bomb());
            stage.connection(echo).reset();
        }),
        ("a layer that a connection begins with", |stage| {
            let echo = Accepted::new(Echo).with_layer(Armed::holding(stage.bomb()));
            stage.connection(echo).reset();
        }),
        ("a permit of a connection that is refused", |stage| {
            let bomb = Cell::new(Some(stage.bomb()));
            refuse(stage, move |_: Address| {
                Accepted::new(Echo).with_permit(bomb.take())
            });
        }),
        ("a layer of a connection that is refused", |stage| {
            let bomb = Cell::new(Some(stage.bomb()));
            refuse(stage, move |_: Address| {
                let bomb = bomb.take().expect("it is asked once");
                Accepted::new(Echo).with_layer(Armed::holding(bomb))
            });
        }),
        (
            "a protocol that is made for an attempt which was given up",
            |stage| {
                let bomb = Cell::new(Some(stage.bomb()));
                let connector = Rc::new(RefCell::new(None::<Connector>));
                let to_cancel = Rc::clone(&connector);
                let _server = stage.simulation().listen("10.0.0.9:9");
                let made = stage.reactor().connect_tcp("10.0.0.9", 9, move |_| {
                    if let Some(connector) = to_cancel.take() {
                        connector.cancel();
                    }
                    Armed::holding(bomb.take().expect("it is asked once"))
                });
                connector.replace(Some(made));
                stage.run();
            },
        ),
    ]);
}

/// Has a factory make something for a connection that another factory then refuses.
fn refuse(stage: &Stage, factory: impl Factory) {
    let listening = stage
        .reactor()
        .listen_tcp("10.0.0.9:9", Refuses(factory))
        .expect("the port is free");
    let client = stage.simulation().connect("10.0.0.9:9");
    stage.run();
    assert!(client.has_ended());
    listening.stop_listening();
}

/// Asks another factory, and refuses what it has made.
struct Refuses<F>(F);

impl<F: Factory> Factory for Refuses<F> {
    type Protocol = F::Protocol;

    fn build_protocol(&mut self, address: &Address) -> Option<F::Protocol> {
        assert!(self.0.build_protocol(address).is_some());
        None
    }
}

fn site_of_endless_chunks(stage: &Stage) -> Site {
    let bomb = stage.bomb();
    let chunks = std::iter::repeat_with(move || {
        let _held = &bomb;
        Ok::<_, Failure>(vec![b'x'; 10_000])
    });
    let chunks = Cell::new(Some(chunks));
    Site::new(&stage.reactor(), move |_: Request| {
        let chunks = chunks.take().expect("it is asked once");
        Response::text(Body::from_chunks(chunks))
    })
}
