//! What the application's developer tells a call over the API while it lives.

use std::time::Duration;

use dialplan::{DialTarget, OutboundRefusal};
use sip_core::endpoint::Cause;

use super::Call;
use crate::control::{Order, OrderRefused, Ordered, TransferTarget};

impl Call<'_> {
    pub(super) async fn on_order(&mut self, ordered: Ordered) {
        let order = ordered.order();
        tracing::info!(event = "call.ordered", call = %self.facts.id, order = order.as_str(), "an order came");
        if self.leg.leaving {
            return ordered.refuse(OrderRefused::NotLive);
        }
        match order {
            Order::Hangup { .. } => {
                let Order::Hangup { reason } = ordered.accept() else { return };
                self.reason = reason;
                // An unanswered call that we place is taken back; all others are hung up.
                self.stop_activity(ai_bridge::stream::StopReason::AppHangup);
                self.leg.hang_up(Cause::Q850(16), self.context).await;
            }
            Order::SendDigits { .. } if self.leg.answered.is_none() => ordered.refuse(OrderRefused::NotAnswered),
            Order::SendDigits { digits, tone } => {
                let (digits, tone) = (digits.clone(), *tone);
                if self.leg.press(digits.expose(), tone, self.context).await {
                    ordered.accept();
                } else {
                    ordered.refuse(OrderRefused::NotPossible);
                }
            }
            Order::Transfer { .. } if self.leg.answered.is_none() => ordered.refuse(OrderRefused::NotAnswered),
            Order::Transfer { target, timeout, .. } => {
                let (target, timeout) = (target.clone(), *timeout);
                match self.order_transfer(&target, timeout).await {
                    Ok(()) => drop(ordered.accept()),
                    Err(refused) => ordered.refuse(refused),
                }
            }
        }
    }

    /// The application lets go, and the caller is connected to somebody else through us: that needs nothing of the carrier.
    async fn order_transfer(&mut self, target: &TransferTarget, timeout: Duration) -> Result<(), OrderRefused> {
        let to = match target {
            TransferTarget::Number(number) => DialTarget::Number(number.clone()),
            TransferTarget::Uri(uri) => DialTarget::read(uri).ok_or(OrderRefused::DestinationNotAllowed)?,
        };
        if self.far.is_some() || self.next.is_some() || self.transfer_until.is_some() {
            return Err(OrderRefused::Busy);
        }
        let first = self.run.connect_to(to, Some(timeout)).map_err(|refused| match refused {
            OutboundRefusal::NoTrunk | OutboundRefusal::NotOutbound | OutboundRefusal::Caller => {
                OrderRefused::NotPossible
            }
            OutboundRefusal::Destination => OrderRefused::DestinationNotAllowed,
        })?;
        self.stop_activity(ai_bridge::stream::StopReason::NextAction);
        self.carry_out(first).await;
        Ok(())
    }
}
