//! Policies: what factories do around other factories.

mod connections;
#[path = "../support/mod.rs"]
mod support;
