//! What both schemas do: read the body, carry an order out once, see only the own application's calls.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use ai_bridge::flow::FlowAnswer;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;
use uuid::Uuid;

use super::Api;
use super::answer::{Answer, Refusal};
use super::bodies::{NewCallBody, Transfer};
use super::clients::Client;
use super::fields::Mistake;
use super::idempotency::{Claim, Slot};
use super::limits::{MAX_BODY, MAX_IDEMPOTENCY_KEY};
use crate::control::{CallId, CallView, Order, OrderRefused, PlaceOrder, PlaceRefused};

/// The header by which a client says that a request is the same as an earlier one.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The id of a call as it stands in a path.
pub(super) type CallPath = Result<Path<String>, PathRejection>;

impl Api {
    /// Reads the body and acts on it; not again when the `Idempotency-Key` says that it was done.
    ///
    /// It acts in a task of its own: a client that hangs up while its call is being placed finds, when it asks again with the
    /// same key, the answer that it has missed.
    pub(super) async fn once<Acting>(
        &self,
        client: &Client,
        request: Request,
        act: impl FnOnce(Bytes) -> Acting,
    ) -> Result<Answer, Refusal>
    where
        Acting: Future<Output = Result<Answer, Refusal>> + Send + 'static,
    {
        let (head, body) = request.into_parts();
        let key = idempotency_key(&head.headers)?;
        let body = Limited::new(body, MAX_BODY)
            .collect()
            .await
            .map_err(|error| if error.is::<LengthLimitError>() { Refusal::TooLarge } else { Refusal::BrokenBody })?;
        let body = body.to_bytes();
        let slot = key.map(|key| Slot::new(client.rights.name.as_str(), head.uri.path(), key));
        match slot.map_or(Claim::First, |slot| self.0.idempotency.claim(slot, &body, Instant::now())) {
            Claim::First => {}
            Claim::Again(answer) => {
                tracing::info!(event = "api.repeated", client = %client.rights.name, "answered as before");
                return Ok(answer);
            }
            Claim::Refused(refusal) => return Err(refusal),
        }
        let (api, acting, name) = (self.clone(), act(body), client.rights.name.clone());
        let done = tokio::spawn(async move {
            let answer = acting.await.unwrap_or_else(|refusal| {
                tracing::info!(event = "api.refused", client = %name, reason = refusal.code(), "request refused");
                Answer::from(&refusal)
            });
            if let Some(slot) = slot {
                api.0.idempotency.settle(slot, &answer);
            }
            answer
        });
        // It fails only by a panic, which is told where it happens.
        done.await.map_err(|_| Refusal::Internal)
    }

    /// Places a call for this client, after what the API itself can judge.
    pub(super) async fn place(&self, client: &Client, call: NewCallBody) -> Result<CallId, Refusal> {
        let rights = &client.rights;
        let app = self.0.dialplan.app(rights.app.as_str()).ok_or(PlaceRefused::UnknownApp)?;
        if call.app.is_some_and(|name| rights.app != *name.as_str()) {
            return Err(Refusal::AppNotAllowed);
        }
        let trunks: Vec<_> = match &call.trunk {
            None => rights.trunks.clone(),
            Some(name) => rights.trunks.iter().filter(|trunk| **trunk == *name.as_str()).cloned().collect(),
        };
        if trunks.is_empty() {
            return Err(if call.trunk.is_some() { Refusal::TrunkNotAllowed } else { PlaceRefused::NoTrunk.into() });
        }
        if !rights.may_show(&call.from) {
            return Err(PlaceRefused::CallerNotAllowed.into());
        }
        // A stolen key must not make the server sign requests to, or stream a voice to, whom the dialplan does not know.
        let stream_host = match &call.stream {
            Some(FlowAnswer::Stream(stream)) => Some(stream.ws_url.host().parse().ok()),
            Some(FlowAnswer::Play(_) | FlowAnswer::Hangup) | None => None,
        };
        let hosts = [
            ("flow_url", call.flow_url.as_ref().map(|url| Some(url.host().clone()))),
            ("status_callback_url", call.status_callback_url.as_ref().map(|url| Some(url.host().clone()))),
            ("stream", stream_host),
        ];
        let strange = |host: Option<dialplan::Host>| host.is_none_or(|host| !app.trusts(&host));
        let mistakes: Vec<_> = hosts
            .into_iter()
            .filter(|(_, host)| host.clone().is_some_and(strange))
            .map(|(name, _)| {
                Mistake::new(
                    name,
                    "Its host is not one of the application's: add it to `stream.hosts` in the dialplan",
                    "value_error",
                )
            })
            .collect();
        if !mistakes.is_empty() {
            return Err(Refusal::Mistakes(mistakes));
        }
        let order = PlaceOrder {
            key_name: rights.name.clone(),
            app: rights.app.clone(),
            trunks,
            from: call.from,
            to: call.to,
            flow_url: call.flow_url,
            first: call.stream,
            status_callback_url: call.status_callback_url,
            ring_timeout: call.ring_timeout,
            custom: call.custom,
        };
        let id = self.0.control.place(order).await?;
        tracing::info!(event = "api.placed", client = %rights.name, call = %id, "a call is placed");
        Ok(id)
    }

    /// A call of the client's own application. Of any other it must not even learn that it exists.
    pub(super) fn view(&self, client: &Client, id: CallPath) -> Result<CallView, Refusal> {
        let Path(id) = id.map_err(|_| OrderRefused::Unknown)?;
        let id = Uuid::parse_str(&id).map_err(|_| OrderRefused::Unknown)?;
        let view = self.0.control.get(id).filter(|view| view.app.as_ref() == Some(&client.rights.app));
        view.ok_or_else(|| OrderRefused::Unknown.into())
    }

    /// Gives an order to a call of the client's own application.
    pub(super) async fn order(&self, client: &Client, id: CallPath, order: Order) -> Result<CallId, Refusal> {
        let id = self.view(client, id)?.id;
        let name = order.as_str();
        self.0.control.order(id, order).await?;
        tracing::info!(event = "api.ordered", client = %client.rights.name, call = %id, order = name, "a call is commanded");
        Ok(id)
    }

    /// Gives the order of a body to a call, once; `answer` says what the client is told.
    pub(super) async fn command(
        &self,
        client: Arc<Client>,
        id: CallPath,
        request: Request,
        read: fn(&[u8]) -> Result<Order, Vec<Mistake>>,
        answer: fn(CallId) -> Value,
    ) -> Result<Answer, Refusal> {
        let (acting, by) = (self.clone(), Arc::clone(&client));
        self.once(&client, request, |body| async move {
            let order = read(&body).map_err(Refusal::Mistakes)?;
            Ok(Answer::accepted(&answer(acting.order(&by, id, order).await?)))
        })
        .await
    }

    /// As [`Api::order`], for a transfer.
    pub(super) async fn hand_over(&self, client: &Client, id: CallPath, transfer: Transfer) -> Result<CallId, Refusal> {
        match transfer {
            Transfer::Cold(order) => self.order(client, id, order).await,
            Transfer::Warm => {
                self.view(client, id)?;
                Err(Refusal::WarmTransfer)
            }
        }
    }

    /// The account that answers name.
    pub(super) fn account(&self, view: &CallView) -> String {
        let app = view.app.as_ref().and_then(|app| self.0.dialplan.app(app.as_str()));
        app.map_or_else(String::new, |app| app.account().to_owned())
    }
}

/// A handler's client, put there by the router.
pub(super) type Caller = axum::Extension<Arc<Client>>;

/// `req_` and 24 hexadecimal digits, as Teler's.
pub(super) fn request_id() -> String {
    let mut id = Uuid::new_v4().simple().to_string();
    id.truncate(24);
    format!("req_{id}")
}

/// The key, of 1 to 255 visible characters; `None` when there is none.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&[u8]>, Refusal> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next().map(http::HeaderValue::as_bytes) else { return Ok(None) };
    let fits = (1..=MAX_IDEMPOTENCY_KEY).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if keys.next().is_some() || !fits {
        return Err(Refusal::IdempotencyKey);
    }
    Ok(Some(key))
}
