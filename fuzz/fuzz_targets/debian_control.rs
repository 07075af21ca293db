#![no_main]
//! Any text as a Packages file, as dpkg's status, as a request, and as all three at once.

use apt_solver::{BaseSet, Packages, Question, Request, Stanza, Status, choose, stanzas};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let counted = stanzas(text).map(|stanza| stanza.fields().count()).sum::<usize>();
    assert!(counted <= text.lines().count());
    assert!(Stanza::new(text).as_str().len() <= text.len());
    let mut parts = text.splitn(3, "\n---\n");
    let (packages, status, requests) = (parts.next(), parts.next(), parts.next());
    let Ok(base) = Status::read(status) else { return };
    let Ok(index) = Packages::index("fuzz", packages.unwrap_or_default()) else { return };
    let requests: Vec<Request> = requests
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let indexes = [index];
    for recommends in [false, true] {
        let question = Question {
            indexes: &indexes,
            base: &base,
            architecture: "amd64",
            foreign: &["i386".to_owned()],
            requests: &requests,
            from_nothing: base.is_empty().then_some(BaseSet::Important),
            recommends,
            locked: &[],
        };
        match choose(&question) {
            Ok(choice) => {
                let mut others = requests.clone();
                others.reverse();
                assert_eq!(
                    choose(&Question { requests: &others, ..question }).as_ref(),
                    Ok(&choice)
                );
            }
            Err(refusal) => assert!(!refusal.to_string().is_empty()),
        }
    }
});
