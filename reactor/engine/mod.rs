//! The loop.

pub(crate) mod budget;
pub(crate) mod jobs;
pub(crate) mod loop_side;
pub(crate) mod pools;
pub(crate) mod pressure;
pub(crate) mod stopping;
pub(crate) mod table;
pub(crate) mod tasks;
pub(crate) mod thread_pool;
pub(crate) mod threads;
pub(crate) mod timers;
pub(crate) mod triggers;
pub(crate) mod turn;
