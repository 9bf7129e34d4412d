//! One call: one task, one owner. It owns its leg (dialog and media), its stream and its run through the dialplan as plain fields,
//! and lives on one worker from INVITE to end.
//!
//! ```text
//! facts -> media policy (negotiate) -> route (dialplan) -> actions … -> one teardown
//! ```
//!
//! The loop waits for exactly one thing (a SIP event, a packet, the application, the clock), then does all that is due.

mod actions;
mod activity;
mod agree;
mod app;
mod facts;
mod leg;
mod media;
mod negotiate;
mod prompt;
mod sip;
mod stream;
mod teardown;

use std::time::Instant;

use dialplan::{Decision, Run};
use rand::RngExt;
use sip_core::endpoint::{CallKey, Cause, Command, Event, Reject};
use sip_core::net::IncomingCall;
use sip_core::sdp::SessionDescription;
use sip_core::wire::StatusCode;
use tokio::sync::mpsc;
use tracing::Instrument;
use uuid::{Builder, Uuid};

use self::activity::{Activity, Outcome};
use self::facts::Facts;
use self::leg::{Leg, Negotiation};
use self::negotiate::Refused;
pub(crate) use self::prompt::{Player, Prompt};
use crate::server::Context;
use crate::telemetry::millis;

/// Takes a call from its INVITE to its end.
pub(crate) async fn run(incoming: IncomingCall, context: &Context) {
    let id = Builder::from_random_bytes(context.rng.borrow_mut().random()).into_uuid();
    let span = tracing::info_span!("call", id = %id);
    async {
        if let Some(call) = Call::begin(incoming, id, context).await {
            // On the heap at once: a call is large, and is moved never again.
            Box::pin(call.live()).await;
        }
    }
    .instrument(span)
    .await;
}

/// A call that was admitted and has a route.
struct Call<'w> {
    context: &'w Context,
    facts: Facts,
    leg: Leg,
    run: Run,
    activity: Activity,
    /// The application's first audio has left for the caller.
    app_heard: bool,
}

impl<'w> Call<'w> {
    /// Reads the offer and finds the route; refuses the call when either cannot be.
    async fn begin(incoming: IncomingCall, id: Uuid, context: &'w Context) -> Option<Self> {
        let IncomingCall { key, invite, events } = incoming;
        let shared = &context.shared;
        let (facts, peer) = match Facts::of(&invite, &shared.loaded.dialplan, &shared.pii, id) {
            Ok(both) => both,
            Err(error) => {
                tracing::info!(event = "call.refused", reason = "facts", %error, "call refused");
                refuse(context, key, events, Reject::new(StatusCode::BAD_REQUEST)).await;
                return None;
            }
        };
        facts.log_incoming(&peer);
        let negotiation = match invite.get().sdp() {
            None => Ok(Negotiation::Delayed),
            Some(body) => SessionDescription::parse(body.as_bytes()).map_err(Refused::from).and_then(|offer| {
                let choice = negotiate::read_offer(&offer, &peer.policy(false, None))?;
                Ok(Negotiation::Offered(Box::new((offer, choice))))
            }),
        };
        let negotiation = match negotiation {
            Ok(negotiation) => negotiation,
            Err(refused) => {
                tracing::info!(event = "call.refused", reason = refused.as_str(), "call refused: {refused}");
                let reason = Some(Cause::Q850(if matches!(refused, Refused::SrtpRequired) { 57 } else { 88 }));
                refuse(context, key, events, Reject { status: refused.status(), reason, retry_after: None }).await;
                return None;
            }
        };
        let dialplan = &shared.loaded.dialplan;
        let route = match dialplan::decide(dialplan, &facts.for_dialplan(&peer)) {
            Decision::Route(route) | Decision::Reject { route, .. } => route,
            Decision::NoRoute => {
                tracing::info!(event = "call.refused", reason = "no_route", "call refused: no route takes it");
                let reject = Reject { reason: Some(Cause::Q850(1)), ..Reject::new(StatusCode::NOT_FOUND) };
                refuse(context, key, events, reject).await;
                return None;
            }
        };
        tracing::info!(event = "call.admitted", call = %facts.id, route = %route.name, "route found");
        Some(Self {
            run: Run::new(dialplan, route),
            context,
            leg: Leg::new(facts.id, key, events, peer, negotiation),
            facts,
            activity: Activity::Idle,
            app_heard: false,
        })
    }

    /// Until the endpoint says that the call is over.
    async fn live(mut self) {
        let first = self.run.step(dialplan::Event::Start);
        self.carry_out(first).await;
        while self.leg.ended.is_none() {
            let wake = self.wait().await;
            self.handle(wake).await;
            self.turn(Instant::now()).await;
        }
        self.tear_down();
    }

    /// Waits for exactly one thing. Everything waited for here is safe to cancel.
    async fn wait(&mut self) -> Wake {
        let Self { context, leg, activity, .. } = self;
        let leaving = leg.leaving;
        let (events, media) = leg.parts();
        tokio::select! {
            biased;
            event = events.recv() => Wake::Sip(event),
            () = context.shared.stop.cancelled(), if !leaving => Wake::Stop,
            outcome = activity.ready() => Wake::Activity(outcome),
            () = media::due(media) => Wake::Due,
        }
    }

    async fn handle(&mut self, wake: Wake) {
        match wake {
            Wake::Sip(event) => self.on_sip(event).await,
            Wake::Stop => self.on_stop().await,
            Wake::Activity(outcome) => self.on_outcome(outcome).await,
            Wake::Due => {}
        }
    }

    /// Does all that is due: packets in, audio to the application, audio and reports to the caller.
    async fn turn(&mut self, now: Instant) {
        self.uplink(now);
        if self.downlink(now) {
            self.on_played().await;
        }
        self.on_media_events().await;
        self.on_stream_events(now).await;
    }

    fn uplink(&mut self, now: Instant) {
        self.leg.receive(self.context, now);
        while let Some(frame) = self.leg.poll_uplink(now) {
            if let Activity::Stream(stream) = &mut self.activity {
                stream.session.uplink(&frame, now);
            }
        }
    }

    /// Sends what is due; says whether a sound has come to its end.
    fn downlink(&mut self, now: Instant) -> bool {
        let Self { leg, activity, app_heard, facts, .. } = self;
        let mut played = false;
        leg.send(now, |media| {
            let frame = activity.next_frame(now);
            played |= frame.is_none() && matches!(activity, Activity::Playing(_));
            let sent = media(frame.as_ref());
            if let (Activity::Stream(stream), Some(_), true) = (&mut *activity, &frame, sent) {
                stream.session.on_frame_sent(now);
                if !*app_heard {
                    *app_heard = true;
                    let ms = millis(facts.began.elapsed());
                    tracing::info!(event = "stream.first_audio", call = %facts.id, ms, "the application is heard");
                }
            }
        });
        played
    }

    /// Gives an event to the run, and does what it says.
    async fn step(&mut self, event: dialplan::Event) {
        let action = self.run.step(event);
        if let Some(refusal) = self.run.take_refusal() {
            tracing::warn!(
                event = "flow.refused", call = %self.facts.id, reason = refusal.as_str(),
                "the application's answer is not carried out"
            );
        }
        self.carry_out(action).await;
    }

    async fn on_stop(&mut self) {
        self.stop_activity(ai_bridge::stream::StopReason::ServerStopping);
        self.leg.hang_up(Cause::Q850(41), self.context).await;
    }
}

/// What woke a call.
enum Wake {
    Sip(Option<Event>),
    Stop,
    Activity(Outcome),
    Due,
}

/// Refuses a call that never became one, and waits until the endpoint has done with it.
async fn refuse(context: &Context, key: CallKey, mut events: mpsc::Receiver<Event>, reject: Reject) {
    if context.shared.sip.command(key, Command::Reject(reject)).await.is_ok() {
        while events.recv().await.is_some_and(|event| !matches!(event, Event::Ended(_))) {}
    }
}
