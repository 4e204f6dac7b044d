//! A page that is not there yet: the organisations that somebody belongs to, from GitHub's API.
//!
//! ```text
//! $ cargo run --features tls --example orgs -- torvalds
//! $ cargo run --features tls --example orgs -- torvalds --chart chain.svg
//! $ cargo run --example orgs -- ana http://127.0.0.1:8000        another API that is like it
//! ```
//!
//! `get_page` returns at once, with a Deferred. What shall be done with the page, and what if there
//! is none, is added to it; then the loop runs until the last callback stops it. What a server says
//! is made `visible` before it is printed: it could move the cursor otherwise.

use std::cell::Cell;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;

use reactor::deferred::{Deferred, Failure};
use reactor::http::{Url, get_page};
use reactor::{Reactor, visible};
use serde_json::Value;

const USAGE: &str = "usage: orgs USER [API] [--chart FILE]";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let chart_file = match words.iter().position(|word| word == "--chart") {
        Some(at) if at + 2 == words.len() => words.drain(at..).next_back(),
        _ => None,
    };
    let (user, api) = match words.as_slice() {
        [word, ..] if word == "--help" || word == "-h" => {
            println!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        [user] if is_name(user) => (user.as_str(), "https://api.github.com"),
        [user, api] if is_name(user) => (user.as_str(), api.trim_end_matches('/')),
        _ => {
            eprintln!("{USAGE}");
            return Ok(ExitCode::FAILURE);
        }
    };

    let reactor = Reactor::new()?;
    // A name that somebody has typed stays one segment of the path, whatever is in it.
    let url = Url::parse(api).and_then(|api| api.with_segments(["users", user, "orgs"]));
    let page = match url {
        Ok(url) => get_page(&reactor, url.as_str()),
        Err(error) => Deferred::fail(error),
    };
    let (page, chart) = page.charted();

    let failed = Rc::new(Cell::new(false));
    let (at_the_end, fails) = (reactor.clone(), Rc::clone(&failed));
    page.add_callback(names)
        .add_callback(print_sorted)
        .add_errback(move |failure| {
            log::error!("{}", visible(&failure.to_string()));
            fails.set(true);
        })
        .add_both(move |_| at_the_end.stop());

    if let Err(error) = reactor.run() {
        log::error!("{error}");
    }
    let mut has_failed = failed.get();
    if let Some(file) = chart_file
        && let Err(error) = std::fs::write(&file, chart.to_svg())
    {
        log::error!("{file}: {error}");
        has_failed = true;
    }
    Ok(if has_failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Whether this may be the name of somebody, and no option and nothing else of a URL.
fn is_name(word: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !word.starts_with(['-', '.']) && word.bytes().all(is_plain)
}

/// The names in a list of organisations. What is no such list is a failure, by `?`.
fn names(page: Vec<u8>) -> Result<Vec<String>, Failure> {
    let orgs: Vec<Value> = serde_json::from_slice(&page)?;
    let name = |org: &Value| org["login"].as_str().map(str::to_owned);
    let names: Option<Vec<String>> = orgs.iter().map(name).collect();
    names.ok_or_else(|| Failure::message("an organisation has no login"))
}

/// That nobody takes what is printed is a failure too.
fn print_sorted(mut names: Vec<String>) -> Result<(), Failure> {
    names.sort();
    for name in names {
        writeln!(io::stdout(), "{}", visible(&name))?;
    }
    Ok(())
}
