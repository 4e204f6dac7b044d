//! The reference: what is served on the loop of [`comparison::raw`], which has every good habit.

use comparison::{Result, raw};

use super::Mode;

mod chat;
mod echo;
mod udp;

pub(super) fn run(mode: Mode) -> Result<()> {
    match mode {
        Mode::Echo => raw::serve(echo::Echo::default()),
        Mode::Udp => udp::serve(),
        Mode::Chat => raw::serve(chat::Chat::default()),
    }
}
