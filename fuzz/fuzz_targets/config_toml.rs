//! Any text as a dialplan file: an answer, never a panic, and an answer that can be printed.

#![no_main]

use std::sync::Arc;

use dialplan::{Action, CallFacts, Event, Run, decide, explain, parse};
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
            let facts = CallFacts::inbound("carrier-a", "+14155550199", "+14155550100");
            let _decision = decide(&plan, &facts);
            assert!(explain(&plan, &facts).to_string().contains("=>"));
            for route in &plan.routes {
                let mut run = Run::new(&plan, &Arc::clone(route));
                assert_ne!(run.step(Event::Start), Action::Wait);
                run.step(Event::Ended);
                assert!(run.is_over());
            }
        }
    }
});
