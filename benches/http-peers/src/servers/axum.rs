//! axum on tokio's current-thread runtime, as its own examples: a router, a handler for each page
//! and `axum::serve`.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use comparison::{Result, announce, system};
use tokio::net::TcpListener;

use crate::routes::{HELLO, Route, users_body};

pub(super) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(system::listen()?)?;
        announce(listener.local_addr()?)?;
        let pages = Router::new()
            .route("/plaintext", get(plaintext))
            .route("/users/", get(users));
        Ok(axum::serve(listener, pages).await?)
    })
}

async fn plaintext() -> &'static str {
    HELLO
}

async fn users() -> impl IntoResponse {
    ([(CONTENT_TYPE, Route::Users.content_type())], users_body())
}
