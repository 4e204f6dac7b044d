//! Files that need each other: a reader of one has to know all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::sources;
use crate::uses::Modules;

type Needs<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// The circles there may be, each with its reason. One may shrink and not grow.
const ACCEPTED: &[Accepted] = &[
    Accepted {
        files: &[
            "reactor/deferred/chain.rs",
            "reactor/deferred/link.rs",
            "reactor/deferred/outcome.rs",
            "reactor/deferred/step.rs",
        ],
        because: "one recursive type: a chain is of links, a link has a step, and what a step returns may be a chain",
    },
    Accepted {
        files: &[
            "reactor/reactor.rs",
            "reactor/remote_reactor.rs",
            "reactor/weak_reactor.rs",
        ],
        because: "a loop hands out its other handles, which give the loop back",
    },
    Accepted {
        files: &[
            "reactor/driver/simulated/events.rs",
            "reactor/driver/simulated/network.rs",
        ],
        because: "what is due in a network, and what it does when it is due: one type in two files",
    },
    Accepted {
        files: &[
            "reactor/sources/attempt/mod.rs",
            "reactor/sources/attempt/trial.rs",
        ],
        because: "an attempt begins to try an address, which tells the attempt what became of it",
    },
    Accepted {
        files: &[
            "reactor/transport/group_flow.rs",
            "reactor/transport/loop_side.rs",
            "reactor/transport/mod.rs",
            "reactor/transport/posts.rs",
            "reactor/transport/reading.rs",
            "reactor/transport/sending.rs",
        ],
        because: "one recursive type: a transport keeps those that wait for it and calls that get one, and puts itself on the loop's list",
    },
    Accepted {
        files: &[
            "reactor/http/client/channel.rs",
            "reactor/http/client/pool.rs",
        ],
        because: "a pool makes its connections, and each gives itself back to its pool",
    },
];

struct Accepted {
    files: &'static [&'static str],
    #[expect(dead_code, reason = "it is for who reads the list")]
    because: &'static str,
}

/// All that a file needs, by way of others too.
fn reach<'a>(needs: &Needs<'a>, file: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut next = vec![file];
    while let Some(file) = next.pop() {
        for their in needs.get(file).into_iter().flatten() {
            if found.insert(*their) {
                next.push(their);
            }
        }
    }
    found
}

/// The largest sets of files of which each needs each.
fn circles<'a>(needs: &Needs<'a>) -> BTreeSet<BTreeSet<&'a str>> {
    let reaches: BTreeMap<_, _> = needs
        .keys()
        .map(|file| (*file, reach(needs, file)))
        .collect();
    let of = |file: &&'a str| {
        let theirs = reaches[file].iter();
        let both = theirs.filter(|their| reaches.get(**their).is_some_and(|r| r.contains(file)));
        both.copied().collect::<BTreeSet<_>>()
    };
    let found = needs.keys().map(of);
    found.filter(|circle| circle.len() > 1).collect()
}

fn show(circle: &BTreeSet<&str>, needs: &Needs<'_>) -> String {
    let line = |file: &&str| {
        let inside: Vec<_> = needs[file].intersection(circle).copied().collect();
        format!("  {file} needs {}\n", inside.join(", "))
    };
    circle.iter().map(line).collect()
}

#[test]
fn files_need_each_other_only_where_the_list_says_why() {
    let modules = Modules::new("reactor", sources(&["reactor"]));
    let needs = modules.needs();
    assert!(needs.len() > 100, "the files are found: {}", needs.len());
    let found = circles(&needs);
    let of = |accepted: &Accepted| accepted.files.iter().copied().collect::<BTreeSet<_>>();
    let accepted: Vec<_> = ACCEPTED.iter().map(of).collect();
    let new: String = found
        .iter()
        .filter(|circle| !accepted.iter().any(|entry| circle.is_subset(entry)))
        .map(|circle| {
            format!(
                "a circle of {} files:\n{}",
                circle.len(),
                show(circle, &needs)
            )
        })
        .collect();
    assert!(new.is_empty(), "{new}");
    let smaller: String = accepted
        .iter()
        .filter(|entry| !found.contains(*entry))
        .map(|entry| {
            let left: BTreeSet<_> = found.iter().filter(|c| c.is_subset(entry)).collect();
            format!("the entry of\n  {entry:?}\ncan be taken out; what is left of it: {left:?}\n")
        })
        .collect();
    assert!(smaller.is_empty(), "{smaller}");
}
