//! The load of each scenario: what it sends, and what must come back.

use std::io::{Read, Write};
use std::net::TcpStream;

use comparison::Result;
use comparison::churn::Churn;
use comparison::dialogue::Dialogues;
use comparison::idle::Idle;
use comparison::load::{Exchange, Load, open_served};

use crate::scenario::Scenario;

mod bulk;
mod datagrams;
mod echo;
mod fan_out;

/// The length of every echoed message and of every line of the chat, with its line feed.
const MESSAGE: usize = 64;

/// How many connections come and go at any time.
const CHURN: usize = 50;

pub(crate) fn connect(scenario: Scenario, port: u16) -> Result<Box<dyn Load>> {
    Ok(match scenario {
        Scenario::Echo(connections) => Box::new(Dialogues::new(
            open_served(port, 0, connections, &OneEcho)?,
            echo::Echo::new(connections),
        )?),
        Scenario::Udp(sockets) => Box::new(datagrams::Datagrams::connect(port, sockets)?),
        Scenario::Bulk => Box::new(bulk::Bulk::connect(port)?),
        Scenario::FanOut(receivers) => Box::new(fan_out::FanOut::connect(port, receivers)?),
        Scenario::Churn => {
            // The connection that stays shows that the server has begun its work.
            let lasting = open_served(port, 0, 1, &OneEcho)?;
            Box::new(Churn::new(port, CHURN, OneEcho, lasting))
        }
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

impl OneEcho {
    /// No [`echo::Echo`] comes to so high a sequence.
    fn message(number: usize) -> [u8; MESSAGE] {
        message(number as u64, u64::MAX)
    }
}

impl Exchange for OneEcho {
    fn ask(&self, stream: &mut TcpStream, number: usize) -> Result<()> {
        Ok(stream.write_all(&Self::message(number))?)
    }

    fn expect_answer(&self, stream: &mut TcpStream, number: usize) -> Result<()> {
        let mut received = [0; MESSAGE];
        stream.read_exact(&mut received)?;
        if received == Self::message(number) {
            Ok(())
        } else {
            Err("an echo differs from what was sent".into())
        }
    }
}
