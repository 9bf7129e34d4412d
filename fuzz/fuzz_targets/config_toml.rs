//! Any text as a dialplan file: an answer, never a panic, and an answer that can be printed.

#![no_main]

use std::sync::Arc;

use dialplan::{Action, Attest, CallFacts, DialTarget, Event, Number, Run, decide, explain, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse(text, "fuzz") {
        Err(errors) => {
            assert!(errors.count() > 0);
            assert!(!errors.to_string().is_empty());
            let lines = text.split('\n').count();
            for problem in errors.problems().iter().chain(errors.warnings().problems()) {
                assert!((1..=lines).contains(&problem.line));
                assert!(!problem.excerpt.contains('\n'));
            }
        }
        Ok(plan) => {
            assert_eq!(plan.warnings().to_string().is_empty(), plan.warnings().is_empty());
            let came = CallFacts::inbound("carrier-a", "+14155550199", "+14155550100").attested(Attest::A);
            for facts in [came, CallFacts::outbound("carrier-a", "+14155550100", "+14155550199")] {
                let _decision = decide(&plan, &facts);
                assert!(explain(&plan, &facts).to_string().contains("=>"));
            }
            for trunk in &plan.trunks {
                let number = DialTarget::Number(Number::new("+19005550100").expect("a number"));
                assert!(trunk.may_place(&number, None).is_err() || trunk.outbound.is_some());
                assert!(!trunk.allowed_transports().is_empty());
            }
            for app in &plan.apps {
                let mut run = Run::outbound(&plan, None, app, None).expect("its own flow URL");
                assert_eq!(run.step(Event::Start), Action::Wait);
                assert_ne!(run.step(Event::Answered), Action::Wait);
            }
            for route in &plan.routes {
                let mut run = Run::new(&plan, &Arc::clone(route));
                assert_ne!(run.step(Event::Start), Action::Wait);
                run.step(Event::Ended);
                assert!(run.is_over());
            }
        }
    }
});
