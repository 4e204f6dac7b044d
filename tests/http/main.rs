//! Sites, as their clients see them.

mod answers;
