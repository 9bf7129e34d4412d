//! One call: one task, one owner. It owns its leg (dialog and media), its stream and its run through the dialplan as plain fields,
//! and lives on one worker from INVITE to end.
//!
//! ```text
//! facts -> media policy (negotiate) -> route (dialplan) -> actions … -> one teardown
//! ```
//!
//! A call that we place begins with `outbound` in place of the first three.
//!
//! The loop waits for exactly one thing (a SIP event, a packet, the application, an order, the clock), then does all that is due.

mod actions;
mod activity;
mod agree;
mod app;
mod dial;
mod digits;
mod facts;
mod far;
mod leg;
mod media;
mod negotiate;
mod orders;
mod outbound;
mod prompt;
mod ringback;
mod sip;
mod stream;
mod teardown;
mod transfer;

use std::collections::BTreeMap;
use std::time::Instant;

use ai_bridge::flow::FlowAnswer;
use dialplan::{Decision, Run};
use media_engine::pci::Cleared;
use rand::RngExt;
use sip_core::endpoint::{CallKey, Cause, Command, Event, Reject};
use sip_core::net::IncomingCall;
use sip_core::wire::StatusCode;
use tokio::sync::mpsc;
use tracing::Instrument;
use uuid::{Builder, Uuid};

use self::activity::{Activity, Outcome};
use self::facts::Facts;
use self::far::Far;
use self::leg::Leg;
use self::negotiate::Refused;
pub(crate) use self::outbound::place;
pub(crate) use self::prompt::{Player, Prompt};
use self::transfer::Successor;
use crate::control::{Ordered, Presence};
use crate::server::{Context, Replaceable};
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
    /// Somebody whom the caller is connected to, or is about to be.
    far: Option<Box<Far>>,
    /// A leg that takes the place of `leg` once it stands.
    next: Option<Box<Successor>>,
    /// Calls that come in to take the place of `leg` (RFC 3891).
    replacements: Replaceable,
    /// The peer was asked to call somebody else, and has until then to say what became of it.
    transfer_until: Option<Instant>,
    presence: Presence,
    /// The values of the one who ordered the call, handed on to the application.
    custom: BTreeMap<String, String>,
    /// What the one who ordered the call wants done first, in place of asking the application.
    first: Option<FlowAnswer>,
    /// What an order to hang up gave as its reason.
    reason: Option<String>,
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
        let (mut facts, peer) = match Facts::of(&invite, &shared.loaded.dialplan, &shared.pii, id) {
            Ok(both) => both,
            Err(error) => {
                tracing::info!(event = "call.refused", reason = "facts", %error, "call refused");
                refuse(context, key, events, Reject::new(StatusCode::BAD_REQUEST)).await;
                return None;
            }
        };
        facts.log_incoming(&peer);
        let negotiation = match peer.read_offer(invite.get().sdp(), false) {
            Ok(negotiation) => negotiation,
            Err(refused) => {
                tracing::info!(event = "call.refused", reason = refused.as_str(), "call refused: {refused}");
                let reason = Some(Cause::Q850(if matches!(refused, Refused::SrtpRequired) { 57 } else { 88 }));
                refuse(context, key, events, Reject { status: refused.status(), reason, retry_after: None }).await;
                return None;
            }
        };
        let identified = crate::identity::identify(shared, invite.get().request(), &peer.trunk).await;
        if let Some(failure) = identified.refusal {
            tracing::info!(
                event = "call.refused",
                reason = failure.as_str(),
                "call refused: its identity does not hold"
            );
            refuse(context, key, events, Reject::new(failure.status())).await;
            return None;
        }
        facts.attest = identified.attest;
        let dialplan = &shared.loaded.dialplan;
        let route = match dialplan::decide(dialplan, &facts.for_dialplan(&peer)) {
            Decision::Route(route) | Decision::Reject { route, .. } => route,
            Decision::NoRoute => {
                tracing::info!(event = "call.refused", reason = "no_route", "call refused: no route takes it");
                let reject = Reject { reason: Some(Cause::Q850(3)), ..Reject::new(StatusCode::NOT_FOUND) };
                refuse(context, key, events, reject).await;
                return None;
            }
        };
        tracing::info!(event = "call.admitted", call = %facts.id, route = %route.name, "route found");
        let presence = shared.control.enter(facts.to_enter(None));
        let run = Run::new(dialplan, route).on_trunk(&peer.trunk);
        let leg = Leg::new(facts.id, key, events, peer, negotiation);
        Some(Self::new(facts, leg, presence, run, context))
    }

    fn new(facts: Facts, leg: Leg, presence: Presence, run: Run, context: &'w Context) -> Self {
        Self {
            context,
            facts,
            replacements: context.shared.replaceable.enter(leg.key),
            leg,
            far: None,
            next: None,
            transfer_until: None,
            presence,
            custom: BTreeMap::new(),
            first: None,
            reason: None,
            run,
            activity: Activity::Idle,
            app_heard: false,
        }
    }

    /// Until the endpoint says that the call is over.
    async fn live(mut self) {
        let first = self.run.step(dialplan::Event::Start);
        self.carry_out(first).await;
        self.go_on().await;
    }

    async fn go_on(mut self) {
        while self.leg.ended.is_none() || self.is_handed_on() {
            let wake = self.wait().await;
            self.handle(wake).await;
            self.turn(Instant::now()).await;
        }
        self.tear_down();
    }

    /// Waits for exactly one thing. Everything waited for here is safe to cancel.
    async fn wait(&mut self) -> Wake {
        let deadline = self.deadline();
        let Self { context, leg, far, next, replacements, presence, activity, .. } = self;
        let (leaving, is_over) = (leg.leaving, leg.ended.is_some());
        let (events, media) = leg.parts();
        let (far_events, far_media) = far.as_mut().map(|far| far.leg.parts()).unzip();
        let next_events = next.as_mut().map(|next| &mut next.leg.events);
        tokio::select! {
            biased;
            event = events.recv(), if !is_over => Wake::Sip(event),
            event = from(far_events) => Wake::Far(event),
            event = from(next_events) => Wake::Next(event),
            () = context.shared.stop.cancelled(), if !leaving => Wake::Stop,
            order = presence.next_order() => Wake::Order(order),
            incoming = replacements.next() => Wake::Replacement(Box::new(incoming)),
            outcome = activity.ready() => Wake::Activity(outcome),
            () = media::due(media) => Wake::Due,
            () = media::due(far_media.flatten()) => Wake::Due,
            () = until(deadline) => Wake::Due,
        }
    }

    /// When something must have happened, beside what the media waits for.
    fn deadline(&self) -> Option<Instant> {
        let legs = [Some(&self.leg), self.far.as_ref().map(|far| &far.leg), self.next.as_ref().map(|next| &next.leg)];
        legs.into_iter().flatten().filter_map(|leg| leg.ring_until).chain(self.transfer_until).min()
    }

    async fn handle(&mut self, wake: Wake) {
        match wake {
            Wake::Sip(event) => {
                if let Some(said) = self.leg.on_event(event, self.context).await {
                    self.on_said(said).await;
                }
            }
            Wake::Far(event) => {
                let Some(far) = &mut self.far else { return };
                if let Some(said) = far.leg.on_event(event, self.context).await {
                    self.on_far_said(said).await;
                }
            }
            Wake::Next(event) => {
                let Some(next) = &mut self.next else { return };
                if let Some(said) = next.leg.on_event(event, self.context).await {
                    self.on_next_said(said).await;
                }
            }
            Wake::Stop => self.on_stop().await,
            Wake::Order(Some(order)) => self.on_order(order).await,
            Wake::Replacement(incoming) => self.on_replacement(*incoming).await,
            Wake::Activity(outcome) => self.on_outcome(outcome).await,
            Wake::Order(None) | Wake::Due => {}
        }
    }

    /// Does all that is due: packets in, audio to the application or the far side, audio and reports to the caller.
    async fn turn(&mut self, now: Instant) {
        self.uplink(now);
        if let Some(far) = &mut self.far {
            far.turn(self.context, now);
        }
        if let Some(next) = &mut self.next {
            // Nobody hears it yet; what comes meanwhile is not kept for the moment when somebody does.
            next.leg.receive(self.context, now);
            while next.leg.poll_uplink(now).is_some() {}
        }
        if self.downlink(now) {
            self.on_played().await;
        }
        self.on_media_events().await;
        self.on_stream_events(now).await;
        self.on_time(now).await;
    }

    fn uplink(&mut self, now: Instant) {
        self.leg.receive(self.context, now);
        while let Some(frame) = self.leg.poll_uplink(now) {
            if let Some(far) = &mut self.far {
                far.hear(frame);
            } else if let Activity::Stream(stream) = &mut self.activity {
                stream.session.uplink(&frame, now);
            }
        }
    }

    /// Sends what is due; says whether a sound has come to its end.
    fn downlink(&mut self, now: Instant) -> bool {
        let Self { leg, far, activity, app_heard, facts, .. } = self;
        let mut played = false;
        leg.send(now, |media| {
            if let Some(far) = far.as_mut().filter(|far| far.is_heard()) {
                media(far.next_frame().as_ref().map(Cleared::get));
                return;
            }
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

    /// What was waited for has not come.
    async fn on_time(&mut self, now: Instant) {
        let context = self.context;
        let legs = [
            Some(&mut self.leg),
            self.far.as_mut().map(|far| &mut far.leg),
            self.next.as_mut().map(|next| &mut next.leg),
        ];
        for leg in legs.into_iter().flatten() {
            if leg.has_rung_out(now) {
                leg.hang_up(Cause::Sip(StatusCode::REQUEST_TIMEOUT), context).await;
            }
        }
        if self.transfer_until.is_some_and(|until| until <= now) {
            self.on_transferred(StatusCode::REQUEST_TIMEOUT).await;
        }
    }

    async fn on_stop(&mut self) {
        self.stop_activity(ai_bridge::stream::StopReason::ServerStopping);
        self.leg.hang_up(Cause::Q850(41), self.context).await;
    }
}

/// What woke a call.
enum Wake {
    Sip(Option<Event>),
    Far(Option<Event>),
    Next(Option<Event>),
    Order(Option<Ordered>),
    Replacement(Box<IncomingCall>),
    Stop,
    Activity(Outcome),
    Due,
}

async fn from(events: Option<&mut mpsc::Receiver<Event>>) -> Option<Event> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Refuses a call that never became one, and waits until the endpoint has done with it.
async fn refuse(context: &Context, key: CallKey, mut events: mpsc::Receiver<Event>, reject: Reject) {
    if context.shared.sip.command(key, Command::Reject(reject)).await.is_ok() {
        while events.recv().await.is_some_and(|event| !matches!(event, Event::Ended(_))) {}
    }
}
