//! A network in memory, with a clock of its own.
