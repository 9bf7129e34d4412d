//! What is known of a call from outside.

use std::collections::BTreeMap;

use dialplan::{HttpsUrl, Name};

use super::CallId;
use crate::telemetry::Pii;

pub(crate) use ai_bridge::flow::Direction;

/// How far a call has come (Teler's words).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CallState {
    /// It has come in, or is being dialled.
    Initiated,
    /// It rings.
    Ringing,
    /// Somebody has answered.
    Answered,
    /// It was answered and has ended.
    Completed,
    /// It has ended without an answer.
    Failed,
}

impl CallState {
    /// Its name in answers and callbacks.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Nothing follows.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// A call as an application sees it. Its `Debug` shows no number.
#[derive(Debug, Clone)]
pub(crate) struct CallView {
    pub(crate) id: CallId,
    pub(crate) state: CallState,
    pub(crate) direction: Direction,
    pub(crate) from: Pii,
    pub(crate) to: Pii,
    /// The application it belongs to: only its keys see the call.
    pub(crate) app: Option<Name>,
    /// Unix milliseconds.
    pub(crate) created_ms: u64,
    pub(crate) answered_ms: Option<u64>,
    pub(crate) ended_ms: Option<u64>,
    /// Why it ended: `no_answer`, `busy`, `canceled`, or what an order to hang up said.
    pub(crate) reason: Option<String>,
    /// The application's own values.
    pub(crate) custom: BTreeMap<String, String>,
}

/// A call that has changed its state, and where that is to be told.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) view: CallView,
    pub(crate) url: HttpsUrl,
    /// When, in Unix milliseconds.
    pub(crate) at_ms: u64,
}
