//! Throughput and processor time: every server in every scenario in every round, in turn.
//!
//! The machine is never quite the same for two minutes, so servers are compared within a round,
//! where they run within seconds of each other, and the order changes from round to round.

use crate::Result;
use crate::noise::Noise;
use crate::options::{Options, is_timed};
use crate::process::{Load, Server};
use crate::report::{Samples, Table, thousands};
use crate::scenario::Scenario;
use crate::servers::Kind;

const SCENARIOS: [Scenario; 7] = [
    Scenario::Echo(1),
    Scenario::Echo(50),
    Scenario::Echo(1000),
    Scenario::Bulk,
    Scenario::FanOut(100),
    Scenario::FanOut(1000),
    Scenario::Churn,
];

/// Bytes in what the table calls an MB.
const MEGABYTE: f64 = 1_000_000.0;

/// One server in one scenario, over all rounds.
#[derive(Clone, Default)]
struct Figures {
    operations_a_second: Samples,
    /// Nanoseconds of the server's processor time, user and system.
    processor_time: Samples,
    /// The share of the time in which the server's processor was at work.
    busy: Samples,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let scenarios = options.scenarios(&SCENARIOS, is_timed);
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

fn measure(scenario: Scenario, kind: Kind, seconds: f64, figures: &mut Figures) -> Result<()> {
    let server = Server::start(kind, scenario)?;
    let mut load = Load::connect(scenario, kind, &server)?;
    let own_files = server.open_files()?.saturating_sub(load.connections());
    // Fills caches and lets every buffer reach its size.
    load.run(seconds / 5.0)?;
    let before = server.processor_time()?;
    let outcome = load.run(seconds)?;
    let processor_time = (server.processor_time()? - before).as_secs_f64();
    drop(load);
    server.wait_for_closing(own_files)?;
    let operations = outcome.operations
        / if scenario == Scenario::Bulk {
            MEGABYTE
        } else {
            1.0
        };
    figures
        .operations_a_second
        .push(operations / outcome.seconds);
    figures
        .processor_time
        .push(processor_time * 1e9 / operations);
    figures.busy.push(processor_time / outcome.seconds);
    Ok(())
}

fn print(options: &Options, scenarios: &[Scenario], figures: &[Vec<Figures>]) {
    let reference = options.servers[0];
    let to_reference = format!("to {reference}");
    let mut table = Table::new(&[
        "scenario",
        "server",
        "operations/s",
        &to_reference,
        "CPU ns/operation",
        &to_reference,
        "busy",
    ]);
    for (scenario, figures) in scenarios.iter().zip(figures) {
        for (kind, own) in options.servers.iter().zip(figures) {
            table.push(vec![
                scenario.to_string(),
                kind.to_string(),
                format!(
                    "{} {}",
                    thousands(own.operations_a_second.median()),
                    plural(*scenario)
                ),
                own.operations_a_second
                    .ratios(&figures[0].operations_a_second)
                    .with_quartiles(2),
                thousands(own.processor_time.median()),
                own.processor_time
                    .ratios(&figures[0].processor_time)
                    .with_quartiles(2),
                format!("{:.0} %", own.busy.median() * 100.0),
            ]);
        }
    }
    table.print(&format!(
        "Throughput and CPU: median (quartiles) of {} rounds",
        options.rounds
    ));
}

fn plural(scenario: Scenario) -> String {
    match scenario.operation() {
        "delivery" => "deliveries".to_owned(),
        "MB" => "MB".to_owned(),
        word => format!("{word}s"),
    }
}
