//! The driver's command line.

use std::fmt;
use std::str::FromStr;

use crate::{Comparison, Result, Scenario};

/// One of the driver's tables.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    Throughput,
    Memory,
    SystemCalls,
    Instructions,
}

impl Part {
    const ALL: [Self; 4] = [
        Self::Throughput,
        Self::Memory,
        Self::SystemCalls,
        Self::Instructions,
    ];
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Throughput => "throughput",
            Self::Memory => "memory",
            Self::SystemCalls => "system-calls",
            Self::Instructions => "instructions",
        })
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let part = Self::ALL.into_iter().find(|part| part.to_string() == name);
        part.ok_or_else(|| {
            format!(
                "no part is called `{name}`; there are throughput, memory, system-calls and instructions"
            )
        })
    }
}

pub(crate) struct Options<C: Comparison> {
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) servers: Vec<&'static str>,
    /// Empty: each part measures its own list.
    scenarios: Vec<C::Scenario>,
    pub(crate) parts: Vec<Part>,
}

impl<C: Comparison> Options<C> {
    pub(crate) fn help() -> String {
        format!(
            "\
usage: {program} [options]

  --quick             short measurements: a look, not a verdict ({quick})
  --rounds N          interleaved rounds of the throughput part        (default 11)
  --seconds S         length of one measurement                        (default 0.25)
  --servers A,B       of {servers};
                      the first is what the others are compared with   (default: all that are built)
  --scenarios A,B     of {scenarios};
                      instead of each part's own list
  --parts A,B         of throughput, memory, system-calls, instructions
                                                                       (default: all four)
",
            program = C::PROGRAM,
            quick = C::QUICK,
            servers = C::servers().join(", "),
            scenarios = C::SCENARIOS,
        )
    }

    /// `None` when help was asked for.
    pub(crate) fn parse(words: &[&str]) -> Result<Option<Self>> {
        let mut options = Self {
            rounds: 11,
            seconds: 0.25,
            servers: C::servers(),
            scenarios: Vec::new(),
            parts: Part::ALL.to_vec(),
        };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word {
                "--help" | "-h" => return Ok(None),
                "--quick" => (options.rounds, options.seconds) = (2, 0.1),
                "--rounds" => options.rounds = in_range(word, value()?, 1.0, 1_000.0)? as usize,
                "--seconds" => options.seconds = in_range(word, value()?, 0.01, 10.0)?,
                "--servers" => options.servers = list(value()?, server::<C>)?,
                "--scenarios" => options.scenarios = list(value()?, str::parse)?,
                "--parts" => options.parts = list(value()?, str::parse)?,
                _ => return Err(format!("what is `{word}`? Try --help").into()),
            }
        }
        Ok(Some(options))
    }

    /// The scenarios of a part: what was asked for of those that it can measure, or the part's own
    /// list.
    pub(crate) fn scenarios(&self, part: Part) -> Vec<C::Scenario> {
        let chosen = if self.scenarios.is_empty() {
            C::scenarios(part)
        } else {
            &self.scenarios
        };
        let is_timed = !matches!(part, Part::Memory);
        let fits = |scenario: &C::Scenario| scenario.is_timed() == is_timed;
        chosen.iter().copied().filter(fits).collect()
    }
}

fn in_range(option: &str, text: &str, least: f64, most: f64) -> Result<f64> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("{option} wants a number from {least} to {most}, not `{text}`").into()),
    }
}

fn list<T>(text: &str, parse: fn(&str) -> Result<T, String>) -> Result<Vec<T>> {
    Ok(text.split(',').map(parse).collect::<Result<_, String>>()?)
}

fn server<C: Comparison>(name: &str) -> Result<&'static str, String> {
    let servers = C::servers();
    let server = servers.iter().copied().find(|&server| server == name);
    server.ok_or_else(|| {
        format!(
            "no server called `{name}` is built; there are {}, and more with `--features`",
            servers.join(", ")
        )
    })
}
