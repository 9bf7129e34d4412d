//! What is told of a trunk: what changed, and how it is now.

use std::time::Duration;

use crate::admission::TrunkId;
use crate::endpoint::NextHop;
use crate::wire::StatusCode;

/// Something about a trunk changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkEvent {
    /// Which trunk.
    pub trunk: TrunkId,
    /// What.
    pub change: TrunkChange,
}

/// What changed about a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrunkChange {
    /// Its next hops are known, or changed.
    Located {
        /// How many there are.
        hops: usize,
    },
    /// Calls can be placed over it.
    Up,
    /// No calls can be placed over it.
    Down {
        /// Why.
        why: DownReason,
    },
    /// The registrar knows us, for the first time or again after it did not.
    Registered {
        /// For how long.
        expires: Duration,
    },
    /// A registration failed; it is tried again later.
    RegistrationFailed {
        /// Why.
        why: RegistrationFailure,
    },
    /// The registration was removed, at shutdown.
    Unregistered,
}

/// Whether calls can be placed over a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrunkState {
    /// At least one hop can be used. A hop is good until something shows that it is not.
    Up,
    /// None can.
    Down {
        /// Why.
        why: DownReason,
    },
}

/// Why no calls can be placed over a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownReason {
    /// Its next hops are not looked up yet.
    NotLocated,
    /// The look-up of its next hops failed, and what was known before is too old.
    LookupFailed,
    /// No hop answers, or none has been good for the hold-down.
    Unreachable,
}

/// Why a registration failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationFailure {
    /// The registrar refused, with this status.
    Refused(StatusCode),
    /// No answer, or no connection, at any hop.
    Unreachable,
    /// The registrar's hops are not known.
    NotLocated,
    /// The registrar wants a longer expiry than we would ask for (423 without a usable Min-Expires).
    Interval,
    /// A 2xx that says that the binding is not there.
    NotBound,
    /// The connection that was registered over is gone.
    ConnectionLost,
}

/// How a trunk is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkStatus {
    /// Which trunk.
    pub trunk: TrunkId,
    /// Whether calls can be placed.
    pub state: TrunkState,
    /// Its hops, in the order in which they are tried.
    pub hops: Vec<HopStatus>,
    /// Its registration; `None` where its rule has none.
    pub registration: Option<RegistrationState>,
    /// Calls placed over it that are not over.
    pub calls: u32,
    /// Calls placed within the last 24 hours.
    pub calls_today: u32,
}

/// How one hop is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HopStatus {
    /// Where.
    pub hop: NextHop,
    /// How it is.
    pub state: HopState,
    /// The round trip of the last OPTIONS that was answered.
    pub round_trip: Option<Duration>,
}

/// How one hop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopState {
    /// It is used.
    Up,
    /// A call or a ping failed: used where no other can be.
    Suspect,
    /// Not used.
    Down,
    /// It answers again, and is used once the hold-down is over.
    Holding,
}

/// How a registration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationState {
    /// The registrar does not know us yet, or no more.
    Unregistered,
    /// The registrar knows us for so long still.
    Registered {
        /// Until the binding expires, if nothing refreshes it.
        left: Duration,
    },
    /// The last attempt failed and none is under way.
    Failed {
        /// Why.
        why: RegistrationFailure,
        /// Until the next attempt.
        again_in: Duration,
    },
    /// Removed, at shutdown.
    Left,
}
