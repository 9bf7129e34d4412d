//! What the dialplan's run says is to be done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ai_bridge::flow::{self, Direction, FlowAnswer, FlowRequest};
use ai_bridge::net::{
    AddressGuard, HttpAnswer, HttpClient, HttpError, HttpOptions, SocketError, SocketOptions, StreamRequest,
    StreamSocket,
};
use ai_bridge::stream::{Dialect, StreamOptions, StreamSession, StreamStart};
use ai_bridge::webhook::{MessageId, Signer};
use dialplan::{Action, App, Event, FlowAction, HttpsUrl, SrtpPolicy, StreamPlan};
use media_engine::audio::SampleRate;
use media_engine::srtp::{MasterKey, Suite};
use rand::RngExt;
use sip_core::endpoint::{Cause, Command, Reject};
use sip_core::sdp::SessionDescription;
use sip_core::wire::StatusCode;
use tokio::task::JoinError;
use zeroize::Zeroizing;

use super::activity::{Activity, Opening, Task};
use super::media::{Media, Port, PortError};
use super::negotiate::{Choice, Offered, Refused};
use super::stream::Stream;
use super::{Call, Negotiation, Prompt};
use crate::telemetry::millis;

/// Longest sound that an application may name by URL, in octets: some minutes of 16-bit audio.
const LARGEST_SOUND: usize = 16 * 1024 * 1024;

impl Call<'_> {
    /// Does what the run says, until something has to be waited for.
    pub(super) async fn carry_out(&mut self, mut action: Action) {
        loop {
            let event = match action {
                Action::Wait => return,
                Action::Ring => {
                    self.command(Command::Ring { status: StatusCode::RINGING, sdp: None }).await;
                    Event::Rang
                }
                Action::Answer => return self.answer().await,
                Action::AskApp { app, url } => match self.ask(&app, &url) {
                    Some(asking) => return self.activity = asking,
                    None => Event::FlowFailed,
                },
                Action::OpenStream(plan) => match self.open(*plan) {
                    Some(opening) => return self.activity = opening,
                    None => Event::StreamFailed,
                },
                Action::PlayFile(file) => match self.context.shared.loaded.sounds.get(file.path()) {
                    Some(sound) => return self.activity = Activity::Playing(sound.play()),
                    None => Event::PlayFailed,
                },
                Action::PlayEarly(file) => match self.context.shared.loaded.sounds.get(file.path()) {
                    Some(sound) if self.early_media().await => return self.activity = Activity::Playing(sound.play()),
                    Some(_) if self.leaving => return,
                    Some(_) | None => Event::PlayFailed,
                },
                Action::PlayUrl { app, url } => match self.fetch(&app, &url) {
                    Some(fetching) => return self.activity = fetching,
                    None => Event::PlayFailed,
                },
                Action::Reject(reject) => return self.reject(&reject).await,
                Action::Hangup(cause) => {
                    tracing::debug!(cause = cause.as_str(), "the run ends the call");
                    return self.end_call(cause).await;
                }
            };
            action = self.run.step(event);
        }
    }

    /// A sound has been played to its end.
    pub(super) async fn on_played(&mut self) {
        self.activity = Activity::Idle;
        self.step(Event::PlayEnded).await;
    }

    async fn reject(&mut self, reject: &dialplan::Reject) {
        self.leaving = true;
        self.activity = Activity::Idle;
        let status = StatusCode::new(reject.status).unwrap_or(StatusCode::DECLINE);
        tracing::info!(event = "call.refused", call = %self.facts.id, reason = "route", status = reject.status, "refused by the route");
        let reason = Some(Cause::Sip(status));
        self.command(Command::Reject(Reject { status, reason, retry_after: None })).await;
    }

    /// Sends 183 with the answer to the offer, once; says whether the caller can be heard to. Without an offer there is nowhere to
    /// send to yet.
    async fn early_media(&mut self) -> bool {
        match std::mem::replace(&mut self.negotiation, Negotiation::Done) {
            Negotiation::Offered(offered) => match self.answer_offer(*offered) {
                Ok(sdp) => {
                    let early = Command::Ring { status: StatusCode::SESSION_PROGRESS, sdp: Some(sdp.clone().into()) };
                    self.negotiation = Negotiation::Early(sdp);
                    self.command(early).await;
                    if let Some(media) = &mut self.media {
                        // The route says in so many words that audio goes before the answer.
                        media.may_send = true;
                    }
                    true
                }
                Err(error) => {
                    self.no_media(&error).await;
                    false
                }
            },
            Negotiation::Early(sdp) => {
                self.negotiation = Negotiation::Early(sdp);
                true
            }
            before @ (Negotiation::Delayed
            | Negotiation::WaitingForAnswer(..)
            | Negotiation::WaitingForAnswerWithin(_)
            | Negotiation::Done) => {
                self.negotiation = before;
                false
            }
        }
    }

    /// Binds the media and sends 200. The rest follows with the ACK.
    async fn answer(&mut self) {
        let sdp = match std::mem::replace(&mut self.negotiation, Negotiation::Done) {
            Negotiation::Offered(offered) => self.answer_offer(*offered),
            // The 200 repeats the description of the 183 (RFC 3261 13.3.1.4).
            Negotiation::Early(sdp) => Ok(sdp),
            Negotiation::Delayed => self.answer_with_offer(),
            // The run answers once.
            Negotiation::WaitingForAnswer(..) | Negotiation::WaitingForAnswerWithin(_) | Negotiation::Done => return,
        };
        match sdp {
            Ok(sdp) => self.command(Command::Answer { sdp: sdp.into() }).await,
            Err(error) => self.no_media(&error).await,
        }
    }

    async fn no_media(&mut self, error: &AnswerError) {
        tracing::error!(event = "call.refused", call = %self.facts.id, reason = "media", %error, "no media");
        self.leaving = true;
        let (status, cause) = match error {
            AnswerError::Port(_) => (StatusCode::SERVICE_UNAVAILABLE, 34),
            AnswerError::Refused(refused) => (refused.status(), 88),
        };
        self.command(Command::Reject(Reject { status, reason: Some(Cause::Q850(cause)), retry_after: None })).await;
    }

    fn answer_offer(
        &mut self,
        (offer, choice): (SessionDescription, Choice),
    ) -> Result<Zeroizing<Vec<u8>>, AnswerError> {
        let mut port = Port::bind(choice.remote.ip(), choice.rtcp_mux, self.context)?;
        let key = choice
            .key
            .as_ref()
            .map(|(_, theirs)| MasterKey::generate(theirs.suite(), &mut *self.context.rng.borrow_mut()));
        let sdp = port.description.answer(&offer, &choice, key.as_ref());
        self.begin_media(port, choice, key)?;
        Ok(sdp)
    }

    fn answer_with_offer(&mut self) -> Result<Zeroizing<Vec<u8>>, AnswerError> {
        let trunk = &self.facts.trunk;
        let keys_may_travel = self.facts.over_tls() || trunk.danger.sdes_over_plain_signalling;
        let offered = match trunk.srtp {
            SrtpPolicy::Required | SrtpPolicy::Preferred if keys_may_travel => {
                Offered::generate(trunk, &mut *self.context.rng.borrow_mut())
            }
            SrtpPolicy::Required => return Err(Refused::KeysInClear.into()),
            SrtpPolicy::Preferred | SrtpPolicy::Off => Offered::plain(),
        };
        // Whether the peer will multiplex RTCP is known only from its answer.
        let mut port = Port::bind(self.facts.signalling, false, self.context)?;
        let sdp = port.description.offer(trunk, &offered);
        self.negotiation = Negotiation::WaitingForAnswer(port, offered);
        Ok(sdp)
    }

    /// Begins the media of the call with what offer and answer agreed on.
    pub(super) fn begin_media(&mut self, port: Port, choice: Choice, key: Option<MasterKey>) -> Result<(), Refused> {
        let uplink = SampleRate::Hz16000;
        let (codec, direction) = (choice.codec, choice.direction);
        let media = Media::begin(port, choice, key, uplink, &self.facts, self.context).ok_or(Refused::Answer)?;
        tracing::info!(
            event = "media.negotiated", call = %self.facts.id, codec = codec.name(), ?direction,
            srtp_suite = media.suite().map_or("none", Suite::name),
            keying = if media.suite().is_some() { "sdes" } else { "none" },
            local_port = media.port.local_port(), "media agreed on"
        );
        if media.suite().is_none() {
            tracing::warn!(event = "media.plain", call = %self.facts.id, trunk = %self.facts.trunk.name, "this call is not encrypted: the trunk's danger permits it");
        }
        self.media = Some(Box::new(media));
        Ok(())
    }
}

/// Why an INVITE cannot be answered with 200.
#[derive(Debug, thiserror::Error)]
enum AnswerError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Towards the application.
impl Call<'_> {
    fn guard(hosts: &[dialplan::Host]) -> AddressGuard {
        AddressGuard::new(hosts.iter().map(ToString::to_string))
    }

    fn message_id(&self, prefix: &str) -> Option<MessageId> {
        MessageId::generate(prefix, unix_ms(), &mut *self.context.rng.borrow_mut()).ok()
    }

    /// Posts the signed flow request, on the signalling runtime: a worker's thread is for media.
    fn ask(&self, app: &Arc<App>, url: &HttpsUrl) -> Option<Activity> {
        let shared = &self.context.shared;
        let link = shared.loaded.links.find(&app.signing, app.ca.as_ref())?;
        let signer = link.signer.clone()?;
        let id = self.message_id("msg")?;
        let target = flow::HttpsUrl::parse(url.as_str()).ok()?;
        let body = FlowRequest {
            call_id: self.facts.id.to_string(),
            account_id: app.account().to_owned(),
            from_number: self.facts.from.expose().to_owned(),
            to_number: self.facts.to.expose().to_owned(),
            direction: Direction::Inbound,
        };
        tracing::info!(
            event = "flow.requested", call = %self.facts.id, app = %app.name, url_host = target.host(),
            key_ids = %key_ids(&signer), webhook_id = %id, "the application is asked"
        );
        let client =
            HttpClient::new(link.tls.clone(), HttpOptions { total: app.flow_timeout, ..HttpOptions::default() });
        let (guard, held) = (Self::guard(&app.private_hosts), shared.gauges.flow_requests.hold());
        Some(Activity::Asking(Task::new(shared.signalling.spawn(async move {
            let answer = client.post(&target, &guard, &signer, &id, body.encode()).await;
            drop(held);
            answer
        }))))
    }

    pub(super) async fn on_asked(&mut self, answer: Result<Result<HttpAnswer, HttpError>, JoinError>) {
        self.activity = Activity::Idle;
        let event = match answer {
            Ok(Ok(answer)) => match flow::parse_answer(&answer.body) {
                Ok(action) => {
                    tracing::info!(
                        event = "flow.answered", call = %self.facts.id, action = action_name(&action), ms = millis(answer.took),
                        tls_version = answer.facts.tls.version, tls_cipher = answer.facts.tls.cipher,
                        tls_group = answer.facts.tls.group, "the application has answered"
                    );
                    obeyed(action).map_or(Event::FlowFailed, Event::FlowAnswered)
                }
                Err(error) => self.flow_failed(&error),
            },
            Ok(Err(error)) => self.flow_failed(&error),
            Err(error) => self.flow_failed(&error),
        };
        self.step(event).await;
    }

    fn flow_failed(&self, error: &dyn std::error::Error) -> Event {
        tracing::warn!(event = "flow.failed", call = %self.facts.id, %error, "the application did not say what to do");
        Event::FlowFailed
    }

    /// Fetches a sound that the application named.
    fn fetch(&self, app: &Arc<App>, url: &HttpsUrl) -> Option<Activity> {
        let shared = &self.context.shared;
        let link = shared.loaded.links.find(&app.signing, app.ca.as_ref())?;
        let target = flow::HttpsUrl::parse(url.as_str()).ok()?;
        let client =
            HttpClient::new(link.tls.clone(), HttpOptions { max_body: LARGEST_SOUND, ..HttpOptions::default() });
        let (guard, held) = (Self::guard(&app.private_hosts), shared.gauges.flow_requests.hold());
        Some(Activity::Fetching(Task::new(shared.signalling.spawn(async move {
            let sound = client.get(&target, &guard).await.map(|answer| answer.body);
            drop(held);
            sound
        }))))
    }

    pub(super) async fn on_fetched(&mut self, sound: Result<Result<bytes::Bytes, HttpError>, JoinError>) {
        self.activity = Activity::Idle;
        let prompt = match sound {
            Ok(Ok(octets)) => Prompt::from_bytes(&octets).map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match prompt {
            Ok(prompt) => self.activity = Activity::Playing(prompt.play()),
            Err(error) => {
                tracing::warn!(event = "play.failed", call = %self.facts.id, error, "the sound cannot be played");
                self.step(Event::PlayFailed).await;
            }
        }
    }

    /// Opens the stream, on this worker: its socket lives where the call lives.
    fn open(&mut self, plan: StreamPlan) -> Option<Activity> {
        let shared = &self.context.shared;
        let link = shared.loaded.links.find(&plan.signing, plan.ca.as_ref())?;
        let (signer, tls) = (link.signer.clone(), link.tls.clone());
        let key_ids = signer.as_deref().map_or_else(String::new, key_ids);
        let url = flow::WssUrl::parse(plan.url.as_str()).ok()?;
        let id = self.message_id("ws")?;
        let dialect = match plan.format.dialect {
            dialplan::Dialect::Native => Dialect::Native,
            dialplan::Dialect::Teler => Dialect::Teler,
        };
        let rate = SampleRate::from_hz(plan.format.rate.hz())?;
        let chunk_ms = u32::try_from(plan.format.chunk.as_millis()).ok()?;
        if let Some(media) = &mut self.media {
            media.session.set_uplink_rate(rate);
        }
        let start = StreamStart {
            call_id: self.facts.id.to_string(),
            stream_id: uuid::Builder::from_random_bytes(self.context.rng.borrow_mut().random()).into_uuid().to_string(),
            account: plan.account,
            app: plan.app.map_or_else(String::new, |name| name.to_string()),
            from: self.facts.from.expose().to_owned(),
            to: self.facts.to.expose().to_owned(),
            direction: Direction::Inbound,
            rate,
            chunk_ms,
            custom: BTreeMap::new(),
        };
        let guard = Self::guard(&plan.private_hosts);
        let piece = flow::StreamPlan { dialect, rate, chunk_ms };
        let options = SocketOptions { open: plan.timeout, ..SocketOptions::for_plan(&piece) };
        let socket = Box::pin(async move {
            let request = StreamRequest { url: &url, dialect, signer: signer.as_deref(), id: &id };
            StreamSocket::open(&tls, &guard, request, &options).await
        });
        Some(Activity::Opening(Opening { socket, start, dialect, key_ids, held: shared.gauges.streams.hold() }))
    }

    pub(super) async fn on_opened(&mut self, socket: Result<Box<StreamSocket>, SocketError>) {
        let Activity::Opening(opening) = std::mem::replace(&mut self.activity, Activity::Idle) else { return };
        let socket = match socket {
            Ok(socket) => socket,
            Err(error) => {
                tracing::warn!(event = "stream.failed", call = %self.facts.id, %error, "the stream could not be opened");
                return self.step(Event::StreamFailed).await;
            }
        };
        let Opening { start, dialect, key_ids, held, .. } = opening;
        let facts = socket.facts();
        tracing::info!(
            event = "stream.open", call = %self.facts.id, dialect = dialect.name(), rate = start.rate.hz(),
            url_host = %facts.connect.peer, tls_version = facts.tls().version, tls_cipher = facts.tls().cipher,
            tls_group = facts.tls().group, key_ids, ms = millis(facts.took), "the stream is open"
        );
        let session = StreamSession::new(dialect, start, StreamOptions::default(), Instant::now());
        self.activity = Activity::Stream(Box::new(Stream { session, socket, _held: held }));
    }
}

/// The flow answer in the dialplan's words.
fn obeyed(answer: FlowAnswer) -> Option<FlowAction> {
    let next =
        |url: Option<flow::HttpsUrl>| url.map_or(Some(None), |url| url.as_str().parse::<HttpsUrl>().ok().map(Some));
    Some(match answer {
        FlowAnswer::Hangup => FlowAction::Hangup,
        FlowAnswer::Play(play) => {
            FlowAction::Play { url: play.media_url.as_str().parse().ok()?, next: next(play.flow_url)? }
        }
        FlowAnswer::Stream(stream) => FlowAction::Stream {
            url: stream.ws_url.as_str().parse().ok()?,
            dialect: stream.protocol.and_then(|protocol| match protocol {
                flow::Protocol::NativeV1 => Some(dialplan::Dialect::Native),
                _ => None,
            }),
            rate: stream.sample_rate.and_then(|rate| dialplan::Rate::from_hz(rate.hz())),
            chunk: stream.chunk_ms.map(|ms| Duration::from_millis(u64::from(ms))),
            next: next(stream.flow_url)?,
        },
    })
}

const fn action_name(answer: &FlowAnswer) -> &'static str {
    match answer {
        FlowAnswer::Stream(_) => "stream",
        FlowAnswer::Play(_) => "play",
        FlowAnswer::Hangup => "hangup",
    }
}

fn key_ids(signer: &Signer) -> String {
    signer.key_ids().map(|id| id.to_string()).collect::<Vec<_>>().join(" ")
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
