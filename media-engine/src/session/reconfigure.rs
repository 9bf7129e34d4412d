use std::time::Instant;

use super::{Keys, Leg, Reconfigure, ReconfigureError, Session, playout::Playout};
use crate::{dtmf, srtp};

impl Session {
    /// Applies an answered re-INVITE. After an error nothing has changed.
    ///
    /// What is not named stays: unchanged keys keep their rollover counters and replay windows, the uplink its beat, the
    /// guard its state. A secure leg stays secure.
    ///
    /// Gives what has encrypted until now where another key takes its place: for a key that may come back, which must go on
    /// where it stopped (RFC 3711 9.1).
    pub fn reconfigure(
        &mut self,
        change: Reconfigure,
        now: Instant,
    ) -> Result<Option<srtp::Outbound>, ReconfigureError> {
        let left = self.set_keys(change.keys)?;
        if let Some(remote) = change.remote {
            let secure = self.is_secure();
            self.inbound.source.on_signalled(remote, secure);
            self.remote_rtcp = change.remote_rtcp;
        }
        if let Some((codec, payload_type)) = change.codec {
            self.inbound.payload_type = payload_type;
            self.outbound.set_codec(codec, payload_type);
            if codec != self.inbound.codec {
                self.inbound.codec = codec;
                self.playout = Playout::new(codec, self.jitter);
                self.uplink.set_codec_rate(codec.sample_rate());
            }
        }
        if let Some(events) = change.telephone_event
            && events != self.inbound.events
        {
            let clock = events.map(|format| format.clock_rate);
            let before = self.inbound.events.map(|format| format.clock_rate);
            if let Some(clock) = clock.filter(|_| clock != before) {
                self.inbound.digits = dtmf::Receiver::new(clock);
                self.outbound.digits = dtmf::Sender::new(clock);
            }
            self.inbound.events = events;
            self.outbound.events = events;
        }
        if let Some(direction) = change.direction {
            let received = self.direction.receives();
            self.direction = direction;
            if direction.receives() != received {
                self.playout.restart();
                self.uplink.expect_inbound(now);
            }
        }
        Ok(left)
    }

    fn set_keys(&mut self, keys: Keys) -> Result<Option<srtp::Outbound>, ReconfigureError> {
        match (keys, &mut self.leg) {
            (Keys::Unchanged, _) => Ok(None),
            (Keys::New { rx, tx }, leg) => {
                let left = std::mem::replace(leg, Leg::Secure { rx, tx });
                self.inbound.auth_failures = 0;
                self.inbound.auth_failures_told = 0;
                self.outbound.on_new_keys();
                Ok(match left {
                    Leg::Secure { tx, .. } => Some(tx),
                    Leg::Plain(_) => None,
                })
            }
            (Keys::NewInbound(new), Leg::Secure { rx, .. }) => {
                *rx = new;
                self.inbound.auth_failures = 0;
                self.inbound.auth_failures_told = 0;
                Ok(None)
            }
            (Keys::NewInbound(_), Leg::Plain(_)) => Err(ReconfigureError::HalfSecure),
        }
    }
}
