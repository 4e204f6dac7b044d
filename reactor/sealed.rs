//! What only this crate can name: so a trait that is public may have a method that is not.
#![expect(
    unnameable_types,
    reason = "that no other crate can name them is what seals the others"
)]

/// The argument of a method of [`Protocol`](crate::Protocol) that no other crate can call or override,
/// since it cannot write the type down.
#[derive(Debug)]
pub struct Internal;

/// The super-trait of [`IntoAccepted`](crate::IntoAccepted).
pub trait IntoAccepted {}
