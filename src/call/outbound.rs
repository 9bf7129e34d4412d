//! Calls that we place, because the application's developer orders them over the API.

use std::sync::Arc;

use dialplan::{CallFacts, Decision, DialTarget, Dialplan, Run, Trunk};
use sip_core::endpoint::DialError;
use tracing::Instrument;

use super::Call;
use super::dial::{NotPlaced, Placed};
use super::facts::Facts;
use super::leg::Leg;
use crate::control::{PlaceOrder, PlaceRefused, Placing};
use crate::server::Context;

/// Takes an ordered call from its INVITE to its end.
pub(crate) async fn place(placing: Placing, context: &Context) {
    let span = tracing::info_span!("call", id = %placing.id());
    async {
        if let Some(call) = begin(placing, context).await {
            Box::pin(call.live()).await;
        }
    }
    .instrument(span)
    .await;
}

async fn begin(placing: Placing, context: &Context) -> Option<Call<'_>> {
    match dial(&placing, context).await {
        Ok((facts, leg, run)) => {
            tracing::info!(event = "call.placed", call = %facts.id, client = %placing.order().key_name, trunk = %leg.peer.trunk.name, from = %facts.from, to = %facts.to, "a call is placed");
            let Some((presence, order)) = placing.accept() else {
                tokio::task::spawn_local(leg.see_off(Arc::clone(&context.shared)));
                return None;
            };
            let mut call = Call::new(facts, leg, presence, run, context);
            (call.custom, call.first) = (order.custom, order.first);
            Some(call)
        }
        Err(refused) => {
            tracing::info!(event = "call.not_placed", call = %placing.id(), reason = refused.as_str(), "call not placed: {refused}");
            placing.refuse(refused);
            None
        }
    }
}

/// Sends the INVITE over the first trunk of the order that takes the call.
async fn dial(placing: &Placing, context: &Context) -> Result<(Facts, Leg, Run), PlaceRefused> {
    let order = placing.order();
    let shared = &context.shared;
    let dialplan = &shared.loaded.dialplan;
    let app = dialplan.app(order.app.as_str()).ok_or(PlaceRefused::UnknownApp)?;
    let mut refused = PlaceRefused::NoTrunk;
    for name in &order.trunks {
        let trunk = match permitted(dialplan, name.as_str(), order) {
            Ok(trunk) => trunk,
            Err(reason) => {
                refused = reason;
                continue;
            }
        };
        let facts = CallFacts::outbound(trunk.name.as_str(), order.from.as_str(), order.to.as_str());
        let route = match dialplan::decide(dialplan, &facts) {
            Decision::Route(route) => Some(route),
            Decision::NoRoute => None,
            Decision::Reject { .. } => {
                refused = PlaceRefused::DestinationNotAllowed;
                continue;
            }
        };
        let run = Run::outbound(dialplan, route, app, order.flow_url.clone()).map_err(|_| PlaceRefused::FlowHost)?;
        let placed = Placed {
            trunk: Arc::clone(trunk),
            to: DialTarget::Number(order.to.clone()),
            from: order.from.clone(),
            ring_for: ring_for(order, trunk),
            replaces: None,
            hops: None,
        };
        match Leg::place(placing.id(), placed, context).await {
            Ok(leg) => {
                let facts = Facts::placed(placing.id(), order.from.as_str(), order.to.as_str(), &shared.pii);
                return Ok((facts, leg, run.on_trunk(trunk)));
            }
            Err(error) => {
                tracing::info!(event = "trunk.passed", trunk = %trunk.name, %error, "this trunk does not take the call");
                refused = reason(&error);
            }
        }
    }
    Err(refused)
}

fn permitted<'d>(dialplan: &'d Dialplan, name: &str, order: &PlaceOrder) -> Result<&'d Arc<Trunk>, PlaceRefused> {
    let trunk = dialplan.trunk(name).ok_or(PlaceRefused::NoTrunk)?;
    let outbound = trunk.outbound.as_ref().ok_or(PlaceRefused::NoTrunk)?;
    if !outbound.permits(&DialTarget::Number(order.to.clone())) {
        return Err(PlaceRefused::DestinationNotAllowed);
    }
    outbound.caller(Some(&order.from)).map_err(|_| PlaceRefused::CallerNotAllowed)?;
    Ok(trunk)
}

fn ring_for(order: &PlaceOrder, trunk: &Trunk) -> std::time::Duration {
    let most = trunk.outbound.as_ref().map_or(std::time::Duration::from_mins(1), |outbound| outbound.ring_timeout);
    order.ring_timeout.map_or(most, |asked| asked.min(most))
}

fn reason(error: &NotPlaced) -> PlaceRefused {
    match error.dial_error() {
        Some(DialError::Down) => PlaceRefused::TrunkDown,
        Some(DialError::Rate) => PlaceRefused::Rate,
        Some(DialError::Concurrency) => PlaceRefused::Concurrency,
        Some(DialError::Daily) => PlaceRefused::Daily,
        Some(DialError::Full) => PlaceRefused::Full,
        Some(DialError::ShuttingDown) => PlaceRefused::Draining,
        _ => PlaceRefused::NoTrunk,
    }
}
