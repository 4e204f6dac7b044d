//! hyper on tokio's current-thread runtime, as its guide's server: a task for each connection and a
//! function that matches on the path, for hyper has no router.
//!
//! `pipeline_flush` is on, which gathers the answers to pipelined requests. It is off by default.

use std::convert::Infallible;

use comparison::{Result, announce, system};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::routes::{HELLO, Route, users_body};

pub(super) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(system::listen()?)?;
        announce(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                // An error ends this connection only; the guide prints it.
                let _ = http1::Builder::new()
                    .pipeline_flush(true)
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .await;
            });
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/plaintext") => {
            page(Route::Plaintext, Bytes::from_static(HELLO.as_bytes()))
        }
        (&Method::GET, "/users/") => page(Route::Users, Bytes::from(users_body())),
        _ => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    })
}

fn page(route: Route, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let content_type = HeaderValue::from_static(route.content_type());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
