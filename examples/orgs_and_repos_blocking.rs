//! What `orgs_and_repos` does, one after the other: each request is waited for before the next.
//!
//! ```text
//! $ cargo run --features tls --example orgs_and_repos_blocking -- torvalds
//! $ cargo run --example orgs_and_repos_blocking -- ana http://127.0.0.1:8000
//! ```
//!
//! It reads from top to bottom, as programs do that wait, and takes as long as all waits together.
//! `run_until` is what makes it wait: the loop runs for one Deferred, and returns its result.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use reactor::deferred::Failure;
use reactor::http::{Agent, ClientResponse, Url};
use reactor::{Reactor, visible};
use serde_json::Value;

const USAGE: &str = "usage: orgs_and_repos_blocking USER [API]";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let words: Vec<String> = std::env::args().skip(1).collect();
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
    let agent = Agent::new(&reactor);
    let began = Instant::now();
    let result = print_all(&reactor, &agent, api, user);
    let has_failed = result.is_err();
    if let Err(failure) = result {
        log::error!("{}", visible(&failure.to_string()));
    }
    let took = began.elapsed().as_secs_f64();
    // Nobody may be reading what is printed.
    let _ = writeln!(io::stdout(), "one after the other: {took:.2} s");
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

fn print_all(reactor: &Reactor, agent: &Agent, api: &str, user: &str) -> Result<(), Failure> {
    let mut orgs = list(reactor, agent, api, ["users", user, "orgs"], "login")?;
    orgs.sort();
    let mut missing = 0;
    for org in orgs {
        match list(reactor, agent, api, ["orgs", &org, "repos"], "name") {
            Ok(mut repos) => {
                repos.sort();
                let line = format!("{org}: {}", repos.join(", "));
                writeln!(io::stdout(), "{}", visible(&line))?;
            }
            Err(failure) => {
                log::error!("{}", visible(&format!("{org}: {failure}")));
                missing += 1;
            }
        }
    }
    match missing {
        0 => Ok(()),
        _ => Err(Failure::message(format!("{missing} not found"))),
    }
}

/// The value of one field of each member of a list, when it is there.
fn list(
    reactor: &Reactor,
    agent: &Agent,
    api: &str,
    path: [&str; 3],
    field: &str,
) -> Result<Vec<String>, Failure> {
    // A name that a server has sent stays one segment of the path, whatever is in it.
    let url = Url::parse(api)?.with_segments(path)?;
    let began = Instant::now();
    let page = agent
        .get(url.as_str())
        .add_callback(ClientResponse::expect_success)
        .add_callback(ClientResponse::read_body);
    let page = reactor.run_until(page)?;
    log::info!("{url} took {:.2} s", began.elapsed().as_secs_f64());
    let members: Vec<Value> = serde_json::from_slice(&page)?;
    let value = |member: &Value| member[field].as_str().map(str::to_owned);
    let values: Option<Vec<String>> = members.iter().map(value).collect();
    values.ok_or_else(|| Failure::message(format!("a member of the list has no {field}")))
}
