//! The four machines by themselves, on the RFC's instants (RFC 3261 17, RFC 6026).

use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_core::transaction::{
    ClientInvite, ClientInviteTimeout, ClientNonInvite, ClientNonInviteTimeout, Received, ServerInvite,
    ServerInviteTimeout, ServerNonInvite, Timers,
};

use crate::station::origin;

const MESSAGE: Bytes = Bytes::from_static(b"message");

/// Runs a machine's timers for `seconds`, and gives the milliseconds at which it wanted something sent again.
fn resends(
    seconds: u64,
    from: Instant,
    mut deadline_and_fire: impl FnMut(Option<Instant>) -> (Option<Instant>, bool),
) -> Vec<u128> {
    let until = from + Duration::from_secs(seconds);
    let (mut times, mut deadline) = (Vec::new(), deadline_and_fire(None).0);
    while let Some(at) = deadline.filter(|at| *at <= until) {
        let (next, resent) = deadline_and_fire(Some(at));
        if resent {
            times.push((at - from).as_millis());
        }
        deadline = next;
    }
    times
}

#[test]
fn server_invite_sends_its_refusal_again_on_timer_g_until_timer_h() {
    let now = origin();
    let mut machine = ServerInvite::new(Timers::default(), false, now);
    machine.on_failure(MESSAGE, now).unwrap();
    let times = resends(60, now, |at| {
        let resent = at.is_some_and(|at| matches!(machine.handle_timeout(at), ServerInviteTimeout::Resend(_)));
        (machine.deadline(), resent)
    });
    assert_eq!(times, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert!(machine.is_terminated());
}

#[test]
fn server_invite_tells_that_no_ack_came() {
    let now = origin();
    let mut machine = ServerInvite::new(Timers::default(), true, now);
    machine.on_failure(MESSAGE, now).unwrap();
    assert_eq!(machine.deadline(), Some(now + Duration::from_secs(32)), "no timer G over a reliable transport");
    assert_eq!(machine.handle_timeout(now + Duration::from_secs(32)), ServerInviteTimeout::NoAck);
    assert!(machine.is_terminated());
}

#[test]
fn server_invite_absorbs_acks_for_timer_i() {
    let now = origin();
    let mut machine = ServerInvite::new(Timers::default(), false, now);
    machine.on_failure(MESSAGE, now).unwrap();
    machine.on_ack(now);
    machine.on_ack(now);
    assert_eq!(machine.on_invite(), None);
    assert_eq!(machine.deadline(), Some(now + Duration::from_secs(5)));
    assert_eq!(machine.handle_timeout(now + Duration::from_secs(5)), ServerInviteTimeout::Nothing);
    assert!(machine.is_terminated());
    let mut reliable = ServerInvite::new(Timers::default(), true, now);
    reliable.on_failure(MESSAGE, now).unwrap();
    reliable.on_ack(now);
    assert!(reliable.is_terminated());
}

#[test]
fn server_invite_accepted_absorbs_the_invite_and_nothing_else() {
    let now = origin();
    let mut machine = ServerInvite::new(Timers::default(), false, now);
    machine.on_provisional(MESSAGE).unwrap();
    assert_eq!(machine.on_invite(), Some(MESSAGE));
    machine.on_success(now).unwrap();
    assert_eq!(machine.on_invite(), None);
    assert!(machine.on_failure(MESSAGE, now).is_err() && machine.on_provisional(MESSAGE).is_err());
    machine.on_ack(now);
    assert!(machine.is_accepted(), "an ACK of a 2xx is not this machine's");
    assert_eq!(machine.handle_timeout(now + Duration::from_secs(32)), ServerInviteTimeout::Nothing);
    assert!(machine.is_terminated());
}

#[test]
fn server_invite_left_alone_asks_for_the_last_resort() {
    let now = origin();
    let mut machine = ServerInvite::new(Timers::default(), false, now);
    assert_eq!(machine.handle_timeout(now + Duration::from_secs(179)), ServerInviteTimeout::Nothing);
    assert_eq!(machine.handle_timeout(now + Duration::from_mins(3)), ServerInviteTimeout::LastResort);
}

#[test]
fn server_noninvite_says_100_once_it_has_waited_and_not_before() {
    let now = origin();
    let mut machine = ServerNonInvite::new(Timers::default(), false, now);
    machine.on_waiting(MESSAGE, now);
    let due = now + Duration::from_millis(3_500);
    assert_eq!((machine.deadline(), machine.on_request()), (Some(due), None));
    assert_eq!(machine.handle_timeout(now + Duration::from_millis(3_499)), None);
    assert_eq!(machine.handle_timeout(due), Some(MESSAGE));
    // Once by itself, and again for the request again.
    assert_eq!((machine.handle_timeout(due), machine.on_request()), (None, Some(MESSAGE)));
    machine.handle_timeout(now + Duration::from_secs(32));
    assert!(machine.is_terminated());
}

#[test]
fn server_noninvite_answers_again_for_timer_j_and_dies_unanswered() {
    let now = origin();
    let mut machine = ServerNonInvite::new(Timers::default(), false, now);
    assert_eq!(machine.on_request(), None);
    machine.on_final(MESSAGE, now).unwrap();
    assert!(machine.on_final(MESSAGE, now).is_err());
    assert_eq!(machine.on_request(), Some(MESSAGE));
    machine.handle_timeout(now + Duration::from_secs(32));
    assert!(machine.is_terminated());
    // RFC 4320 4.2: nobody waits for an answer after timer F, so none is made up.
    let mut left = ServerNonInvite::new(Timers::default(), false, now);
    left.handle_timeout(now + Duration::from_secs(32));
    assert!(left.is_terminated());
}

#[test]
fn client_invite_sends_on_timer_a_without_a_bound_until_timer_b() {
    let now = origin();
    let mut machine = ClientInvite::new(MESSAGE, Timers::default(), false, now);
    let mut gave_up = false;
    let times = resends(60, now, |at| {
        let resent = at.is_some_and(|at| match machine.handle_timeout(at) {
            ClientInviteTimeout::Resend(_) => true,
            ClientInviteTimeout::NoResponse => {
                gave_up = true;
                false
            }
            ClientInviteTimeout::Nothing | ClientInviteTimeout::LastResort | ClientInviteTimeout::Unheard => false,
        });
        (machine.deadline(), resent)
    });
    assert_eq!(times, [500, 1500, 3500, 7500, 15500, 31500]);
    assert!(gave_up && machine.is_terminated());
}

#[test]
fn client_invite_says_once_that_it_is_unheard_and_once_given_up_is_not_sent_again() {
    let now = origin();
    let secs = |seconds| now + Duration::from_secs(seconds);
    let mut machine = ClientInvite::new(MESSAGE, Timers::default(), false, now);
    machine.set_patience(secs(6));
    let mut unheard = Vec::new();
    let times = resends(60, now, |at| {
        let resent = at.is_some_and(|at| match machine.handle_timeout(at) {
            ClientInviteTimeout::Resend(_) => true,
            ClientInviteTimeout::Unheard => {
                unheard.push(at);
                assert_eq!(machine.give_up(), Some(MESSAGE));
                false
            }
            _ => false,
        });
        (machine.deadline(), resent)
    });
    assert_eq!((times, unheard), (vec![500, 1500, 3500], vec![secs(6)]));
    assert!(machine.is_terminated(), "timer B");

    let mut heard = ClientInvite::new(MESSAGE, Timers::default(), false, now);
    heard.set_patience(secs(6));
    heard.on_response(100, now);
    assert_eq!((heard.handle_timeout(secs(6)), heard.give_up()), (ClientInviteTimeout::Nothing, None));
    let mut late = ClientInvite::new(MESSAGE, Timers::default(), false, now);
    late.give_up();
    assert_eq!(late.on_response(200, secs(20)), Received::Success);
}

#[test]
fn client_invite_takes_each_response_as_the_table_says() {
    let now = origin();
    let client = || ClientInvite::new(MESSAGE, Timers::default(), false, now);
    let mut machine = client();
    assert!(machine.is_calling());
    assert_eq!(machine.on_response(180, now), Received::Provisional);
    assert!(!machine.is_calling() && machine.is_pending());
    assert_eq!(machine.on_response(200, now), Received::Success);
    assert_eq!(machine.on_response(200, now), Received::Success, "another fork, or a retransmission");
    assert_eq!(machine.on_response(486, now), Received::Ignored);
    assert_eq!(machine.on_response(180, now), Received::Ignored);
    assert_eq!(machine.handle_timeout(now + Duration::from_secs(32)), ClientInviteTimeout::Nothing);
    assert_eq!(machine.on_response(200, now), Received::Ignored);

    let mut machine = client();
    assert_eq!(machine.on_response(486, now), Received::Failure);
    machine.on_ack_sent(MESSAGE, now);
    assert_eq!(machine.on_response(486, now), Received::FailureAgain);
    assert_eq!(machine.ack(), Some(MESSAGE));
    assert_eq!(machine.on_response(200, now), Received::Ignored);
    assert_eq!(machine.deadline(), Some(now + Duration::from_secs(32)), "timer D");
}

#[test]
fn client_noninvite_sends_on_timer_e_and_slower_after_a_1xx() {
    let now = origin();
    let mut machine = ClientNonInvite::new(MESSAGE, Timers::default(), false, now);
    let times = resends(60, now, |at| {
        let resent = at.is_some_and(|at| matches!(machine.handle_timeout(at), ClientNonInviteTimeout::Resend(_)));
        (machine.deadline(), resent)
    });
    assert_eq!(times, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert!(machine.is_terminated());

    let mut machine = ClientNonInvite::new(MESSAGE, Timers::default(), false, now);
    assert!(!machine.on_response(100, now));
    let times = resends(10, now, |at| {
        let resent = at.is_some_and(|at| matches!(machine.handle_timeout(at), ClientNonInviteTimeout::Resend(_)));
        (machine.deadline(), resent)
    });
    assert_eq!(times, [500, 4500, 8500]);
    assert!(machine.on_response(200, now));
    assert!(!machine.on_response(200, now), "told once");
}

#[test]
fn other_base_values_move_every_timer() {
    let timers = Timers { t1: Duration::from_millis(100), ..Timers::default() };
    assert_eq!(timers.b(), Duration::from_millis(6400));
    assert_eq!(timers.d(false), Duration::from_secs(32), "at least 32 s");
    assert_eq!((timers.d(true), timers.k(true), timers.j(true)), (Duration::ZERO, Duration::ZERO, Duration::ZERO));
}
