//! `[media]`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::check;
use crate::rule::{millis, optional, or_default, seconds, table, text};
use crate::value::{Addresses, PortRange, addresses};

table! {
    /// Ports and addresses of RTP.
    pub struct Media in "`[media]`" {
        /// The UDP ports for RTP and RTCP, two for each call.
        ports: PortRange = or_default("\"20000-29999\"", text::<PortRange>()),
        /// The address in our SDP, where peers send RTP to: one address, or one for each family.
        public_address: Option<Addresses> = optional(addresses()),
        /// The local address of RTP sockets: one address, or one for each family. Default: all, of the families of `public_address`.
        bind: Option<Addresses> = optional(addresses()),
        /// The bounds of the jitter buffer.
        jitter: Jitter = or_default("{}", table::<Jitter>()),
        /// Seconds without any RTP from the peer after which a call is ended.
        rtp_timeout: Duration = or_default("30", seconds(5..=3_600)),
    }
    later { "dtls", "ice", "stun", "dscp", "ptime", "codecs" }
    check(cx) {
        if let (Some(public), Some(bind)) = (&public_address, &bind) {
            check::media_addresses(cx, public.as_ref(), bind.as_ref());
        }
    }
}

table! {
    /// The bounds of the jitter buffer: how long audio waits so that late packets still arrive in time.
    pub struct Jitter in "`media.jitter`" {
        /// Least delay, in milliseconds.
        min as "min_ms": Duration = or_default("20", millis(0..=1_000)),
        /// Delay at the start of a call, in milliseconds.
        initial as "initial_ms": Duration = or_default("60", millis(0..=1_000)),
        /// Most delay, in milliseconds.
        max as "max_ms": Duration = or_default("200", millis(20..=2_000)),
    }
    check(cx) {
        if let (Some(min), Some(initial), Some(max)) = (min, initial, max)
            && (min > initial || initial > max) {
                let place = cx.place(&cx.path());
                let message = "`media.jitter`: `min_ms` <= `initial_ms` <= `max_ms` does not hold";
                let help = "write { min_ms = 20, initial_ms = 60, max_ms = 200 }";
                cx.error(crate::report::Code::Conflict, place, message, help);
            }
    }
}

/// Where RTP is bound, and what our SDP says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaAddress {
    /// The local address of the socket.
    pub bind: IpAddr,
    /// The address in our SDP.
    pub advertise: IpAddr,
}

impl Media {
    /// The addresses for a peer whose media address is `peer`; `None` if its family is not configured.
    pub fn address_for(&self, peer: IpAddr) -> Option<MediaAddress> {
        let of = |addresses: &Option<Addresses>| addresses.as_ref().and_then(|both| both.for_family_of(peer));
        let all = match peer {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        match (of(&self.public_address), of(&self.bind)) {
            (Some(advertise), Some(bind)) => Some(MediaAddress { bind, advertise }),
            (Some(advertise), None) if self.bind.is_none() => Some(MediaAddress { bind: all, advertise }),
            (None, Some(bind)) if !bind.is_unspecified() => Some(MediaAddress { bind, advertise: bind }),
            (Some(_) | None, None) | (None, Some(_)) => None,
        }
    }
}
