//! STUN binding (RFC 5389), as far as the keepalive of a UDP flow needs it (RFC 5626 4.4.2).
//!
//! ```text
//! 0 0 type(14) | length(16) | magic cookie(32) | transaction id(96) | attributes...
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{BufMut as _, Bytes, BytesMut};

/// Names one transaction.
pub type StunId = [u8; 12];

/// A STUN message that a SIP flow may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stun {
    /// A binding request.
    Request {
        /// Its transaction.
        id: StunId,
    },
    /// The answer: how the sender is seen from there.
    Success {
        /// The transaction of the request.
        id: StunId,
        /// XOR-MAPPED-ADDRESS
        mapped: SocketAddr,
    },
}

impl Stun {
    /// Whether a datagram is STUN and not SIP: no SIP message begins like this (RFC 5389 8).
    pub fn is_stun(octets: &[u8]) -> bool {
        octets.first().is_some_and(|first| first >> 6 == 0) && octets.get(4..8) == Some(&COOKIE)
    }

    /// The message; `None` for one that is malformed, of another kind, or has an attribute that must be understood and is
    /// not.
    pub fn parse(octets: &[u8]) -> Option<Self> {
        if !Self::is_stun(octets) {
            return None;
        }
        let (head, mut rest) = octets.split_at_checked(HEAD)?;
        let kind = number(head)?;
        let id: StunId = head.get(8..)?.try_into().ok()?;
        if usize::from(number(head.get(2..)?)?) != rest.len() {
            return None;
        }
        let mut mapped = None;
        while !rest.is_empty() {
            let (attribute, length) = (number(rest)?, usize::from(number(rest.get(2..)?)?));
            let value = rest.get(4..length.checked_add(4)?)?;
            match attribute {
                XOR_MAPPED_ADDRESS if kind == SUCCESS => mapped = Some(unmask(value, &id)?),
                0..=0x7fff if kind == REQUEST => return None,
                _ => {}
            }
            rest = rest.get(length.next_multiple_of(4).checked_add(4)?..)?;
        }
        match kind {
            REQUEST => Some(Self::Request { id }),
            SUCCESS => mapped.map(|mapped| Self::Success { id, mapped }),
            _ => None,
        }
    }

    /// The message's octets.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(HEAD + 24);
        match self {
            Self::Request { id } => head(&mut out, REQUEST, 0, id),
            Self::Success { id, mapped } => {
                let ip = mapped.ip().to_canonical();
                let (family, length): (u16, u16) = if ip.is_ipv4() { (1, 8) } else { (2, 20) };
                head(&mut out, SUCCESS, length.saturating_add(4), id);
                out.put_u16(XOR_MAPPED_ADDRESS);
                out.put_u16(length);
                out.put_u16(family);
                out.put_u16(mapped.port() ^ u16::from_be_bytes([COOKIE[0], COOKIE[1]]));
                let octets = match ip {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                };
                out.extend(octets.iter().zip(mask(id)).map(|(octet, mask)| octet ^ mask));
            }
        }
        out.freeze()
    }
}

fn head(out: &mut BytesMut, kind: u16, length: u16, id: &StunId) {
    out.put_u16(kind);
    out.put_u16(length);
    out.put_slice(&COOKIE);
    out.put_slice(id);
}

/// What an address is masked with (RFC 5389 15.2).
fn mask(id: &StunId) -> impl Iterator<Item = u8> + '_ {
    COOKIE.into_iter().chain(id.iter().copied())
}

fn unmask(value: &[u8], id: &StunId) -> Option<SocketAddr> {
    let (family, port) = (*value.get(1)?, number(value.get(2..)?)? ^ u16::from_be_bytes([COOKIE[0], COOKIE[1]]));
    let octets: Vec<u8> = value.get(4..)?.iter().zip(mask(id)).map(|(octet, mask)| octet ^ mask).collect();
    let ip: IpAddr = match (family, value.len()) {
        (1, 8) => Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?).into(),
        (2, 20) => Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn number(octets: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*octets.first()?, *octets.get(1)?]))
}

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEAD: usize = 20;
const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

#[cfg(test)]
mod tests {
    use super::{Stun, StunId};

    const ID: StunId = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    /// The addresses and transaction of RFC 5769 2.2 and 2.3, with the masked values from there.
    #[test]
    fn addresses_are_masked_as_in_rfc_5769() {
        let v4 = Stun::Success { id: ID, mapped: ([192, 0, 2, 1], 32_853).into() };
        assert_eq!(v4.encode().get(24..), Some(&[0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43][..]));
        let v6 = [0x2001, 0x0db8, 0x1234, 0x5678, 0x0011, 0x2233, 0x4455, 0x6677];
        let v6 = Stun::Success { id: ID, mapped: (v6, 32_853).into() };
        let masked = [
            0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2,
            0xb9, 0xd9,
        ];
        assert_eq!(v6.encode().get(24..), Some(&masked[..]));
        for message in [v4, v6, Stun::Request { id: ID }] {
            assert_eq!(Stun::parse(&message.encode()), Some(message));
        }
    }

    #[test]
    fn what_is_cut_or_not_understood_is_nothing() {
        let whole = Stun::Success { id: ID, mapped: ([192, 0, 2, 1], 5060).into() }.encode();
        for end in 0..whole.len() {
            assert_eq!(whole.get(..end).and_then(Stun::parse), None, "{end}");
        }
        let request = Stun::Request { id: ID }.encode();
        let with = |kind: u8| {
            let mut octets = request.to_vec();
            octets.extend_from_slice(&[kind, 0x22, 0, 2, b'x', b'y', 0, 0]);
            if let Some(length) = octets.get_mut(3) {
                *length = 8;
            }
            Stun::parse(&octets)
        };
        assert_eq!(with(0x00), None, "an attribute that must be understood");
        assert_eq!(with(0x80), Some(Stun::Request { id: ID }), "one that need not be");
        assert!(!Stun::is_stun(b"\r\n\r\n") && !Stun::is_stun(b"OPTIONS sip:x SIP/2.0\r\n"));
    }
}
