//! One allocation a step before firing, none after, and not one more for charts that nobody asks
//! for.

use std::process::Command;

use crate::compiling::{compile, programs};

#[test]
fn a_step_is_one_allocation_before_firing_and_none_after_and_charts_cost_none() {
    let name = format!("deferred-allocations-{}", std::process::id());
    let executable = std::env::temp_dir().join(name);
    let compiled = compile(&programs().join("allocations.rs"), Some(&executable));
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{said}");
    let ran = Command::new(&executable).output().expect("it can be run");
    std::fs::remove_file(&executable).expect("it was there");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    assert_eq!(ran.stdout, b"as many allocations as expected\n");
}
