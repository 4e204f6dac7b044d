//! The driver's command line.

use std::str::FromStr;

use crate::Result;
use crate::scenario::Scenario;
use crate::servers::Kind;

pub(crate) const HELP: &str = "\
usage: peers [options]

  --quick             short measurements: a look, not a verdict (under 40 s)
  --rounds N          interleaved rounds of the throughput part        (default 11)
  --seconds S         length of one throughput measurement             (default 0.25)
  --servers A,B       of raw, mio, tokio, ours; the first is what others are compared with
                                                                       (default: all that are built)
  --scenarios A,B     of echo-N, bulk, fan-out-N, churn, idle-N; instead of each part's own list
  --parts A,B         of throughput, memory, system-calls, instructions
                                                                       (default: all four)
";

/// One of the driver's tables.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Throughput,
    Memory,
    SystemCalls,
    Instructions,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "throughput" => Ok(Self::Throughput),
            "memory" => Ok(Self::Memory),
            "system-calls" => Ok(Self::SystemCalls),
            "instructions" => Ok(Self::Instructions),
            _ => Err(format!(
                "no part is called `{name}`; there are throughput, memory, system-calls and instructions"
            )),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) servers: Vec<Kind>,
    /// Empty: each part measures its own list.
    scenarios: Vec<Scenario>,
    pub(crate) parts: Vec<Part>,
}

impl Options {
    /// `None` when help was asked for.
    pub(crate) fn parse(words: &[&str]) -> Result<Option<Self>> {
        let mut options = Self {
            rounds: 11,
            seconds: 0.25,
            servers: Kind::BUILT.to_vec(),
            scenarios: Vec::new(),
            parts: vec![
                Part::Throughput,
                Part::Memory,
                Part::SystemCalls,
                Part::Instructions,
            ],
        };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word {
                "--help" | "-h" => return Ok(None),
                "--quick" => (options.rounds, options.seconds) = (2, 0.1),
                "--rounds" => options.rounds = in_range(word, value()?, 1.0, 1_000.0)? as usize,
                "--seconds" => options.seconds = in_range(word, value()?, 0.01, 10.0)?,
                "--servers" => options.servers = list(value()?)?,
                "--scenarios" => options.scenarios = list(value()?)?,
                "--parts" => options.parts = list(value()?)?,
                _ => return Err(format!("what is `{word}`? Try --help").into()),
            }
        }
        Ok(Some(options))
    }

    /// The scenarios of a part: what was asked for of those that `fits`, or the part's own list.
    pub(crate) fn scenarios(&self, own: &[Scenario], fits: fn(&Scenario) -> bool) -> Vec<Scenario> {
        let chosen = if self.scenarios.is_empty() {
            own
        } else {
            &self.scenarios
        };
        chosen.iter().copied().filter(fits).collect()
    }
}

/// Whether a scenario goes on for as long as one likes. The other kind measures memory.
pub(crate) fn is_timed(scenario: &Scenario) -> bool {
    !matches!(scenario, Scenario::Idle(_))
}

fn in_range(option: &str, text: &str, least: f64, most: f64) -> Result<f64> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("{option} wants a number from {least} to {most}, not `{text}`").into()),
    }
}

fn list<T: FromStr<Err = String>>(text: &str) -> Result<Vec<T>> {
    Ok(text
        .split(',')
        .map(str::parse)
        .collect::<Result<_, String>>()?)
}
