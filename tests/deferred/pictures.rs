//! The pictures of the guide, drawn by the runs that they show.
//!
//! This compares. `UPDATE_PICTURES=1 cargo test --test deferred pictures` draws them anew.

use std::fs;
use std::path::Path;

use reactor::deferred::{Chart, Deferred, Failure, Resolver, gather_results};

// The program of the guide: the price of a thing, from a page that may not be one.

fn parse(page: &str) -> Result<u32, Failure> {
    Ok(page.trim().parse()?)
}

fn add_tax(price: u32) -> u32 {
    price + price / 5
}

fn assume_free(failure: Failure) -> Result<u32, Failure> {
    failure.trap::<std::num::ParseIntError>()?;
    Ok(0)
}

fn show(price: u32) {
    assert!(price < 1_000, "too dear");
}

fn price_of_page() -> (Resolver<&'static str>, Chart) {
    let (resolver, page) = Deferred::pending();
    let (page, chart) = page.charted();
    page.add_callback(parse)
        .map(add_tax)
        .add_errback(assume_free)
        .add_callback(show)
        .add_errback(drop);
    (resolver, chart)
}

fn fired_with(page: &'static str) -> Chart {
    let (resolver, chart) = price_of_page();
    resolver.callback(page);
    chart
}

#[track_caller]
fn is_in_the_guide(name: &str, chart: &Chart) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide/pictures");
    let file = file.join(format!("{name}.svg"));
    let drawn = chart.to_svg();
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        fs::write(&file, &drawn).expect("the folder is there");
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == drawn,
        "{} is not what is drawn now:\n{chart}",
        file.display()
    );
}

#[test]
fn a_chain_that_has_not_been_fired() {
    let (_resolver, chart) = price_of_page();
    is_in_the_guide("deferred-waits", &chart);
}

#[test]
fn a_chain_in_which_all_goes_well() {
    is_in_the_guide("deferred-succeeds", &fired_with("100"));
}

#[test]
fn a_chain_in_which_a_callback_fails_and_an_errback_recovers() {
    is_in_the_guide("deferred-recovers", &fired_with("sold out"));
}

#[test]
fn a_chain_in_which_the_last_callback_panics() {
    is_in_the_guide("deferred-panics", &fired_with("9000"));
}

#[test]
fn a_chain_that_waits_for_a_deferred_that_its_callback_returned() {
    let (user, chart) = Deferred::succeed("mia").charted();
    let _chain = user.add_callback(fetch_score).map(add_tax);
    is_in_the_guide("deferred-waits-inside", &chart);
}

fn fetch_score(_: &str) -> Deferred<u32> {
    let (resolver, score) = Deferred::pending();
    // What a program would keep until the answer comes.
    std::mem::forget(resolver);
    score.map(|score: u32| score * 10)
}

#[test]
fn a_list_whose_lanes_flow_together() {
    let (pages, chart) = Deferred::succeed(["100", "sold out"]).charted();
    pages
        .add_callback(fetch_all)
        .add_callback(show_all)
        .add_errback(drop);
    is_in_the_guide("deferred-list", &chart);
}

fn fetch_all(pages: [&'static str; 2]) -> Deferred<Vec<u32>> {
    gather_results(pages.map(|page| Deferred::succeed(page).add_callback(parse)))
}

fn show_all(prices: Vec<u32>) {
    assert!(!prices.is_empty());
}
