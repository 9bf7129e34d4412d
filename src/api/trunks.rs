//! `GET /v1/trunks`: whether the client's calls can leave now, and why not.

use axum::Extension;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};
use sip_core::trunk::{
    DownReason, HopState, HopStatus, RegistrationFailure, RegistrationState, TrunkState, TrunkStatus,
};

use super::Api;
use super::answer::{Answer, Refusal};
use super::order::Caller;
use crate::control::PlaceRefused;

pub(super) async fn list(State(api): State<Api>, Extension(client): Caller) -> Result<Answer, Refusal> {
    let sip = api.0.sip.as_ref().ok_or(Refusal::Place(PlaceRefused::Draining))?;
    let trunks = sip.trunks().await.map_err(|_| Refusal::Place(PlaceRefused::Draining))?;
    let may_use =
        |status: &&TrunkStatus| client.rights.trunks.iter().any(|name| name.as_str() == status.trunk.as_str());
    let trunks: Vec<Value> = trunks.iter().filter(may_use).map(trunk).collect();
    Ok(Answer::new(StatusCode::OK, &json!({ "trunks": trunks })))
}

fn trunk(status: &TrunkStatus) -> Value {
    let (state, why) = match status.state {
        TrunkState::Up => ("up", None),
        TrunkState::Down { why } => ("down", Some(down(why))),
    };
    json!({
        "name": status.trunk.as_str(),
        "state": state,
        "why": why,
        "hops": status.hops.iter().map(hop).collect::<Vec<_>>(),
        "registration": status.registration.as_ref().map(registration),
        "calls": status.calls,
        "calls_24h": status.calls_today,
    })
}

fn hop(HopStatus { hop, state, round_trip }: &HopStatus) -> Value {
    json!({
        "address": hop.address.to_string(),
        "transport": hop.transport.to_string(),
        "state": match state {
            HopState::Up => "up",
            HopState::Suspect => "suspect",
            HopState::Down => "down",
            HopState::Holding => "holding",
        },
        "round_trip_ms": round_trip.map(|time| time.as_secs_f64() * 1e3),
    })
}

fn registration(state: &RegistrationState) -> Value {
    match state {
        RegistrationState::Unregistered => json!({ "state": "unregistered" }),
        RegistrationState::Registered { left } => json!({ "state": "registered", "expires_in": left.as_secs() }),
        RegistrationState::Failed { why, again_in } => {
            let status = if let RegistrationFailure::Refused(status) = why { Some(status.code()) } else { None };
            json!({ "state": "failed", "why": failure(*why), "status": status, "again_in": again_in.as_secs() })
        }
        RegistrationState::Left => json!({ "state": "left" }),
    }
}

const fn down(why: DownReason) -> &'static str {
    match why {
        DownReason::NotLocated => "not_located",
        DownReason::LookupFailed => "lookup_failed",
        DownReason::Unreachable => "unreachable",
        _ => "other",
    }
}

const fn failure(why: RegistrationFailure) -> &'static str {
    match why {
        RegistrationFailure::Refused(_) => "refused",
        RegistrationFailure::Unreachable => "unreachable",
        RegistrationFailure::NotLocated => "not_located",
        RegistrationFailure::Interval => "interval",
        RegistrationFailure::NotBound => "not_bound",
        RegistrationFailure::ConnectionLost => "connection_lost",
        _ => "other",
    }
}
