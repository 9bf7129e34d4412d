//! Orders to a call that lives.

use std::fmt;
use std::time::Duration;

use dialplan::Number;
use tokio::sync::oneshot;

use super::SecretDigits;

/// What a call is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// End. The reason, in capitals (`^[A-Z0-9_]{1,64}$`), is what the call's end is filed under.
    Hangup { reason: Option<String> },
    /// Press keys towards the other side, each for so long.
    SendDigits { digits: SecretDigits, tone: Duration },
    /// Hand the other side over.
    Transfer { target: TransferTarget, mode: TransferMode, timeout: Duration },
}

impl Order {
    /// Its name in logs.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Hangup { .. } => "hangup",
            Self::SendDigits { .. } => "dtmf",
            Self::Transfer { .. } => "transfer",
        }
    }
}

/// Whom a call is transferred to. Its `Debug` shows no number and no user.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum TransferTarget {
    /// A telephone number.
    Number(Number),
    /// A `sip:` or `sips:` URI; not parsed yet.
    Uri(String),
}

impl fmt::Debug for TransferTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Uri(uri) => write!(f, "Uri({} octets)", uri.len()),
        }
    }
}

/// How a call is transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransferMode {
    /// Without a word to the target before.
    Cold,
}

/// Why an order is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OrderRefused {
    /// No such call, or it ended long ago.
    #[error("there is no such call")]
    Unknown,
    /// The call has ended.
    #[error("the call has ended")]
    NotLive,
    /// The call is not in a state for it, such as digits before the answer.
    #[error("the call is not answered")]
    NotAnswered,
    /// The call has too much to do already.
    #[error("the call is still busy with earlier orders")]
    Busy,
    /// The other side of this call cannot do it, such as a trunk without REFER.
    #[error("this call cannot do that")]
    NotPossible,
    /// The dialplan allows no call to there.
    #[error("the dialplan allows no call to this target")]
    DestinationNotAllowed,
}

impl OrderRefused {
    /// Its name in answers, logs and counters.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "call_not_found",
            Self::NotLive => "call_not_live",
            Self::NotAnswered => "call_not_answered",
            Self::Busy => "call_busy",
            Self::NotPossible => "not_possible",
            Self::DestinationNotAllowed => "destination_not_allowed",
        }
    }
}

/// An order in the hands of the call's actor. Dropped unanswered it counts as [`OrderRefused::NotLive`].
#[derive(Debug)]
pub(crate) struct Ordered {
    order: Order,
    answer: oneshot::Sender<Result<(), OrderRefused>>,
}

impl Ordered {
    pub(super) fn new(order: Order, answer: oneshot::Sender<Result<(), OrderRefused>>) -> Self {
        Self { order, answer }
    }

    /// What is to be done.
    pub(crate) fn order(&self) -> &Order {
        &self.order
    }

    /// Says that it is begun, and hands it over.
    pub(crate) fn accept(self) -> Order {
        if self.answer.send(Ok(())).is_err() {
            // It is carried out all the same, as it is when an answer is lost on its way.
            tracing::debug!(order = self.order.as_str(), "nobody waits for the answer to an order");
        }
        self.order
    }

    /// Says why it is not.
    pub(crate) fn refuse(self, refused: OrderRefused) {
        if self.answer.send(Err(refused)).is_err() {
            tracing::debug!(order = self.order.as_str(), "nobody waits for the answer to an order");
        }
    }
}
