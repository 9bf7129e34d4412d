//! Checks of routes.

use crate::model::{RouteFile, Step, Trunk, When};
use crate::report::Code;
use crate::rule::Reader;
use crate::value::{Name, Number, NumberPattern, OnEnd, OnFailure, OnStreamEnd, TransferMode};

/// `transfer`: the trunk of the second call is known, where there is one.
pub(crate) fn transfer_mode(
    cx: &mut Reader<'_>,
    mode: Option<TransferMode>,
    trunk: Option<&Option<Name>>,
    from: Option<&Option<Number>>,
) {
    match mode {
        Some(mode @ (TransferMode::Attended | TransferMode::Bridge)) if trunk == Some(&None) => {
            let place = cx.place_of("mode");
            let message = format!("a transfer with `mode = \"{mode}\"` places a second call, and lacks `trunk`");
            cx.error(Code::MissingKey, place, message, "add trunk = \"carrier-a\"");
        }
        Some(TransferMode::Blind) if from.is_some_and(Option::is_some) => {
            let place = cx.place_of("from");
            let message = "a blind transfer places no call of ours, so it shows no number of ours";
            cx.error(Code::Conflict, place, message, "remove `from`, or use `mode = \"attended\"` or `\"bridge\"`");
        }
        Some(TransferMode::Blind | TransferMode::Attended | TransferMode::Bridge) | None => {}
    }
}

/// Steps that make sense in their order. A call that we placed is answered when its steps begin.
pub(crate) fn step_order(cx: &mut Reader<'_>, steps: &[Step], outbound: bool) {
    let mut answered = outbound;
    for (index, step) in steps.iter().enumerate() {
        let place = cx.place_of(&format!("do[{index}]"));
        match step {
            Step::Ring | Step::Answer if outbound => {
                let message = "`ring` or `answer` in a route for calls that we place: there the far end answers";
                cx.error(Code::Conflict, place, message, "remove this step");
            }
            Step::Ring if answered => {
                cx.error(Code::Conflict, place, "`ring` after the call was answered", "put `ring` first");
            }
            Step::Answer if answered => {
                cx.error(Code::Conflict, place, "`answer`, but the call is answered already", "remove this step");
            }
            Step::Ring => {}
            Step::Answer | Step::Play(_) | Step::Stream(_) => answered = true,
            Step::App(_) | Step::Dial(_) | Step::Transfer(_) => {}
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
        Step::Dial(dial) => (dial.on_end, dial.on_failure) == (OnEnd::Hangup, OnFailure::Hangup),
        Step::Transfer(transfer) => transfer.on_failure == OnFailure::Hangup,
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
    let direction = first.direction() == other.direction();
    let attest = first.attest.is_empty()
        || (!other.attest.is_empty() && other.attest.iter().all(|attest| first.attest.contains(attest)));
    trunk && direction && attest && all_covered(&first.from, &other.from) && all_covered(&first.to, &other.to)
}

fn all_covered(first: &[NumberPattern], other: &[NumberPattern]) -> bool {
    other.iter().all(|pattern| first.iter().any(|wide| wide.covers(pattern)))
}
