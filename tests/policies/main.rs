//! Policies: what factories do around other factories.

mod connections;
mod held_back;
mod networks;
#[path = "../support/mod.rs"]
mod support;
mod throttling;
mod traffic;
mod wrapping;
