//! Towards the application: the flow request, its sounds, its stream.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ai_bridge::flow::{self, Attestation, FlowAnswer, FlowRequest};
use ai_bridge::net::{
    AddressGuard, HttpAnswer, HttpClient, HttpError, HttpOptions, SocketError, SocketOptions, StreamRequest,
    StreamSocket,
};
use ai_bridge::stream::{Dialect, StreamOptions, StreamSession, StreamStart};
use ai_bridge::webhook::{MessageId, Signer};
use dialplan::{App, Event, FlowAction, HttpsUrl, StreamPlan};
use media_engine::audio::SampleRate;
use rand::RngExt;
use std::time::Instant;
use tokio::task::JoinError;

use super::activity::{Activity, Opening, Task};
use super::stream::Stream;
use super::{Call, Prompt};
use crate::telemetry::millis;

/// Longest sound that an application may name by URL, in octets: some minutes of 16-bit audio.
const LARGEST_SOUND: usize = 16 * 1024 * 1024;

impl Call<'_> {
    fn guard(hosts: &[dialplan::Host]) -> AddressGuard {
        AddressGuard::new(hosts.iter().map(ToString::to_string))
    }

    fn message_id(&self, prefix: &str) -> Option<MessageId> {
        MessageId::generate(prefix, unix_ms(), &mut *self.context.rng.borrow_mut()).ok()
    }

    /// Posts the signed flow request, on the signalling runtime: a worker's thread is for media.
    pub(super) fn ask(&self, app: &Arc<App>, url: &HttpsUrl) -> Option<Activity> {
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
            direction: self.facts.direction,
        };
        tracing::info!(
            event = "flow.requested", call = %self.facts.id, app = %app.name, url_host = target.host(),
            key_ids = %key_ids(&signer), webhook_id = %id, "the application is asked"
        );
        let client =
            HttpClient::new(link.tls.clone(), HttpOptions { total: app.flow_timeout, ..HttpOptions::default() });
        let (guard, held) = (Self::guard(&app.private_hosts), shared.gauges.flow_requests.hold());
        let headers: Vec<_> = self
            .facts
            .attestation()
            .map(|attestation| (Attestation::HEADER, attestation.as_str()))
            .into_iter()
            .collect();
        Some(Activity::Asking(Task::new(shared.signalling.spawn(async move {
            let answer = client.post_with(&target, &guard, &signer, &id, body.encode(), headers.as_slice()).await;
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
    pub(super) fn fetch(&self, app: &Arc<App>, url: &HttpsUrl) -> Option<Activity> {
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
    pub(super) fn open(&mut self, plan: StreamPlan) -> Option<Activity> {
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
        if let Some(media) = &mut self.leg.media {
            media.session.set_uplink_rate(rate);
        }
        let start = StreamStart {
            call_id: self.facts.id.to_string(),
            stream_id: uuid::Builder::from_random_bytes(self.context.rng.borrow_mut().random()).into_uuid().to_string(),
            account: plan.account,
            app: plan.app.map_or_else(String::new, |name| name.to_string()),
            from: self.facts.from.expose().to_owned(),
            to: self.facts.to.expose().to_owned(),
            direction: self.facts.direction,
            rate,
            chunk_ms,
            attestation: self.facts.attestation(),
            custom: self.custom.clone(),
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
pub(super) fn obeyed(answer: FlowAnswer) -> Option<FlowAction> {
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
