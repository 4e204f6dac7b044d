//~ {own_error}` cannot be put behind a path
//~ {text}` cannot be put behind a path
//~ {nothing}` cannot be put behind a path
//~ it may be an `async fn` that takes a `Request` and returns a `Response` or a `Result<Response, Failure>`
//~ `?` makes a `Failure` of any error, and of a `Response` that is to be the answer
//~ is no answer to a request

use reactor::http::server::get;
use reactor::http::{Request, Response, Tree};

async fn own_error(_: Request) -> Result<Response, std::io::Error> {
    Ok(Response::text(std::fs::read_to_string("/nowhere")?))
}

async fn text(_: Request) -> String {
    "hello".to_owned()
}

async fn nothing() -> Response {
    Response::ok()
}

fn main() {
    let tree = Tree::new();
    tree.put_child("own", own_error);
    tree.put_child("text", text);
    tree.put_child("nothing", nothing);
    tree.put_child("get", get(text));
}
