//! Calls that are ordered.

use std::collections::BTreeMap;
use std::time::Duration;

use ai_bridge::flow::FlowAnswer;
use dialplan::{HttpsUrl, Name, Number};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{CallId, Control, Direction, NewCall, Presence};
use crate::telemetry::Pii;

/// A call to be placed. What it names is well-formed; whether it is allowed is for the one who opens it.
#[derive(Debug, Clone)]
pub(crate) struct PlaceOrder {
    /// The API key that orders it.
    pub(crate) key_name: Name,
    /// The application that the call belongs to.
    pub(crate) app: Name,
    /// The trunks it may go over, in order of preference.
    pub(crate) trunks: Vec<Name>,
    /// The number it shows.
    pub(crate) from: Number,
    /// The number it rings.
    pub(crate) to: Number,
    /// Where the application is asked when the call is answered; the application's own `flow_url` if absent.
    pub(crate) flow_url: Option<HttpsUrl>,
    /// What is done when the call is answered, instead of asking: a stream, in the words of a flow answer.
    pub(crate) first: Option<FlowAnswer>,
    /// Where changes of its state are posted to.
    pub(crate) status_callback_url: Option<HttpsUrl>,
    /// How long it may ring; the trunk's own time if absent.
    pub(crate) ring_timeout: Option<Duration>,
    /// The application's own values, handed back to it.
    pub(crate) custom: BTreeMap<String, String>,
}

/// Why a call is not placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlaceRefused {
    /// None of the trunks can place calls.
    #[error("no trunk of this key places calls")]
    NoTrunk,
    /// Every trunk that could is down.
    #[error("every trunk for this call is down")]
    TrunkDown,
    /// `destinations` of the trunk do not have this number.
    #[error("the dialplan allows no call to this number")]
    DestinationNotAllowed,
    /// `from` of the trunk does not have this number.
    #[error("the dialplan allows no call from this number")]
    CallerNotAllowed,
    /// Calls a second.
    #[error("too many calls a second")]
    Rate,
    /// Calls at a time.
    #[error("too many calls at a time")]
    Concurrency,
    /// Calls a day.
    #[error("no more calls today")]
    Daily,
    /// The server stops.
    #[error("the server is being stopped")]
    Draining,
    /// The server has as many calls as it may, or is too slow to begin one.
    #[error("the server can take no more calls now")]
    Full,
    /// `flow_url` is on a host that the application may not name.
    #[error("the application may not be asked at this host")]
    FlowHost,
    /// The dialplan has no such application.
    #[error("the dialplan has no such application")]
    UnknownApp,
}

impl PlaceRefused {
    /// Its name in answers, logs and counters.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NoTrunk => "no_trunk",
            Self::TrunkDown => "trunk_down",
            Self::DestinationNotAllowed => "destination_not_allowed",
            Self::CallerNotAllowed => "caller_not_allowed",
            Self::Rate => "call_rate",
            Self::Concurrency => "call_concurrency",
            Self::Daily => "calls_per_day",
            Self::Draining => "draining",
            Self::Full => "server_full",
            Self::FlowHost => "flow_host",
            Self::UnknownApp => "unknown_app",
        }
    }
}

/// A call in the hands of the one who opens calls. Dropped unanswered it counts as [`PlaceRefused::Draining`].
#[derive(Debug)]
pub(crate) struct Placing {
    id: CallId,
    order: PlaceOrder,
    control: Control,
    answer: oneshot::Sender<Result<CallId, PlaceRefused>>,
}

impl Placing {
    pub(super) fn new(
        control: Control,
        order: PlaceOrder,
        answer: oneshot::Sender<Result<CallId, PlaceRefused>>,
    ) -> Self {
        Self { id: Uuid::new_v4(), order, control, answer }
    }

    /// The id that the call will have.
    pub(crate) const fn id(&self) -> CallId {
        self.id
    }

    /// What is ordered.
    pub(crate) const fn order(&self) -> &PlaceOrder {
        &self.order
    }

    /// Enters the call and says that it is being dialled. `None` when nobody waits for it any more: he was told no.
    pub(crate) fn accept(self) -> Option<(Presence, PlaceOrder)> {
        let Self { id, order, control, answer } = self;
        if answer.is_closed() {
            return None;
        }
        let presence = control.enter(NewCall {
            id,
            direction: Direction::Outbound,
            from: Pii::new(order.from.as_str(), control.pii()),
            to: Pii::new(order.to.as_str(), control.pii()),
            app: Some(order.app.clone()),
            status_callback_url: order.status_callback_url.clone(),
            custom: order.custom.clone(),
        });
        if answer.send(Ok(id)).is_err() {
            presence.ended(super::CallState::Failed, "canceled");
            return None;
        }
        Some((presence, order))
    }

    /// Says why it is not placed.
    pub(crate) fn refuse(self, refused: PlaceRefused) {
        if self.answer.send(Err(refused)).is_err() {
            tracing::debug!(call = %self.id, "nobody waits for the answer to an order");
        }
    }
}
