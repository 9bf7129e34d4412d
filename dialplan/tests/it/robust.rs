//! Whatever the file holds, the answer is an answer.

use dialplan::{Code, limits, parse};
use proptest::prelude::*;

use crate::documents::EXAMPLES;

/// Reads and prints everything, so that the printing is tested too.
fn survive(text: &str) {
    match parse(text, "any") {
        Ok(plan) => {
            assert_eq!(plan.warnings().to_string().is_empty(), plan.warnings().is_empty());
        }
        Err(errors) => {
            assert!(!errors.problems().is_empty());
            let lines = text.split('\n').count();
            for problem in errors.problems().iter().chain(errors.warnings().problems()) {
                assert!((1..=lines).contains(&problem.line), "{problem:?}");
                assert!(problem.column >= 1 && !problem.message.is_empty() && !problem.help.is_empty());
                let (start, length) = problem.mark;
                assert!(start + length <= problem.excerpt.chars().count() + 1, "{problem:?}");
                assert!(!problem.excerpt.contains(['\n', '\u{1b}']));
            }
            let shown = errors.to_string();
            assert!(shown.contains("any:"));
        }
    }
}

proptest! {
    #[test]
    fn any_text(text in "\\PC{0,200}") {
        survive(&text);
    }

    #[test]
    fn any_characters(text in any::<Vec<char>>()) {
        survive(&text.into_iter().collect::<String>());
    }

    #[test]
    fn something_like_toml(text in "([a-z]{1,6}|\\[\\[?(sip|media|trunk|app|route|danger)\\]?\\]|[\\[\\]{}=,.\"'#\n \u{fc}]|\"[a-z:/.]{0,9}\"|[0-9]{1,4}){0,60}") {
        survive(&text);
    }

    /// An example with a piece cut out, doubled, or replaced.
    #[test]
    fn damaged_examples(
        example in 0..EXAMPLES.len(),
        cut in any::<(prop::sample::Index, prop::sample::Index)>(),
        instead in "([\\PC]|\n|\"|=){0,6}",
    ) {
        let text = EXAMPLES[example].1;
        let boundary = |index: usize| (0..=index).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (one, two) = (boundary(cut.0.index(text.len())), boundary(cut.1.index(text.len())));
        let (from, to) = (one.min(two), one.max(two));
        let nearby = boundary((from + 40).min(to));
        survive(&format!("{}{instead}{}", &text[..from], &text[nearby..]));
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let text = "# comment\n".repeat(limits::MAX_FILE_OCTETS / 10 + 1);
    let errors = parse(&text, "large").unwrap_err();
    assert_eq!(errors.problems().len(), 1);
    assert_eq!(errors.problems()[0].code, Code::OutOfRange);
}

#[test]
fn deep_nesting_is_an_error_not_an_overflow() {
    for open in ["[", "{a=", "[{a="] {
        survive(&format!("x = {}", open.repeat(100_000)));
    }
    survive(&format!("{} = 1", vec!["a"; 20_000].join(".")));
    survive(&format!("[{}]", vec!["a"; 20_000].join(".")));
}

#[test]
fn thousands_of_problems_are_counted_not_printed() {
    let text = (0..5_000).map(|n| format!("k{n} = {n}")).collect::<Vec<_>>().join("\n");
    let shown = parse(&text, "many").unwrap_err().to_string();
    assert!(shown.lines().count() < 1_000);
    assert!(shown.contains("and 4902 more"), "{}", &shown[shown.len() - 100..]);
}

#[test]
fn many_routes_are_checked_in_time() {
    let count = limits::MAX_ROUTES - 1;
    let route = |n| format!("[[route]]\nname = \"r{n}\"\nwhen = {{ to = \"+1415555{n:04}\" }}\nreject = 404\n");
    let routes: Vec<String> = (0..count).map(route).collect();
    let mut text = format!("{}{}", EXAMPLES[0].1, routes.concat());
    // "echo" takes every call, so each of them is unreachable.
    let plan = parse(&text, "many").unwrap();
    assert_eq!(plan.warnings().count(), count);
    text.push_str("[[route]]\nname = \"one too many\"\nreject = 404\n");
    assert!(parse(&text, "many").is_err());
}
