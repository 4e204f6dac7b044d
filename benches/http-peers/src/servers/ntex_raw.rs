//! ntex below its HTTP service: its sockets, its parser of requests and its cached date, but no
//! router, no response and no dispatcher. The bytes of an answer go straight into the connection's
//! buffer. Nobody writes applications like this; it is what ntex has to offer to a benchmark.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use comparison::{Result, announce, system};
use ntex::fn_service;
use ntex::http::{ConnectionType, DateService, Request, h1};
use ntex::io::{Io, RecvError};
use ntex::util::BytePages;

use super::answers::decimal;
use crate::routes::{HELLO, Route, users_body};

pub(super) fn run() -> Result<()> {
    let listener = system::listen()?;
    announce(listener.local_addr()?)?;
    Ok(serve(listener)?)
}

#[ntex::main]
async fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    ntex::server::build()
        .workers(1)
        // A signal then ends it at once, as it does the others.
        .disable_signals()
        .listen("pages", listener, async |_| {
            fn_service(async |io: Io| {
                let codec = h1::Codec::new(0, io.shared().get());
                let closes = false;
                Connection { io, codec, closes }.await;
                Ok::<_, io::Error>(())
            })
        })?
        .run()
        .await
}

struct Connection {
    io: Io,
    codec: h1::Codec,
    /// Whether the peer wanted the connection closed after the answer.
    closes: bool,
}

impl Future for Connection {
    type Output = ();

    /// Answers whatever is there; ends when the peer is gone or wanted the connection closed.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { io, codec, closes } = self.get_mut();
        loop {
            if *closes {
                // Sends what is buffered first. An error says that the peer was faster.
                return io.poll_shutdown(context).map(drop);
            }
            match ready!(io.poll_recv(codec, context)) {
                Ok((request, _)) => {
                    *closes = request.head().connection_type() == ConnectionType::Close;
                    if io
                        .with_write_buf(|output| answer(&request, output))
                        .is_err()
                    {
                        return Poll::Ready(());
                    }
                }
                Err(RecvError::WriteBackpressure) => {
                    if ready!(io.poll_flush(context, false)).is_err() {
                        return Poll::Ready(());
                    }
                }
                Err(_) => return Poll::Ready(()),
            }
        }
    }
}

fn answer(request: &Request, output: &mut BytePages) {
    match request.path() {
        "/plaintext" => page(Route::Plaintext, HELLO.as_bytes(), request, output),
        "/users/" => page(Route::Users, &users_body(), request, output),
        _ => output.extend_from_slice(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
    }
}

fn page(route: Route, body: &[u8], request: &Request, output: &mut BytePages) {
    let mut length = [0; 20];
    output.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-type: ");
    output.extend_from_slice(route.content_type().as_bytes());
    if request.head().connection_type() == ConnectionType::Close {
        output.extend_from_slice(b"\r\nconnection: close");
    }
    output.extend_from_slice(b"\r\ncontent-length: ");
    output.extend_from_slice(decimal(body.len() as u64, &mut length));
    output.extend_from_slice(b"\r\n");
    // The last field, with the empty line that ends the head.
    DateService.set_date_header2(output);
    output.extend_from_slice(body);
}
