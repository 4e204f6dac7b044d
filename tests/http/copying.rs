//! A resource that sends back what it receives, as it comes.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;

use reactor::http::{Answer, Body, Intake, Method, Request, Resource, Response};
use reactor::{Deferred, Failure, Reactor};

type Copy = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// Its clones are the same resource.
#[derive(Clone, Default)]
pub(crate) struct Copying(Rc<RefCell<Option<Copy>>>);

impl Copying {
    /// Begins to copy the body of the request that has come.
    pub(crate) fn begin(&self, reactor: &Reactor) -> Deferred<()> {
        reactor.spawn(self.0.take().expect("a request"))
    }
}

impl Resource for Copying {
    fn methods(&self) -> &[Method] {
        &[Method::Post]
    }

    fn intake(&self, _: &Request) -> Intake {
        Intake::Stream
    }

    fn render(&self, mut request: Request) -> Answer {
        let mut stream = request.take_stream().expect("a stream");
        let (sink, body) = Body::stream();
        self.0.replace(Some(Box::pin(async move {
            while let Some(chunk) = stream.next_chunk().await? {
                sink.write(&chunk);
                sink.ready().await?;
            }
            sink.finish();
            Ok(())
        })));
        Response::text(body).into()
    }
}
