//! What a stop has to cut off: one line in the log says whom, and what each of them waited for.

use super::{Engine, Stop};

/// As many are named; of the others it is said how many they are.
const NAMED: usize = 8;

impl Engine {
    /// Logs what is left when the grace is over, if anything is.
    pub(super) fn log_leftovers(&self) {
        let mut left = Vec::new();
        let mut count = 0;
        let mut table = self.table.borrow_mut();
        for token in table.tokens() {
            let Some(source) = table.peek(token) else {
                continue;
            };
            if source.holds_up(&Stop::Asked) {
                count += 1;
                if left.len() < NAMED {
                    left.extend(source.waits_for());
                }
            }
        }
        drop(table);
        let others = count - left.len();
        if others > 0 {
            left.push(format!("{others} more"));
        }
        let jobs = self.jobs.len();
        if jobs > 0 {
            left.push(format!("{jobs} calls on threads"));
        }
        let triggers = self.life.triggers.waited_for();
        if triggers > 0 {
            left.push(format!("{triggers} Deferreds of triggers"));
        }
        if !left.is_empty() {
            log::warn!(
                "the grace of the stop is over, and these are cut off: {}",
                left.join("; ")
            );
        }
    }
}
