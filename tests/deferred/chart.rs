//! Charts, held to what has happened.

use reactor::deferred::{Chart, Deferred, Failure, gather_results};

use crate::support::{Log, Refused};

/// A step as the picture has it.
#[derive(Debug, PartialEq, Eq)]
struct Step<'a> {
    method: &'a str,
    entered: &'a str,
    left: &'a str,
    /// Which boxes there are, and which of them ran.
    boxes: Vec<&'a str>,
}

/// What stands between `before` and the next `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).expect("it is in the picture");
    rest.split_once(after).expect("it ends").0
}

fn steps(svg: &str) -> Vec<Step<'_>> {
    let mut steps = svg.split("<g class=\"step\"");
    steps.next();
    steps
        .map(|step| Step {
            method: between(step, "data-method=\"", "\""),
            entered: between(step, "data-entered=\"", "\""),
            left: between(step, "data-left=\"", "\""),
            boxes: step
                .split("<rect class=\"box ")
                .skip(1)
                .map(|rect| rect.split_once('"').expect("it ends").0)
                .collect(),
        })
        .collect()
}

/// The ways of one kind, from top to bottom, as "from to".
fn ways<'a>(svg: &'a str, kind: &str) -> Vec<(&'a str, &'a str)> {
    let start = format!("<path class=\"way {kind} from-");
    svg.split(start.as_str())
        .skip(1)
        .map(|way| {
            let from = way.split_once(' ').expect("it goes on").0;
            (from, between(way, "to-", "\""))
        })
        .collect()
}

/// A chain of two callbacks, two errbacks and a clean-up, of which those in `failing` fail.
fn run(failing: u32) -> (Vec<String>, Chart) {
    let log = Log::default();
    let fails = move |step: u32| failing & (1 << step) != 0;
    let outcome = move |step: u32| match fails(step) {
        true => Err(Failure::new(Refused(step))),
        false => Ok(step),
    };
    let note = |step: u32| {
        let log = log.clone();
        move |column: &str| log.note(format!("{step} {column}"))
    };
    let (zero, one, two, three, four) = (note(0), note(1), note(2), note(3), note(4));
    let (resolver, deferred) = Deferred::pending();
    let (deferred, chart) = deferred.charted();
    deferred
        .add_callback(move |_: u32| {
            zero("callback");
            outcome(0)
        })
        .add_errback(move |_| {
            one("errback");
            outcome(1)
        })
        .add_callback(move |_| {
            two("callback");
            outcome(2)
        })
        .add_errback(move |_| {
            three("errback");
            outcome(3)
        })
        .add_both(move |result| {
            four(if result.is_ok() {
                "callback"
            } else {
                "errback"
            });
            outcome(4)
        })
        .add_errback(drop);
    resolver.fire(outcome(5));
    (log.take(), chart)
}

#[test]
fn the_drawn_way_is_the_way_that_the_callbacks_noted_in_every_case() {
    for failing in 0..1 << 6 {
        let (noted, chart) = run(failing);
        let svg = chart.to_svg();
        let steps = steps(&svg);
        let ran = steps.iter().take(5).enumerate().flat_map(|(index, step)| {
            let ran = step
                .boxes
                .iter()
                .filter_map(|text| text.strip_suffix(" ran"));
            ran.map(move |kind| format!("{index} {kind}"))
        });
        assert_eq!(ran.collect::<Vec<_>>(), noted, "{failing:#b}\n{chart}");

        // Where one step is left the next is entered, and only a function that ran changes columns.
        let fired = if failing & (1 << 5) == 0 {
            "callbacks"
        } else {
            "errbacks"
        };
        let mut way = fired;
        for (index, step) in steps.iter().take(5).enumerate() {
            assert_eq!(step.entered, way);
            let ran = step.boxes.iter().any(|text| text.ends_with(" ran"));
            let fails = failing & (1 << index) != 0;
            let expected = match (ran, fails) {
                (false, _) => way,
                (true, false) => "callbacks",
                (true, true) => "errbacks",
            };
            assert_eq!(step.left, expected, "step {index} of {failing:#b}\n{chart}");
            way = step.left;
        }
    }
}

#[test]
fn heavy_boxes_of_the_text_are_those_that_ran() {
    for failing in 0..1 << 6 {
        let (noted, chart) = run(failing);
        let text = chart.to_string();
        let heavy = text.matches('┏').count();
        // The last errback notes nothing, and a way that goes back to the left begins like a box.
        let svg = chart.to_svg();
        let back = ways(&svg, "taken")
            .iter()
            .filter(|way| **way == ("errbacks", "callbacks"))
            .count();
        let last = steps(&svg)[5]
            .boxes
            .iter()
            .filter(|text| text.ends_with(" ran"))
            .count();
        assert_eq!(heavy, noted.len() + last + back, "{failing:#b}\n{text}");
    }
}

#[test]
fn each_add_is_one_level_with_its_functions_in_their_columns() {
    let (_resolver, deferred) = Deferred::<u32>::pending();
    let (deferred, chart) = deferred.charted();
    let _chain = deferred
        .add_callback(Ok)
        .add_errback(Err)
        .add_callbacks(Ok, Err)
        .add_both(|result| result)
        .map(|value| value);
    let svg = chart.to_svg();
    let levels = steps(&svg)
        .into_iter()
        .map(|step| (step.method, step.boxes));
    assert_eq!(
        levels.collect::<Vec<_>>(),
        [
            ("add_callback", vec!["callback idle"]),
            ("add_errback", vec!["errback idle"]),
            ("add_callbacks", vec!["callback idle", "errback idle"]),
            ("add_both", vec!["callback idle", "errback idle"]),
            ("map", vec!["callback idle"]),
        ]
    );
}

#[test]
fn a_callback_leads_to_both_columns_and_what_has_no_function_straight_on() {
    let (_resolver, deferred) = Deferred::<u32>::pending();
    let (deferred, chart) = deferred.charted();
    let _chain = deferred.add_callback(Ok).add_errback(|_| Ok(0));
    let svg = chart.to_svg();
    assert_eq!(
        ways(&svg, "possible"),
        [
            ("callbacks", "callbacks"),
            ("callbacks", "errbacks"),
            ("errbacks", "callbacks"),
            ("errbacks", "errbacks"),
        ]
    );
    // Beside each box, and from there to the next level.
    assert_eq!(
        ways(&svg, "passing"),
        [
            ("errbacks", "errbacks"),
            ("errbacks", "errbacks"),
            ("callbacks", "callbacks"),
            ("callbacks", "callbacks"),
        ]
    );
    assert!(ways(&svg, "taken").is_empty());
}

#[test]
fn a_callback_that_fails_crosses_over_and_an_errback_that_recovers_crosses_back() {
    let (page, chart) = Deferred::succeed("no number").charted();
    page.add_callback(|text| Ok(text.parse::<u32>()?))
        .map(|number| number + 1)
        .add_errback(|_| Ok(0))
        .add_callback(|_| ());
    let svg = chart.to_svg();
    assert_eq!(
        ways(&svg, "taken"),
        [
            ("callbacks", "callbacks"),
            ("callbacks", "errbacks"),
            ("errbacks", "callbacks"),
            ("callbacks", "callbacks"),
        ]
    );
    assert_eq!(ways(&svg, "taken passing"), [("errbacks", "errbacks"); 2]);
    assert!(svg.contains(">invalid digit found in string</text>"));
}

#[test]
fn the_text_is_two_columns_with_the_way_in_heavy_lines() {
    let (page, chart) = Deferred::succeed("no number").charted();
    page.add_callback(|text| Ok(text.parse::<u32>()?))
        .add_errback(|_| Ok(0));
    let first = line!() - 3;
    let place = |line: u32| format!("chart.rs:{}", first + line);
    let callback = format!("{:32}", format!("add_callback {}", place(1)));
    let errback = format!("{:32}", format!("add_errback {}", place(2)));
    let name = "closure in the_text_is_two_colu…";
    let expected = format!(
        "\
Deferred<&str> made at {}
              callbacks                               errbacks
                  ┃ &str                                  ┊
┏━━━━━━━━━━━━━━━━━┻━━━━━━━━━━━━━━━━┓                      ┊
┃ {name} ┃                      ┊
┃ {callback} ┃                      ┊
┗━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━┛                      ┊
                  ┗━━ invalid digit found in string ━━━━━━┓
                  ┊                     ┏━━━━━━━━━━━━━━━━━┻━━━━━━━━━━━━━━━━┓
                  ┊                     ┃ {name} ┃
                  ┊                     ┃ {errback} ┃
                  ┊                     ┗━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━┛
                  ┏━━ u32 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
                  ▼
",
        place(0)
    );
    assert_eq!(chart.to_string(), expected);
}

#[test]
fn a_chain_that_waits_ends_in_a_dashed_box_that_says_for_what() {
    let (resolver, deferred) = Deferred::<u32>::pending();
    let made = line!() - 1;
    let (deferred, chart) = deferred.charted();
    let (_inner_resolver, inner) = Deferred::<u32>::pending();
    let inner_made = line!() - 1;
    let _chain = deferred.add_callback(move |_| inner);

    let waits = format!("waits for the Resolver made at chart.rs:{made}, since just now");
    assert!(chart.to_string().contains(&waits), "{chart}");
    assert!(chart.to_svg().contains(&waits));

    resolver.callback(1);
    let waits = format!("waits for the Deferred made at chart.rs:{inner_made}, since just now");
    assert!(chart.to_string().contains(&waits), "{chart}");
    let svg = chart.to_svg();
    assert!(svg.contains(&waits) && svg.contains("<rect class=\"waits\""));
}

#[test]
fn a_deferred_that_a_callback_returned_is_a_chain_inside_the_chain() {
    let (deferred, chart) = Deferred::succeed(1).charted();
    let _chain = deferred
        .add_callback(|value| Deferred::succeed(value).map(|value| value + 1))
        .add_callback(Ok);
    let svg = chart.to_svg();
    assert_eq!(svg.matches("<g class=\"inner\">").count(), 1);
    let all = steps(&svg);
    let methods: Vec<&str> = all.iter().map(|step| step.method).collect();
    assert_eq!(methods, ["add_callback", "map", "add_callback"]);
    assert!(all.iter().all(|step| step.boxes == ["callback ran"]));
    assert!(chart.to_string().contains("╭╌ returned Deferred<i32>"));
}

#[test]
fn a_chain_inside_the_chain_that_goes_on_later_is_drawn_as_it_went() {
    let (resolver, deferred) = Deferred::pending();
    let (deferred, chart) = deferred.charted();
    let slot = std::rc::Rc::new(std::cell::RefCell::new(None));
    let inside = std::rc::Rc::clone(&slot);
    let _chain = deferred.add_callback(move |(): ()| {
        let (inner_resolver, inner) = Deferred::<u32>::pending();
        *inside.borrow_mut() = Some(inner_resolver);
        inner.add_errback(|_| Ok(0))
    });
    resolver.callback(());
    let inner_resolver = slot.take().expect("the callback has run");
    inner_resolver.errback(Refused(1));
    let svg = chart.to_svg();
    let went: Vec<(&str, &str)> = steps(&svg)
        .iter()
        .map(|step| (step.entered, step.left))
        .collect();
    assert_eq!(
        went,
        [("callbacks", "callbacks"), ("errbacks", "callbacks")]
    );
    assert!(!svg.contains("class=\"waits\""));
}

#[test]
fn the_inputs_of_a_list_are_lanes_that_flow_together() {
    let (deferred, chart) = Deferred::succeed(()).charted();
    let _chain = deferred
        .add_callback(|()| {
            gather_results([1, 2, 3].map(|number| Deferred::succeed(number).map(|n| n * 2)))
        })
        .map(|numbers| numbers.len());
    let svg = chart.to_svg();
    assert_eq!(svg.matches("class=\"way lane\"").count(), 3);
    assert!(svg.contains("list of 3 waited for at chart.rs:"));
    let text = chart.to_string();
    assert!(
        (0..3).all(|lane| text.contains(&format!("╭╌ lane {lane}: "))),
        "{text}"
    );
}

#[test]
fn what_is_in_an_error_text_cannot_break_the_picture() {
    let (deferred, chart) = Deferred::<u32>::fail(Failure::message("<a & \"b\">\u{1}\n")).charted();
    let _chain = deferred.map(|value| value);
    let svg = chart.to_svg();
    assert!(svg.contains("&lt;a &amp; &quot;b&quot;&gt; "));
    assert!(!svg.contains('\u{1}'));
}

#[test]
fn a_chart_changes_nothing_of_what_happens() {
    let plain = Deferred::succeed(2).map(|value| value * 2);
    let (charted, _chart) = Deferred::succeed(2).charted();
    let charted = charted.map(|value| value * 2);
    assert_eq!(
        crate::support::value_of(plain),
        crate::support::value_of(charted)
    );
}
