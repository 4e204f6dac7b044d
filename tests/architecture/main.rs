//! The house, checked against what its documentation says of it: layers, circles, sizes, headers,
//! predicates, and which test has which file.
//!
//! What is not yet as it should be stands in a list beside its check, with today's value. An entry may
//! shrink and may not grow, and one that is no longer needed fails the test until it is taken out.

mod circles;
mod errors;
mod layers;
mod predicates;
mod sizes;
mod source;
mod tested;
mod uses;
