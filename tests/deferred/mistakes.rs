//! Mistakes that Twisted finds when the program runs, or never, and that do not compile here.
//!
//! Each program says in comments what the compiler has to say.

use std::fs;

use crate::compiling::{compile, programs};

fn said_of(program: &str) -> (bool, String, Vec<String>) {
    let path = programs().join("mistakes").join(program);
    let source = fs::read_to_string(&path).expect("the program is there");
    let output = compile(&path, None);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("//~ "));
    let expected = expected.map(str::to_owned).collect();
    (output.status.success(), said, expected)
}

#[track_caller]
fn does_not_compile(program: &str) {
    let (compiles, said, expected) = said_of(program);
    assert!(!compiles, "{program} compiles");
    assert!(
        !expected.is_empty(),
        "{program} does not say what it expects"
    );
    for text in expected {
        assert!(said.contains(&text), "of {program}: no {text:?} in\n{said}");
    }
}

#[test]
fn a_program_without_a_mistake_compiles() {
    let (compiles, said, _) = said_of("none.rs");
    assert!(compiles, "{said}");
    assert!(said.is_empty(), "it has warnings:\n{said}");
}

#[test]
fn firing_twice_does_not_compile() {
    does_not_compile("firing_twice.rs");
}

#[test]
fn adding_a_step_to_a_deferred_that_went_into_a_list_does_not_compile() {
    does_not_compile("step_after_list.rs");
}

#[test]
fn returning_a_deferred_from_its_own_callback_does_not_compile() {
    does_not_compile("own_deferred.rs");
}

#[test]
fn treating_one_failure_in_a_list_as_data_does_not_compile() {
    does_not_compile("failure_as_data.rs");
}

#[test]
fn touching_a_deferred_from_another_thread_does_not_compile() {
    does_not_compile("other_thread.rs");
}

#[test]
fn touching_the_reactor_from_another_thread_does_not_compile() {
    does_not_compile("reactor_on_other_thread.rs");
}

#[test]
fn returning_a_plain_value_from_a_callback_does_not_compile() {
    does_not_compile("plain_value.rs");
}

#[test]
fn ending_a_task_with_a_plain_value_does_not_compile() {
    does_not_compile("plain_value_from_task.rs");
}

#[test]
fn returning_another_type_from_an_errback_does_not_compile() {
    does_not_compile("other_type_from_errback.rs");
}

#[test]
fn failing_with_what_is_no_error_does_not_compile() {
    does_not_compile("no_error.rs");
}

#[test]
fn a_callback_for_another_type_does_not_compile() {
    does_not_compile("other_type.rs");
}

#[test]
fn dropping_what_matters_is_warned_of_in_words() {
    let (compiles, said, expected) = said_of("unused.rs");
    assert!(compiles, "{said}");
    for text in expected {
        assert!(said.contains(&text), "no {text:?} in\n{said}");
    }
}

#[test]
fn an_answer_that_is_none_does_not_compile_and_the_way_out_is_named() {
    does_not_compile("no_answer.rs");
}
