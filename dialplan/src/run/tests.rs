//! The machine against scripts, and against everything.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::limits::MAX_FLOW_REQUESTS;
use crate::model::Dialplan;
use crate::model::{DialStep, TransferStep};
use crate::value::{Dialect, HttpsUrl, OnEnd, OnFailure, Rate, TransferMode, WssUrl};
use crate::{CallFacts, Decision, decide, parse};

/// A plan with one route that does `steps`, and two applications.
fn plan(steps: &str) -> Dialplan {
    let text = format!(
        r#"
[sip]
domain = "voice.example.com"
listen = ["udp://192.0.2.1:5060"]
[media]
bind = "192.0.2.1"
[[trunk]]
name = "out"
srtp = "off"
danger = {{ plaintext_media = "anyone on the path can listen" }}
outbound = {{ to = "sip:192.0.2.9;transport=udp", destinations = "+1415*", uris = "sips:*@pbx.example", from = ["+14155550100", "+1415556*"] }}
[[trunk]]
name = "other"
srtp = "off"
danger = {{ plaintext_media = "anyone on the path can listen" }}
outbound = {{ to = "sip:192.0.2.10;transport=udp", destinations = "+1415*", from = "+14155550200" }}
[[app]]
name = "bot"
flow_url = "https://bot.example.com/flow"
signing = {{ credential = "k" }}
private_hosts = ["10.0.0.7"]
stream = {{ rate = 24000, chunk_ms = 40, hosts = ["media.example.com"] }}
[[app]]
name = "stubborn"
flow_url = "https://stubborn.example.com/flow"
signing = {{ credential = "k" }}
account = "acme"
on_stream_end = "hangup"
on_failure = "continue"
[[route]]
name = "the route"
{steps}
"#
    );
    parse(&text, "test.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn run(steps: &str) -> Run {
    let plan = plan(&format!("do = [{steps}]"));
    Run::new(&plan, &plan.routes[0])
}

fn https(text: &str) -> HttpsUrl {
    text.parse().unwrap()
}

fn wss(text: &str) -> WssUrl {
    text.parse().unwrap()
}

fn stream_to(url: &str, next: Option<&str>) -> Event {
    let next = next.map(https);
    Event::FlowAnswered(FlowAction::Stream { url: wss(url), dialect: None, rate: None, chunk: None, next })
}

fn play(url: &str, next: Option<&str>) -> Event {
    Event::FlowAnswered(FlowAction::Play { url: https(url), next: next.map(https) })
}

/// The kind of an action, and where it goes.
fn brief(action: &Action) -> String {
    match action {
        Action::Wait => "wait".to_owned(),
        Action::Ring => "ring".to_owned(),
        Action::Answer => "answer".to_owned(),
        Action::AskApp { app, url } => format!("ask {} {}", app.name, url.as_str()),
        Action::OpenStream(plan) => format!("stream {}", plan.url.as_str()),
        Action::PlayFile(file) => format!("play {}", file.path().display()),
        Action::PlayEarly(file) => format!("play early {}", file.path().display()),
        Action::PlayUrl { url, .. } => format!("fetch {}", url.as_str()),
        Action::Dial(plan) => {
            format!("dial {} as {} by {}", plan.to.expose(), plan.from.as_str(), plan.trunk.name)
        }
        Action::Bridge => "bridge".to_owned(),
        Action::Transfer(plan) => {
            format!("{} {}", if plan.attended { "hand over to" } else { "refer to" }, plan.to.expose())
        }
        Action::Reject(reject) => format!("reject {}", reject.status),
        Action::Hangup(cause) => format!("hangup {}", cause.as_str()),
    }
}

/// Feeds the events; each must bring the action beside it.
#[track_caller]
fn script(run: &mut Run, lines: Vec<(Event, &str)>) {
    for (event, expected) in lines {
        let shown = format!("{event:?}");
        assert_eq!(brief(&run.step(event)), expected, "after {shown}");
    }
}

#[test]
fn the_steps_are_taken_in_order_and_the_end_hangs_up() {
    let mut run = run(r#"{ ring = {} }, { answer = {} }, { play = { file = "a.wav" } }, { app = "bot" }"#);
    script(
        &mut run,
        vec![
            (Event::Start, "ring"),
            (Event::Rang, "answer"),
            (Event::Answered, "play a.wav"),
            (Event::PlayEnded, "ask bot https://bot.example.com/flow"),
            (stream_to("wss://bot.example.com/s?t=1", None), "stream wss://bot.example.com/s?t=1"),
            (Event::StreamEnded, "hangup route-ended"),
            (Event::Ended, "wait"),
        ],
    );
    assert!(run.is_over());
}

#[test]
fn early_media_does_not_answer() {
    let mut early = run(r#"{ play = { file = "a.wav", early = true } }, { app = "bot" }"#);
    script(
        &mut early,
        vec![
            (Event::Start, "play early a.wav"),
            (Event::PlayEnded, "ask bot https://bot.example.com/flow"),
            (Event::FlowAnswered(FlowAction::Hangup), "reject 603"),
        ],
    );
    let mut late = run(r#"{ answer = {} }, { play = { file = "a.wav", early = true } }"#);
    script(
        &mut late,
        vec![(Event::Start, "answer"), (Event::Answered, "play a.wav"), (Event::PlayEnded, "hangup route-ended")],
    );
}

#[test]
fn what_needs_audio_answers_first() {
    let mut asked = run(r#"{ app = "bot" }"#);
    script(
        &mut asked,
        vec![
            (Event::Start, "ask bot https://bot.example.com/flow"),
            (stream_to("wss://media.example.com/s", None), "answer"),
            (Event::Answered, "stream wss://media.example.com/s"),
        ],
    );
    let mut played = run(r#"{ play = { file = "a.wav" } }, { play = { file = "b.wav" } }"#);
    script(
        &mut played,
        vec![
            (Event::Start, "answer"),
            (Event::Answered, "play a.wav"),
            (Event::PlayFailed, "play b.wav"),
            (Event::PlayEnded, "hangup route-ended"),
        ],
    );
}

#[test]
fn a_call_that_was_not_answered_is_refused_not_hung_up() {
    script(&mut run("{ hangup = {} }"), vec![(Event::Start, "reject 603")]);
    script(&mut run("{ ring = {} }"), vec![(Event::Start, "ring"), (Event::Rang, "reject 603")]);
    let ask = || (Event::Start, "ask bot https://bot.example.com/flow");
    script(&mut run(r#"{ app = "bot" }"#), vec![ask(), (Event::FlowFailed, "reject 503")]);
    script(&mut run(r#"{ app = "bot" }"#), vec![ask(), (Event::FlowAnswered(FlowAction::Hangup), "reject 603")]);
    // The 200 is on its way: too late for a refusal.
    script(&mut run("{ answer = {} }"), vec![(Event::Start, "answer"), (Event::AppHangup, "hangup app")]);
}

#[test]
fn a_route_may_refuse() {
    let plan = plan("reject = { status = 486, reason = \"Busy tonight\" }");
    let facts = CallFacts::inbound("any", "+14155550100", "+14155550101");
    let Decision::Reject { reject, route } = decide(&plan, &facts) else { panic!("not refused") };
    let mut run = Run::new(&plan, route);
    assert_eq!(run.step(Event::Start), Action::Reject(reject.clone()));
    assert_eq!(run.step(Event::Start), Action::Wait);
}

#[test]
fn the_application_is_asked_again_where_it_says() {
    let mut run = run(r#"{ answer = {} }, { app = "bot" }, { play = { file = "bye.wav" } }"#);
    let again = "https://media.example.com/again";
    script(
        &mut run,
        vec![
            (Event::Start, "answer"),
            (Event::Answered, "ask bot https://bot.example.com/flow"),
            (play("https://bot.example.com/a.wav", Some(again)), "fetch https://bot.example.com/a.wav"),
            (Event::PlayEnded, "ask bot https://media.example.com/again"),
            (stream_to("wss://bot.example.com/s", Some(again)), "stream wss://bot.example.com/s"),
            (Event::StreamEnded, "ask bot https://media.example.com/again"),
            (play("https://bot.example.com/b.wav", None), "fetch https://bot.example.com/b.wav"),
            (Event::PlayFailed, "play bye.wav"),
        ],
    );
}

#[test]
fn an_application_that_never_ends_is_ended() {
    let mut run = run(r#"{ answer = {} }, { app = "bot" }"#);
    script(&mut run, vec![(Event::Start, "answer"), (Event::Answered, "ask bot https://bot.example.com/flow")]);
    let url = "https://bot.example.com/flow";
    for _ in 1..MAX_FLOW_REQUESTS {
        script(
            &mut run,
            vec![
                (play("https://bot.example.com/a.wav", Some(url)), "fetch https://bot.example.com/a.wav"),
                (Event::PlayEnded, "ask bot https://bot.example.com/flow"),
            ],
        );
    }
    script(
        &mut run,
        vec![
            (play("https://bot.example.com/a.wav", Some(url)), "fetch https://bot.example.com/a.wav"),
            (Event::PlayEnded, "hangup app-failed"),
        ],
    );
    assert_eq!(run.take_refusal(), Some(FlowRefusal::TooManyRequests));
    assert_eq!(run.take_refusal(), None);
}

#[test]
fn a_flow_answer_may_only_name_hosts_of_the_application() {
    let strange = "https://evil.example/";
    let own = "https://bot.example.com/a.wav";
    let rate = |rate| FlowAction::Stream {
        url: wss("wss://bot.example.com/"),
        dialect: Some(Dialect::Teler),
        rate: Some(rate),
        chunk: None,
        next: None,
    };
    for (event, refusal) in [
        (stream_to("wss://evil.example/", None), FlowRefusal::StreamHost),
        (stream_to("wss://bot.example.com.evil.example/", None), FlowRefusal::StreamHost),
        (stream_to("wss://bot.example.com/", Some(strange)), FlowRefusal::FlowHost),
        (play(strange, None), FlowRefusal::PlayHost),
        (play(own, Some(strange)), FlowRefusal::FlowHost),
        (Event::FlowAnswered(rate(Rate::Hz24000)), FlowRefusal::Rate),
    ] {
        let mut run = run(r#"{ app = "bot" }"#);
        script(&mut run, vec![(Event::Start, "ask bot https://bot.example.com/flow"), (event, "reject 503")]);
        assert_eq!(run.take_refusal(), Some(refusal));
    }
}

#[test]
fn the_application_and_the_step_say_what_follows_its_end_and_its_failure() {
    let sorry = r#"{ play = { file = "sorry.wav" } }"#;
    let ask = || (Event::Start, "ask stubborn https://stubborn.example.com/flow");
    let open = || (stream_to("wss://stubborn.example.com/s", None), "answer");
    let opened = || (Event::Answered, "stream wss://stubborn.example.com/s");

    let own = format!(r#"{{ app = "stubborn" }}, {sorry}"#);
    script(&mut run(&own), vec![ask(), open(), opened(), (Event::StreamEnded, "hangup stream-ended")]);
    script(&mut run(&own), vec![ask(), open(), opened(), (Event::StreamFailed, "play sorry.wav")]);
    script(&mut run(&own), vec![ask(), (Event::FlowFailed, "answer"), (Event::Answered, "play sorry.wav")]);

    let other =
        format!(r#"{{ app = {{ name = "stubborn", on_stream_end = "continue", on_failure = "hangup" }} }}, {sorry}"#);
    script(&mut run(&other), vec![ask(), open(), opened(), (Event::StreamEnded, "play sorry.wav")]);
    script(&mut run(&other), vec![ask(), open(), opened(), (Event::StreamFailed, "hangup app-failed")]);
    script(&mut run(&other), vec![ask(), open(), opened(), (Event::AppHangup, "hangup app")]);
}

#[test]
fn a_stream_gets_what_the_answer_says_then_what_the_file_says_then_the_default() {
    let stream = |steps: &str, answer: Option<FlowAction>| {
        let mut run = run(steps);
        let mut action = run.step(Event::Start);
        if let Some(answer) = answer {
            action = run.step(Event::FlowAnswered(answer));
        }
        assert_eq!(action, Action::Answer);
        let Action::OpenStream(plan) = run.step(Event::Answered) else { panic!("no stream") };
        *plan
    };
    let answer = |dialect, rate, chunk| {
        Some(FlowAction::Stream { url: wss("wss://bot.example.com/"), dialect, rate, chunk, next: None })
    };
    let ms = Duration::from_millis;
    let bot = r#"{ app = "bot" }"#;

    let plan = stream(bot, answer(None, None, None));
    assert_eq!((plan.format.rate, plan.format.chunk), (Rate::Hz24000, ms(40)));
    assert_eq!((plan.app.as_ref().map(crate::Name::as_str), plan.account.as_str()), (Some("bot"), "bot"));
    assert_eq!((plan.signing.len(), plan.private_hosts.len()), (1, 1));

    // 24 kHz and 40 ms are said of native; teler has defaults of its own.
    let plan = stream(bot, answer(Some(Dialect::Teler), None, None));
    assert_eq!((plan.format.rate, plan.format.chunk), (Rate::Hz8000, ms(400)));
    let plan = stream(bot, answer(Some(Dialect::Native), Some(Rate::Hz8000), Some(ms(20))));
    assert_eq!((plan.format.rate, plan.format.chunk), (Rate::Hz8000, ms(20)));

    let direct = r#"{ stream = { url = "wss://10.0.0.9/s", private_address = true, dialect = "teler", timeout = 3 } }"#;
    let plan = stream(direct, None);
    assert_eq!((plan.format.rate, plan.format.chunk, plan.timeout), (Rate::Hz8000, ms(400), ms(3_000)));
    assert_eq!((plan.app, plan.account.as_str(), plan.signing.len()), (None, "the route", 0));
    assert_eq!(plan.private_hosts, ["10.0.0.9".parse().unwrap()]);
}

#[test]
fn a_run_outlives_its_file() {
    let plan = plan(r#"do = [{ app = "bot" }]"#);
    let mut run = Run::new(&plan, &plan.routes[0]);
    drop(plan);
    script(&mut run, vec![(Event::Start, "ask bot https://bot.example.com/flow")]);
    assert_eq!(run.route().name.as_str(), "the route");
}

#[test]
fn a_route_whose_application_is_gone_counts_as_its_failure() {
    let with = plan(r#"do = [{ app = "bot" }]"#);
    let without = Dialplan { apps: Vec::new(), ..with.clone() };
    let mut run = Run::new(&without, &Arc::clone(&with.routes[0]));
    script(&mut run, vec![(Event::Start, "reject 503")]);
}

/// A run on trunk "out", by which flow answers may call, as a call that came in over it has.
fn run_on_trunk(steps: &str) -> Run {
    let plan = plan(&format!("do = [{steps}]"));
    let trunk = Arc::clone(plan.trunk("out").unwrap());
    Run::new(&plan, &plan.routes[0]).on_trunk(&trunk).letting_answers_call(&["out".parse().unwrap()])
}

const BUSY: Event = Event::DialFailed(DialFailure::Busy);
const DIAL: &str = r#"{ dial = { to = "+14155550111", trunk = "out" } }"#;

#[test]
fn a_dial_answers_the_caller_when_the_far_end_answers() {
    let dial = || (Event::Start, "dial +14155550111 as +14155550100 by out");
    script(
        &mut run(DIAL),
        vec![
            dial(),
            (Event::DialAnswered, "answer"),
            (Event::Answered, "bridge"),
            (Event::DialEnded, "hangup far-end"),
            (Event::DialEnded, "wait"),
        ],
    );
    let answered = format!(r#"{{ answer = {{}} }}, {DIAL}, {{ play = {{ file = "a.wav" }} }}"#);
    script(
        &mut run(&answered),
        vec![
            (Event::Start, "answer"),
            (Event::Answered, "dial +14155550111 as +14155550100 by out"),
            (Event::DialAnswered, "bridge"),
            (Event::DialEnded, "hangup far-end"),
        ],
    );
    // The far end is gone before the caller's ACK: what follows is what follows a connection that ended.
    let gone = vec![dial(), (Event::DialAnswered, "answer"), (Event::DialEnded, "wait")];
    let mut early = run(DIAL);
    script(&mut early, gone);
    script(&mut early, vec![(Event::Answered, "hangup far-end")]);
}

#[test]
fn what_follows_a_dial_is_what_the_step_says() {
    let goes_on = r#"{ dial = { to = "sips:alice@pbx.example", trunk = "out", from = "+14155560001", on_end = "continue" } }, { play = { file = "bye.wav" } }"#;
    script(
        &mut run(goes_on),
        vec![
            (Event::Start, "dial sips:alice@pbx.example as +14155560001 by out"),
            (Event::DialAnswered, "answer"),
            (Event::Answered, "bridge"),
            (Event::DialEnded, "play bye.wav"),
        ],
    );
    let two = format!(r#"{DIAL}, {{ dial = {{ to = "+14155550112", trunk = "other" }} }}"#);
    let mut second = run(&two);
    script(
        &mut second,
        vec![
            (Event::Start, "dial +14155550111 as +14155550100 by out"),
            (BUSY, "dial +14155550112 as +14155550200 by other"),
            (Event::DialFailed(DialFailure::NoAnswer), "reject 480"),
        ],
    );
    assert_eq!(second.failure(), Some(DialFailure::NoAnswer));
    let strict = r#"{ dial = { to = "+14155550111", trunk = "out", on_failure = "hangup" } }, { app = "bot" }"#;
    let dial = || (Event::Start, "dial +14155550111 as +14155550100 by out");
    script(&mut run(strict), vec![dial(), (BUSY, "reject 486")]);
    let answered = format!("{{ answer = {{}} }}, {strict}");
    script(
        &mut run(&answered),
        vec![
            (Event::Start, "answer"),
            (Event::Answered, "dial +14155550111 as +14155550100 by out"),
            (BUSY, "hangup dial-failed"),
        ],
    );
    // An end before any answer is a failure, and no connection.
    script(&mut run(DIAL), vec![dial(), (Event::DialEnded, "reject 503")]);
}

#[test]
fn a_transfer_tells_the_peer_or_stays_between() {
    let blind = r#"{ transfer = { to = "+14155550111" } }, { play = { file = "sorry.wav" } }"#;
    let refer = || vec![(Event::Start, "answer"), (Event::Answered, "refer to +14155550111")];
    let mut done = run_on_trunk(blind);
    script(&mut done, refer());
    script(&mut done, vec![(Event::TransferDone, "hangup transferred"), (Event::TransferDone, "wait")]);
    let mut failed = run_on_trunk(blind);
    script(&mut failed, refer());
    script(&mut failed, vec![(Event::TransferFailed(DialFailure::Declined), "play sorry.wav")]);
    // Nothing is known of the trunk: nothing says that its calls may be passed on.
    script(&mut run(blind), vec![(Event::Start, "answer"), (Event::Answered, "play sorry.wav")]);

    let attended = r#"{ transfer = { to = "+14155550111", mode = "attended", trunk = "other" } }"#;
    let mut handed = run_on_trunk(attended);
    script(
        &mut handed,
        vec![
            (Event::Start, "dial +14155550111 as +14155550200 by other"),
            (Event::DialAnswered, "answer"),
            (Event::Answered, "hand over to +14155550111"),
            (Event::DialEnded, "wait"),
            (Event::TransferDone, "hangup transferred"),
        ],
    );
    script(
        &mut run_on_trunk(attended),
        vec![(Event::Start, "dial +14155550111 as +14155550200 by other"), (BUSY, "reject 486")],
    );
    let bridge = r#"{ transfer = { to = "+14155550111", mode = "bridge", trunk = "out" } }, { app = "bot" }"#;
    script(
        &mut run_on_trunk(bridge),
        vec![
            (Event::Start, "dial +14155550111 as +14155550100 by out"),
            (Event::DialAnswered, "answer"),
            (Event::Answered, "bridge"),
            (Event::DialEnded, "hangup far-end"),
        ],
    );
}

fn dial_order(to: &str, trunk: &str, from: Option<&str>, next: Option<&str>) -> Event {
    let step = DialStep {
        to: to.parse().unwrap(),
        trunk: trunk.parse().unwrap(),
        from: from.map(|from| from.parse().unwrap()),
        timeout: None,
        early_media: true,
        on_end: OnEnd::Hangup,
        on_failure: OnFailure::Continue,
    };
    Event::FlowAnswered(FlowAction::Dial { step: Box::new(step), next: next.map(https) })
}

fn transfer_order(to: &str, mode: TransferMode, trunk: Option<&str>) -> Event {
    let trunk = trunk.map(|trunk| trunk.parse().unwrap());
    let (to, on_failure) = (to.parse().unwrap(), OnFailure::Continue);
    let step = TransferStep { to, mode, trunk, from: None, timeout: None, on_failure };
    Event::FlowAnswered(FlowAction::Transfer { step: Box::new(step), next: None })
}

#[test]
fn a_flow_answer_calls_only_by_the_trunks_it_may_and_whom_they_may() {
    let ask = || (Event::Start, "ask bot https://bot.example.com/flow");
    let blind = TransferMode::Blind;
    for (order, refusal) in [
        (dial_order("+14155550111", "other", None, None), FlowRefusal::Trunk),
        (dial_order("+14155550111", "nowhere", None, None), FlowRefusal::Trunk),
        (dial_order("+19005550111", "out", None, None), FlowRefusal::Destination),
        (dial_order("sip:alice@pbx.example", "out", None, None), FlowRefusal::Destination),
        (dial_order("+14155550111", "out", Some("+442071234567"), None), FlowRefusal::Caller),
        (dial_order("+14155550111", "out", None, Some("https://evil.example/")), FlowRefusal::FlowHost),
        (transfer_order("+19005550111", blind, None), FlowRefusal::Destination),
        (transfer_order("+14155550111", TransferMode::Bridge, Some("other")), FlowRefusal::Trunk),
    ] {
        let mut run = run_on_trunk(r#"{ app = "bot" }"#);
        script(&mut run, vec![ask(), (order, "reject 503")]);
        assert_eq!(run.take_refusal(), Some(refusal));
    }
    // Nothing says that answers may.
    for order in [transfer_order("+14155550111", blind, None), dial_order("+14155550111", "out", None, None)] {
        let mut denied = run(r#"{ app = "bot" }"#);
        script(&mut denied, vec![ask(), (order, "reject 503")]);
        assert_eq!(denied.take_refusal(), Some(FlowRefusal::Trunk));
    }
}

#[test]
fn an_application_is_asked_again_when_its_second_leg_is_over() {
    let ask = || (Event::Start, "ask bot https://bot.example.com/flow");
    let again = "https://bot.example.com/after";
    let order = || (dial_order("+14155550111", "out", None, Some(again)), "dial +14155550111 as +14155550100 by out");
    let mut busy = run_on_trunk(r#"{ app = "bot" }"#);
    script(&mut busy, vec![ask(), order(), (BUSY, "ask bot https://bot.example.com/after")]);
    assert_eq!(busy.failure(), Some(DialFailure::Busy));
    script(
        &mut run_on_trunk(r#"{ app = "bot" }"#),
        vec![
            ask(),
            order(),
            (Event::DialAnswered, "answer"),
            (Event::Answered, "bridge"),
            (Event::DialEnded, "ask bot https://bot.example.com/after"),
            (
                transfer_order("+14155550111", TransferMode::Bridge, Some("out")),
                "dial +14155550111 as +14155550100 by out",
            ),
            (Event::DialFailed(DialFailure::NotFound), "hangup route-ended"),
        ],
    );
}

/// A call that we placed for the application "bot".
fn placed(route: Option<&str>, flow_url: Option<&str>) -> Result<Run, FlowRefusal> {
    let plan = plan(route.unwrap_or("reject = 404"));
    let app = Arc::clone(plan.app("bot").unwrap());
    Run::outbound(&plan, route.map(|_| &plan.routes[0]), &app, flow_url.map(https))
}

#[test]
fn a_call_that_we_placed_begins_when_it_is_answered() {
    let ordered = "https://bot.example.com/order/7";
    let mut alone = placed(None, Some(ordered)).unwrap();
    script(
        &mut alone,
        vec![
            (Event::Start, "wait"),
            (Event::Answered, "ask bot https://bot.example.com/order/7"),
            (stream_to("wss://bot.example.com/s", None), "stream wss://bot.example.com/s"),
            (Event::StreamEnded, "hangup route-ended"),
        ],
    );
    assert_eq!(alone.route().name.as_str(), "bot");
    let mut own = placed(None, None).unwrap();
    script(&mut own, vec![(Event::Answered, "ask bot https://bot.example.com/flow")]);
    assert_eq!(placed(None, Some("https://evil.example/")).err(), Some(FlowRefusal::FlowHost));

    // What ends it before the answer is no refusal: there is nobody to refuse.
    for event in [Event::Ended, Event::AppHangup] {
        let mut unanswered = placed(None, None).unwrap();
        assert!(matches!(unanswered.step(event), Action::Hangup(_)));
    }

    let steps = r#"when = { direction = "outbound" }
do = [{ play = { file = "a.wav" } }, { app = "stubborn" }, { app = "bot" }, { app = "bot" }]"#;
    let mut by_route = placed(Some(steps), Some(ordered)).unwrap();
    script(
        &mut by_route,
        vec![
            (Event::Answered, "play a.wav"),
            (Event::PlayEnded, "ask stubborn https://stubborn.example.com/flow"),
            (Event::FlowFailed, "ask bot https://bot.example.com/order/7"),
            (play("https://bot.example.com/a.wav", None), "fetch https://bot.example.com/a.wav"),
            (Event::PlayEnded, "ask bot https://bot.example.com/flow"),
        ],
    );
}

#[test]
fn final_responses_have_their_meaning() {
    for (status, failure, back) in [
        (486, DialFailure::Busy, 486),
        (600, DialFailure::Busy, 486),
        (408, DialFailure::NoAnswer, 480),
        (603, DialFailure::Declined, 603),
        (404, DialFailure::NotFound, 404),
        (503, DialFailure::Unavailable, 503),
        (302, DialFailure::Unavailable, 503),
    ] {
        assert_eq!((DialFailure::from_status(status), failure.status()), (failure, back));
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let url = prop_oneof![Just("https://bot.example.com/x"), Just("https://evil.example/x")];
    let next = proptest::option::of(url.clone().prop_map(https));
    let host = prop_oneof![Just("wss://bot.example.com/x"), Just("wss://evil.example/x")];
    let stream = (host, next.clone()).prop_map(|(url, next)| FlowAction::Stream {
        url: wss(url),
        dialect: None,
        rate: None,
        chunk: None,
        next,
    });
    let play = (url, next).prop_map(|(url, next)| FlowAction::Play { url: https(url), next });
    prop_oneof![
        Just(Event::Start),
        Just(Event::Rang),
        Just(Event::Answered),
        stream.prop_map(Event::FlowAnswered),
        play.prop_map(Event::FlowAnswered),
        Just(Event::FlowAnswered(FlowAction::Hangup)),
        Just(Event::FlowFailed),
        Just(Event::PlayEnded),
        Just(Event::PlayFailed),
        Just(Event::StreamEnded),
        Just(Event::StreamFailed),
        Just(Event::AppHangup),
        Just(Event::DialAnswered),
        Just(BUSY),
        Just(Event::DialEnded),
        Just(Event::TransferDone),
        Just(Event::TransferFailed(DialFailure::Declined)),
        Just(dial_order("+14155550111", "out", None, None)),
        Just(dial_order("+19005550111", "out", None, None)),
        Just(transfer_order("+14155550111", TransferMode::Attended, Some("out"))),
    ]
}

fn any_steps() -> impl Strategy<Value = String> {
    let step = prop_oneof![
        Just(r#"{ play = { file = "a.wav" } }"#),
        Just(r#"{ app = "bot" }"#),
        Just(r#"{ app = "stubborn" }"#),
        Just(r#"{ app = { name = "bot", on_failure = "continue" } }"#),
        Just(r#"{ stream = { url = "wss://bot.example.com/" } }"#),
        Just(r#"{ stream = { url = "wss://bot.example.com/", on_failure = "continue" } }"#),
        Just("{ hangup = {} }"),
        Just(DIAL),
        Just(r#"{ dial = { to = "+14155550111", trunk = "out", on_end = "continue" } }"#),
        Just(r#"{ transfer = { to = "+14155550111" } }"#),
        Just(r#"{ transfer = { to = "+14155550111", mode = "attended", trunk = "other" } }"#),
        Just(r#"{ transfer = { to = "+14155550111", mode = "bridge", trunk = "out", on_failure = "hangup" } }"#),
    ];
    let start = prop_oneof![
        Just(""),
        Just("{ ring = {} },"),
        Just("{ answer = {} },"),
        Just("{ ring = {} }, { answer = {} },")
    ];
    (start, proptest::collection::vec(step, 1..6)).prop_map(|(start, steps)| format!("{start} {}", steps.join(", ")))
}

fn ends(action: &Action) -> bool {
    matches!(action, Action::Reject(_) | Action::Hangup(_))
}

proptest! {
    /// Whatever comes, in whatever order: a run ends once, is silent afterwards, and `Ended` always ends it.
    #[test]
    fn a_run_is_never_stuck(steps in any_steps(), events in proptest::collection::vec(any_event(), 0..60)) {
        let mut run = run_on_trunk(&steps);
        let mut over = false;
        let mut answered = false;
        for event in events {
            let action = run.step(event);
            prop_assert!(!over || action == Action::Wait, "{action:?} after the end");
            // A final response is sent once: no refusal after the answer, no second answer, no ringing after it.
            let late = matches!(action, Action::Answer | Action::Reject(_) | Action::Ring);
            prop_assert!(!(answered && late), "{action:?} after the answer");
            answered |= action == Action::Answer;
            over |= ends(&action);
            prop_assert_eq!(over, run.is_over());
        }
        let last = run.step(Event::Ended);
        prop_assert_eq!(last, if over { Action::Wait } else { Action::Hangup(HangupCause::CallEnded) });
        prop_assert!(run.is_over());
    }

    /// When every action is carried out and reported, a run comes to its end by itself.
    #[test]
    fn a_run_that_is_carried_out_ends(steps in any_steps(), choices in proptest::collection::vec(any::<u8>(), 1..8)) {
        let mut run = run_on_trunk(&steps);
        let mut event = Event::Start;
        // Every step asks at most MAX_FLOW_REQUESTS times, with one play or stream for each.
        for turn in 0..(4 * MAX_FLOW_REQUESTS as usize) {
            let action = run.step(event);
            let choice = choices[turn % choices.len()];
            let next = Some("https://bot.example.com/again");
            event = match action {
                Action::Ring => Event::Rang,
                Action::Answer => Event::Answered,
                Action::AskApp { .. } => match choice % 6 {
                    0 => Event::FlowFailed,
                    4 => dial_order("+14155550111", "out", None, next),
                    5 => transfer_order("+14155550111", TransferMode::Attended, Some("out")),
                    1 => play("https://bot.example.com/a.wav", next),
                    2 => stream_to("wss://bot.example.com/s", next),
                    _ => stream_to("wss://bot.example.com/s", None),
                },
                Action::OpenStream(_) => if choice % 2 == 0 { Event::StreamEnded } else { Event::StreamFailed },
                Action::PlayFile(_) | Action::PlayEarly(_) | Action::PlayUrl { .. } => Event::PlayEnded,
                Action::Dial(_) => if choice % 2 == 0 { Event::DialAnswered } else { Event::DialFailed(DialFailure::Busy) },
                Action::Bridge => Event::DialEnded,
                Action::Transfer(_) => match choice % 2 {
                    0 => Event::TransferDone,
                    _ => Event::TransferFailed(DialFailure::Declined),
                },
                Action::Reject(_) | Action::Hangup(_) => return Ok(()),
                Action::Wait => return Err(TestCaseError::fail("stuck")),
            };
        }
        prop_assert!(false, "goes on for ever");
    }
}
