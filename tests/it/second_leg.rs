//! Calls that leave: somebody else is called for the caller, over a trunk of its own with TLS and SRTP of its own.

use std::time::Duration;

use media_engine::srtp::Suite;
use sip_core::endpoint::{EndReason, EndedBy};
use strongline::demo::caller::{CallError, HangUp, Sound};

use crate::harness::{Lab, likeness, place, settle, tone};

const SECOND: Duration = Duration::from_secs(1);

/// A trunk from `near` to `far`, which answers under the name `localhost`; it trusts what signed the certificate of `far`.
fn away(far: &Lab) -> String {
    format!(
        r#"
[[trunk]]
name = "away"
media = {{ prefixes = ["127.0.0.0/8"] }}
[trunk.outbound]
to = "sips:localhost:{port}"
destinations = ["+1*"]
from = ["+14155550100"]
calls_per_second = 100
max_calls = 100
[trunk.tls]
ca = {{ file = "{root}/ca.pem" }}
"#,
        port = far.tls.port(),
        root = far.keys.root().display()
    )
}

fn dialling(far: &Lab, step: &str) -> String {
    format!(
        "{}[[route]]\nname = \"on\"\ndo = [{{ dial = {{ to = \"+14155550199\", trunk = \"away\" }} }}, {step}]",
        away(far)
    )
}

#[test]
fn a_caller_is_connected_and_the_end_of_one_is_the_end_of_both() {
    let (near, far) = (Lab::new(), Lab::new());
    let said = far.tone("tone.wav", 2 * SECOND);
    let far_server =
        far.serve("", "[[route]]\nname = \"tone\"\ndo = [{ play = { file = \"tone.wav\" } }, { hangup = {} }]");
    let near_server = near.serve("", &dialling(&far, "{ hangup = {} }"));
    let report = place(near.call().hang_up(HangUp::Callee { within: 10 * SECOND })).unwrap();
    assert_eq!(report.suite, Some(Suite::AeadAes256Gcm));
    assert!(likeness(&said, &report) > 0.85, "correlation {}", likeness(&said, &report));
    assert_eq!((report.end.by, report.end.reason), (EndedBy::Remote, EndReason::Bye), "the far side hangs up");
    settle(&near_server);
    settle(&far_server);
    near_server.stop(SECOND);
    far_server.stop(SECOND);
}

#[test]
fn both_hear_each_other_and_a_caller_who_hangs_up_takes_the_far_side_with_him() {
    let (near, far) = (Lab::new(), Lab::new());
    let far_server = far.serve("", "[[route]]\nname = \"app\"\ndo = [{ app = \"echo\" }]");
    let near_server = near.serve("", &dialling(&far, "{ hangup = {} }"));
    let said = tone(2 * SECOND);
    let mut call = near.call().say(Sound::Speech(said.clone())).hang_up(HangUp::AfterSpeech(2 * SECOND));
    call.say_after = Duration::from_millis(700);
    let report = place(call).unwrap();
    // There and back again through two servers and an application that says what it hears.
    assert!(likeness(&said, &report) > 0.7, "correlation {}", likeness(&said, &report));
    settle(&near_server);
    settle(&far_server);
    near_server.stop(SECOND);
    far_server.stop(SECOND);
}

#[test]
fn who_cannot_be_reached_is_said_to_the_route_which_goes_on() {
    let (near, far) = (Lab::new(), Lab::new());
    let said = near.tone("sorry.wav", SECOND);
    let far_server = far.serve("", "[[route]]\nname = \"busy\"\nreject = 486");
    let near_server = near.serve("", &dialling(&far, "{ play = { file = \"sorry.wav\" } }"));
    let report = place(near.call().hang_up(HangUp::Callee { within: 10 * SECOND })).unwrap();
    assert!(likeness(&said, &report) > 0.95, "the caller hears what the route says then");
    let refusing = near.serve_again(&dialling(&far, "{ hangup = {} }"), near_server);
    let error = place(near.call()).unwrap_err();
    assert!(matches!(error, CallError::NotAnswered(EndReason::Refused(_))), "{error:?}");
    settle(&refusing);
    settle(&far_server);
    refusing.stop(SECOND);
    far_server.stop(SECOND);
}

/// Nobody answers in time: that is what the caller is told, not that the way there is closed.
#[test]
fn who_rings_for_too_long_has_not_answered() {
    let (near, far) = (Lab::new(), Lab::new());
    far.tone("ringing.wav", 20 * SECOND);
    let far_server = far.serve(
        "",
        "[[route]]\nname = \"rings\"\ndo = [{ play = { file = \"ringing.wav\", early = true } }, { hangup = {} }]",
    );
    let plan = format!(
        "{}[[route]]\nname = \"on\"\ndo = [{{ dial = {{ to = \"+14155550199\", trunk = \"away\", timeout = 5 }} }}, {{ hangup = {{}} }}]",
        away(&far)
    );
    let near_server = near.serve("", &plan);
    let error = place(near.call()).unwrap_err();
    let CallError::NotAnswered(EndReason::Refused(status)) = error else { panic!("{error:?}") };
    assert_eq!(status.code(), 480);
    settle(&near_server);
    settle(&far_server);
    near_server.stop(SECOND);
    far_server.stop(SECOND);
}
