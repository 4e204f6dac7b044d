//! Policies: what factories do around other factories.

mod connections;
mod networks;
#[path = "../support/mod.rs"]
mod support;
mod wrapping;
