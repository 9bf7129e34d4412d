//! Checks of routes.

use crate::model::{RouteFile, Step, Trunk, When};
use crate::report::Code;
use crate::rule::Reader;
use crate::value::{NumberPattern, OnFailure, OnStreamEnd};

/// Steps that make sense in their order.
pub(crate) fn step_order(cx: &mut Reader<'_>, steps: &[Step]) {
    let mut answered = false;
    for (index, step) in steps.iter().enumerate() {
        let place = cx.place_of(&format!("do[{index}]"));
        match step {
            Step::Ring if answered => {
                cx.error(Code::Conflict, place, "`ring` after the call was answered", "put `ring` first");
            }
            Step::Answer if answered => {
                cx.error(Code::Conflict, place, "`answer`, but the call is answered already", "remove this step");
            }
            Step::Ring => {}
            Step::Answer | Step::Play(_) | Step::Stream(_) => answered = true,
            Step::App(_) => {}
            Step::Hangup => {}
        }
        if ends_the_call(step) && index + 1 < steps.len() {
            let place = cx.place_of(&format!("do[{}]", index + 1));
            let message = "no call gets to this step: the one before always ends the call";
            return cx.warn(Code::Unreachable, place, message, "remove it, or change the step before");
        }
    }
}

/// Steps after which nothing comes, whatever happens.
fn ends_the_call(step: &Step) -> bool {
    match step {
        Step::Hangup => true,
        Step::Stream(stream) => (stream.on_stream_end, stream.on_failure) == (OnStreamEnd::Hangup, OnFailure::Hangup),
        Step::App(app) => (app.on_stream_end, app.on_failure) == (Some(OnStreamEnd::Hangup), Some(OnFailure::Hangup)),
        Step::Ring | Step::Answer | Step::Play(_) => false,
    }
}

/// Routes that no call gets to, because an earlier one takes all of theirs.
pub(crate) fn unreachable(cx: &mut Reader<'_>, routes: &[RouteFile], trunks: &[Trunk]) {
    for (index, route) in routes.iter().enumerate() {
        let earlier = routes.iter().take(index).enumerate();
        let Some((first, taker)) = earlier.into_iter().find(|(_, other)| covers(&other.when, &route.when, trunks))
        else {
            continue;
        };
        let place = cx.place(&format!("route[{index}].name"));
        let line = cx.source.line(cx.place(&format!("route[{first}]")).start);
        let message =
            format!("no call gets to route \"{}\": \"{}\" on line {line} takes them all", route.name, taker.name);
        cx.warn(Code::Unreachable, place, message, "put the more special route first");
    }
}

/// Whether every call that fits `other` fits `first` too. One that is not seen is no harm: it is only a warning.
fn covers(first: &When, other: &When, trunks: &[Trunk]) -> bool {
    let any_trunk = first.trunk.is_empty() || trunks.iter().all(|trunk| first.trunk.contains(&trunk.name));
    let trunk = any_trunk || (!other.trunk.is_empty() && other.trunk.iter().all(|name| first.trunk.contains(name)));
    let direction = first.direction.is_none() || first.direction == other.direction;
    trunk && direction && all_covered(&first.from, &other.from) && all_covered(&first.to, &other.to)
}

fn all_covered(first: &[NumberPattern], other: &[NumberPattern]) -> bool {
    other.iter().all(|pattern| first.iter().any(|wide| wide.covers(pattern)))
}
