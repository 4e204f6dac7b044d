//! Throughput and processor time: every server in every scenario in every round, in turn.
//!
//! The machine is never quite the same for two minutes, so servers are compared within a round,
//! where they run within seconds of each other, and the order changes from round to round.

use crate::noise::Noise;
use crate::options::{Options, Part};
use crate::process::{Load, Server};
use crate::report::{MISSING, Samples, Table, thousands};
use crate::{Comparison, Result, Scenario};

/// One server in one scenario, over all rounds.
#[derive(Clone, Default)]
struct Figures {
    operations_a_second: Samples,
    /// Nanoseconds of the server's processor time, user and system.
    processor_time: Samples,
    /// The share of the time in which the server's processor was at work.
    busy: Samples,
    /// Microseconds, where the load measures them: the median, and what 99 % stayed below.
    latency: Samples,
    most_latency: Samples,
}

pub(crate) fn run<C: Comparison>(options: &Options<C>) -> Result<()> {
    let scenarios = options.scenarios(Part::Throughput);
    let servers = &options.servers;
    let mut figures = vec![vec![Figures::default(); servers.len()]; scenarios.len()];
    let noise = Noise::begin()?;
    for round in 0..options.rounds {
        eprintln!("throughput: round {} of {}", round + 1, options.rounds);
        for (scenario, figures) in scenarios.iter().zip(&mut figures) {
            for turn in 0..servers.len() {
                let index = (turn + round) % servers.len();
                measure(
                    *scenario,
                    servers[index],
                    options.seconds,
                    &mut figures[index],
                )?;
            }
        }
    }
    let others = noise.share_of_others()? * 100.0;
    print(options, &scenarios, &figures);
    println!("\nOther programs took {others:.0} % of the processors' time meanwhile.");
    Ok(())
}

fn measure(
    scenario: impl Scenario,
    server: &str,
    seconds: f64,
    figures: &mut Figures,
) -> Result<()> {
    let server = Server::start(server, scenario)?;
    let mut load = Load::connect(Part::Throughput, scenario, &server)?;
    let own_files = server.open_files()?.saturating_sub(load.connections());
    load.warm_up(seconds / 5.0)?;
    server.wait_for_closing(own_files + load.connections())?;
    let before = server.processor_time()?;
    let outcome = load.measure(seconds)?;
    let processor_time = (server.processor_time()? - before).as_secs_f64();
    drop(load);
    server.wait_for_closing(own_files)?;
    let operations = outcome.counted / scenario.counted_an_operation();
    figures
        .operations_a_second
        .push(operations / outcome.seconds);
    figures
        .processor_time
        .push(processor_time * 1e9 / operations);
    figures.busy.push(processor_time / outcome.seconds);
    if let Some(latency) = outcome.latency {
        figures.latency.push(latency.median);
        figures.most_latency.push(latency.most);
    }
    Ok(())
}

fn print<C: Comparison>(options: &Options<C>, scenarios: &[C::Scenario], figures: &[Vec<Figures>]) {
    let to_reference = format!("to {}", options.servers[0]);
    let has_latency = figures.iter().flatten().any(|own| !own.latency.is_empty());
    let mut heading = vec![
        "scenario",
        "server",
        "operations/s",
        &to_reference,
        "CPU ns/operation",
        &to_reference,
        "busy",
    ];
    if has_latency {
        heading.extend(["latency µs", "99 % below"]);
    }
    let mut table = Table::new(&heading);
    for (scenario, figures) in scenarios.iter().zip(figures) {
        for (server, own) in options.servers.iter().zip(figures) {
            let mut row = vec![scenario.to_string(), (*server).to_owned()];
            row.extend(own.row(scenario.operations(), &figures[0]));
            if has_latency {
                row.extend([&own.latency, &own.most_latency].map(microseconds));
            }
            table.push(row);
        }
    }
    table.print(&format!(
        "Throughput and CPU: median (quartiles) of {} rounds",
        options.rounds
    ));
}

/// A load may measure the latency in some scenarios only.
fn microseconds(samples: &Samples) -> String {
    if samples.is_empty() {
        MISSING.to_owned()
    } else {
        thousands(samples.median())
    }
}

impl Figures {
    /// The cells that every load can fill.
    fn row(&self, operations: &str, reference: &Self) -> [String; 5] {
        let ratio = |own: &Samples, other| own.ratios(other).with_quartiles(2);
        let rate = thousands(self.operations_a_second.median());
        [
            format!("{rate} {operations}"),
            ratio(&self.operations_a_second, &reference.operations_a_second),
            thousands(self.processor_time.median()),
            ratio(&self.processor_time, &reference.processor_time),
            format!("{:.0} %", self.busy.median() * 100.0),
        ]
    }
}
