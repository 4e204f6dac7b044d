//! A resource whose bodies are in the hands of the test.

use std::cell::RefCell;
use std::rc::Rc;

use reactor::Deferred;
use reactor::http::{
    Answer, Body, BodySink, BodyStream, Intake, Method, Request, Resource, Response, Site, Tree,
};
use reactor::testing::Simulation;

use crate::visitor::Visitor;

/// Lets a test hold both ends: the body that comes, and the one that goes.
#[derive(Clone, Default)]
pub(crate) struct Held {
    pub(crate) sinks: Rc<RefCell<Vec<BodySink>>>,
    pub(crate) streams: Rc<RefCell<Vec<BodyStream>>>,
    /// What the answer says that it is long.
    pub(crate) length: Option<u64>,
    /// Answer at once with so many bytes, and keep the stream.
    pub(crate) text: Option<usize>,
    /// Drop the stream, and never answer.
    pub(crate) drops_and_hangs: bool,
}

impl Resource for Held {
    fn methods(&self) -> &[Method] {
        &[Method::Get, Method::Post]
    }

    fn intake(&self, _: &Request) -> Intake {
        Intake::Stream
    }

    fn render(&self, mut request: Request) -> Answer {
        let stream = request.take_stream();
        if self.drops_and_hangs {
            drop(stream);
            let (resolver, deferred) = Deferred::<Response>::pending();
            std::mem::forget(resolver);
            return deferred.into();
        }
        self.streams.borrow_mut().extend(stream);
        if let Some(bytes) = self.text {
            return Response::text("x".repeat(bytes)).into();
        }
        let (sink, mut body) = Body::stream();
        if let Some(length) = self.length {
            body = body.with_length(length);
        }
        self.sinks.borrow_mut().push(sink);
        Response::text(body).into()
    }
}

impl Held {
    pub(crate) fn visitor(&self) -> Visitor {
        let simulation = Simulation::new();
        let root = Tree::new();
        root.put_child("held", self.clone());
        root.put_child("", |_: Request| Response::text("root"));
        let site = Site::new(&simulation.reactor(), root);
        Visitor::visit(simulation, site)
    }

    pub(crate) fn stream(&self) -> BodyStream {
        self.streams.borrow_mut().pop().expect("a body has begun")
    }

    pub(crate) fn sink(&self) -> BodySink {
        self.sinks.borrow_mut().pop().expect("a request has come")
    }
}
