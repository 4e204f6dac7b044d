//! The servers that are compared, each in its own file: the same two pages, on one thread.

use comparison::Result;

mod actix;
mod answers;
mod axum;
mod hyper;
mod mio;
mod ntex;
mod ntex_raw;
#[cfg(feature = "ours")]
mod ours;
mod raw;

/// Runs a server until it is killed.
pub(crate) type Run = fn() -> Result<()>;

/// All that this program was built with. The first is what the others are compared with.
pub(crate) const BUILT: &[(&str, Run)] = &[
    ("raw", raw::run),
    ("mio", mio::run),
    ("hyper", hyper::run),
    ("axum", axum::run),
    ("actix", actix::run),
    ("ntex", ntex::run),
    ("ntex-raw", ntex_raw::run),
    #[cfg(feature = "ours")]
    ("ours", ours::run),
];

pub(crate) fn run(server: &str) -> Result<()> {
    let run = BUILT.iter().find(|(name, _)| *name == server);
    let (_, run) = run.ok_or_else(|| format!("no server is called `{server}`"))?;
    run()
}
