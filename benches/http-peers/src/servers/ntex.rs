//! ntex with one worker on tokio's runtime, as its own examples: handlers with their paths, and
//! `HttpServer`.
//!
//! The worker and what accepts are a thread each, as always with ntex; they share the processor.

use comparison::{Result, announce, system};
use ntex::http::header::CONTENT_TYPE;
use ntex::web::{self, App, HttpResponse, HttpServer};

use crate::routes::{HELLO, Route, users_body};

pub(super) fn run() -> Result<()> {
    let listener = system::listen()?;
    announce(listener.local_addr()?)?;
    Ok(serve(listener)?)
}

#[ntex::main]
async fn serve(listener: std::net::TcpListener) -> std::io::Result<()> {
    HttpServer::new(async || App::new().service((plaintext, users)))
        .workers(1)
        // A signal then ends it at once, as it does the others.
        .disable_signals()
        .listen(listener)?
        .run()
        .await
}

#[web::get("/plaintext")]
async fn plaintext() -> &'static str {
    HELLO
}

#[web::get("/users/")]
async fn users() -> HttpResponse {
    HttpResponse::Ok()
        .header(CONTENT_TYPE, Route::Users.content_type())
        .body(users_body())
}
