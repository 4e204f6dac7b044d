//! actix-web with one worker, as its own examples: handlers with their paths, and `HttpServer`.
//!
//! The worker and what accepts are a thread each, as always with actix; they share the processor.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{App, HttpResponse, HttpServer, get};
use comparison::{Result, announce, system};

use crate::routes::{HELLO, Route, users_body};

pub(super) fn run() -> Result<()> {
    let listener = system::listen()?;
    announce(listener.local_addr()?)?;
    Ok(serve(listener)?)
}

#[actix_web::main]
async fn serve(listener: std::net::TcpListener) -> std::io::Result<()> {
    HttpServer::new(|| App::new().service(plaintext).service(users))
        .workers(1)
        // A signal then ends it at once, as it does the others.
        .disable_signals()
        .listen(listener)?
        .run()
        .await
}

#[get("/plaintext")]
async fn plaintext() -> &'static str {
    HELLO
}

#[get("/users/")]
async fn users() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, Route::Users.content_type()))
        .body(users_body())
}
