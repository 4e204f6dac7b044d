//! Many pages at once: the organisations that somebody belongs to, and the repositories of each.
//!
//! ```text
//! $ cargo run --features tls --example orgs_and_repos -- torvalds
//! $ cargo run --features tls --example orgs_and_repos -- torvalds --chart chain.svg
//! $ cargo run --example orgs_and_repos -- ana http://127.0.0.1:8000
//! ```
//!
//! A callback may return a Deferred, and the chain waits for it. Here it is a `DeferredList`: all
//! requests are on their way at once, and one that fails does not keep the others from being
//! printed. `orgs_and_repos_blocking` does the same one after the other.

use std::cell::Cell;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use reactor::deferred::{Deferred, DeferredList, Failure};
use reactor::http::{Agent, AgentLimits, ClientResponse, Url};
use reactor::{Reactor, visible};
use serde_json::Value;

const USAGE: &str = "usage: orgs_and_repos USER [API] [--chart FILE]";

/// An organisation, and the names of its repositories.
type Repos = (String, Vec<String>);

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
    let github = GitHub {
        agent: Agent::new(&reactor).with_limits(at_once()),
        api: api.to_owned(),
    };
    let began = Instant::now();
    let (orgs, chart) = github.orgs(user).charted();

    let failed = Rc::new(Cell::new(false));
    let (at_the_end, fails) = (reactor.clone(), Rc::clone(&failed));
    orgs.add_callback(move |orgs| github.repos_of_all(orgs))
        .add_callback(print)
        .add_errback(move |failure| {
            log::error!("{}", visible(&failure.to_string()));
            fails.set(true);
        })
        .add_both(move |_| at_the_end.stop());

    if let Err(error) = reactor.run() {
        log::error!("{error}");
    }
    let took = began.elapsed().as_secs_f64();
    // Nobody may be reading what is printed.
    let _ = writeln!(io::stdout(), "all at once: {took:.2} s");
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

/// As many connections as there are organisations, up to a hundred, where an agent usually has eight.
fn at_once() -> AgentLimits {
    AgentLimits::default().connections_per_host(100)
}

/// What is asked of the API.
struct GitHub {
    agent: Agent,
    api: String,
}

impl GitHub {
    fn orgs(&self, user: &str) -> Deferred<Vec<String>> {
        self.list(["users", user, "orgs"], "login")
    }

    fn repos(&self, org: String) -> Deferred<Repos> {
        let repos = self.list(["orgs", &org, "repos"], "name");
        repos.add_both(move |repos| match repos {
            Ok(repos) => Ok((org, repos)),
            Err(failure) => Err(Failure::message(format!("{org}: {failure}"))),
        })
    }

    /// All of them at once. Each result is a `Result`: no value is taken for granted.
    fn repos_of_all(&self, orgs: Vec<String>) -> DeferredList<Repos> {
        DeferredList::new(orgs.into_iter().map(|org| self.repos(org))).consume_errors()
    }

    /// The value of one field of each member of a list.
    fn list(&self, path: [&str; 3], field: &'static str) -> Deferred<Vec<String>> {
        // A name that a server has sent stays one segment of the path, whatever is in it.
        let url = match Url::parse(&self.api).and_then(|api| api.with_segments(path)) {
            Ok(url) => url,
            Err(error) => return Deferred::fail(error),
        };
        self.agent
            .get(url.as_str())
            .add_callback(ClientResponse::expect_success)
            .add_callback(ClientResponse::read_body)
            .add_callback(move |page| fields(&page, field))
    }
}

fn fields(page: &[u8], field: &str) -> Result<Vec<String>, Failure> {
    let members: Vec<Value> = serde_json::from_slice(page)?;
    let value = |member: &Value| member[field].as_str().map(str::to_owned);
    let values: Option<Vec<String>> = members.iter().map(value).collect();
    values.ok_or_else(|| Failure::message(format!("a member of the list has no {field}")))
}

/// Prints what was found. Fails where something was not.
fn print(results: Vec<Result<Repos, Failure>>) -> Result<(), Failure> {
    let (found, failed): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    let mut found: Vec<Repos> = found.into_iter().flatten().collect();
    found.sort();
    for (org, mut repos) in found {
        repos.sort();
        let line = format!("{org}: {}", repos.join(", "));
        writeln!(io::stdout(), "{}", visible(&line))?;
    }
    let missing = failed.len();
    for failure in failed.into_iter().filter_map(Result::err) {
        log::error!("{}", visible(&failure.to_string()));
    }
    match missing {
        0 => Ok(()),
        _ => Err(Failure::message(format!("{missing} not found"))),
    }
}
