//! The load of each scenario: what it sends, and what must come back.

use std::io::{Read, Write};
use std::net::TcpStream;

use comparison::Result;
use comparison::idle::Idle;
use comparison::load::{Exchange, Load};

use crate::scenario::Scenario;

mod bulk;
mod churn;
mod echo;
mod fan_out;

/// The length of every echoed message and of every line of the chat, with its line feed.
const MESSAGE: usize = 64;

pub(crate) fn connect(scenario: Scenario, port: u16) -> Result<Box<dyn Load>> {
    Ok(match scenario {
        Scenario::Echo(connections) => Box::new(echo::Echo::connect(port, connections)?),
        Scenario::Bulk => Box::new(bulk::Bulk::connect(port)?),
        Scenario::FanOut(receivers) => Box::new(fan_out::FanOut::connect(port, receivers)?),
        Scenario::Churn => Box::new(churn::Churn::connect(port)?),
        Scenario::Idle(connections) => Box::new(Idle::connect(port, connections, OneEcho)?),
    })
}

/// A message that no other connection and no other moment sends.
fn message(connection: u64, sequence: u64) -> [u8; MESSAGE] {
    let mut message = [b'.'; MESSAGE];
    message[..8].copy_from_slice(&connection.to_le_bytes());
    message[8..16].copy_from_slice(&sequence.to_le_bytes());
    message
}

/// A message and its echo.
struct OneEcho;

impl Exchange for OneEcho {
    fn ask(&self, stream: &mut TcpStream, number: usize) -> Result<()> {
        Ok(stream.write_all(&message(number as u64, u64::MAX))?)
    }

    fn expect_answer(&self, stream: &mut TcpStream, number: usize) -> Result<()> {
        expect_echo(stream, &message(number as u64, u64::MAX))
    }
}

/// Reads one message, blocking, and insists on its content.
fn expect_echo(stream: &mut TcpStream, expected: &[u8; MESSAGE]) -> Result<()> {
    let mut received = [0; MESSAGE];
    stream.read_exact(&mut received)?;
    if received == *expected {
        Ok(())
    } else {
        Err("an echo differs from what was sent".into())
    }
}
