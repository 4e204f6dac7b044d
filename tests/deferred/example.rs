//! `examples/deferred.rs`, run as one would run it.

use std::path::PathBuf;
use std::process::Command;

/// Cargo puts examples beside the folder of the tests, and tells nobody where.
fn example(arguments: &[&str]) -> String {
    let test = std::env::current_exe().expect("a test knows where it is");
    let folder = test.parent().and_then(|dependencies| dependencies.parent());
    let examples = folder.expect("it is in a folder").join("examples");
    let program = examples.join(format!("deferred{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "`cargo test` builds {}; so does `cargo build --examples`",
        program.display()
    );
    let output = Command::new(program).args(arguments).output();
    let output = output.expect("it can be run");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it prints text")
}

#[test]
fn the_example_recovers_from_what_is_no_number_and_draws_that() {
    let printed = example(&[]);
    assert!(printed.contains("invalid digit found in string, so ten is assumed\n[11, 12, 13]\n"));
    assert!(printed.contains("┗━━ invalid digit found in string ━━"));
    assert!(printed.contains("┃ assume_ten → u32"));
}

#[test]
fn the_example_takes_a_number_and_writes_a_picture() {
    let file: PathBuf = std::env::temp_dir().join(format!("chart-{}.svg", std::process::id()));
    let printed = example(&["20", "--chart", &file.to_string_lossy()]);
    assert!(printed.contains("[21, 22, 23]"));
    assert!(
        printed.contains("│ assume_ten → u32"),
        "a light box for what has not run"
    );
    let picture = std::fs::read_to_string(&file).expect("it was written");
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    std::fs::remove_file(&file).expect("it was there");
}
