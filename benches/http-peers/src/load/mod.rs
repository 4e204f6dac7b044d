//! The load of each scenario. Every server is questioned first; only then is it measured.
//!
//! Throughput is what wrk makes of it. Everything else needs a known number of requests on
//! connections that are open already, so this program makes them itself and compares every answer.

use comparison::churn::Churn;
use comparison::dialogue::Dialogues;
use comparison::idle::Idle;
use comparison::load::{Load, open_served};
use comparison::{Part, Result};

use crate::scenario::Scenario;
use requests::{Asking, Requests};
use wrk::Wrk;

mod answer;
mod questions;
mod requests;
mod wrk;

pub(crate) fn connect(part: Part, scenario: Scenario, port: u16) -> Result<Box<dyn Load>> {
    questions::ask(port)?;
    match part {
        Part::Throughput => Ok(Box::new(Wrk::new(scenario, port)?)),
        Part::Memory | Part::SystemCalls | Part::Instructions => connect_own(scenario, port),
    }
}

/// The load that this program makes itself.
fn connect_own(scenario: Scenario, port: u16) -> Result<Box<dyn Load>> {
    let requests = Requests::new(scenario, port)?;
    let connections = scenario.connections();
    Ok(match scenario {
        Scenario::KeepAlive(_) | Scenario::Pipelined(_) | Scenario::Json => {
            let streams = open_served(port, 0, connections, &requests)?;
            Box::new(Dialogues::new(streams, Asking::new(requests, connections))?)
        }
        Scenario::Close => Box::new(Churn::new(port, connections, requests, Vec::new())),
        Scenario::Idle(_) => Box::new(Idle::connect(port, connections, requests)?),
    })
}
