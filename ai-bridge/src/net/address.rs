//! Which addresses the server may be sent to by a URL. Pure: the rules of the shell's one gate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AddressRefusal {
    /// `0.0.0.0/8` or `::`.
    #[error("an unspecified address")]
    Unspecified,
    /// `127.0.0.0/8` or `::1`.
    #[error("a loopback address")]
    Loopback,
    /// RFC 1918 or a unique local IPv6 address.
    #[error("a private address")]
    Private,
    /// Shared address space of carriers (RFC 6598).
    #[error("a carrier-grade NAT address")]
    SharedSpace,
    /// `169.254.0.0/16` or `fe80::/10`.
    #[error("a link-local address")]
    LinkLocal,
    /// A cloud's instance metadata or platform service.
    #[error("a cloud metadata address")]
    Metadata,
    /// Multicast or broadcast.
    #[error("a multicast or broadcast address")]
    Multicast,
    /// Reserved, for documentation or for benchmarks.
    #[error("a reserved address")]
    Reserved,
    /// An IPv6 address that carries an IPv4 one: mapped, compatible, NAT64, 6to4, Teredo.
    #[error("an IPv6 address with an IPv4 address inside")]
    Embedded,
}

/// Whether anybody may send the server to this address.
pub fn check_public(address: IpAddr) -> Result<(), AddressRefusal> {
    match address {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => kind_v6(v6),
    }
    .map_or(Ok(()), Err)
}

/// Whether a host that the dialplan lists may be at this address: private and loopback addresses too, but never what
/// no application can be at.
pub fn check_listed(address: IpAddr) -> Result<(), AddressRefusal> {
    match check_public(address) {
        Err(AddressRefusal::Loopback | AddressRefusal::Private | AddressRefusal::SharedSpace) | Ok(()) => Ok(()),
        Err(refusal) => Err(refusal),
    }
}

fn kind_v4(address: Ipv4Addr) -> Option<AddressRefusal> {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        // Amazon, Google, Azure, DigitalOcean, Oracle; Alibaba; Oracle; Azure's platform service, a public address.
        (169, 254, 169, 254) | (100, 100, 100, 200) | (192, 0, 0, 192) | (168, 63, 129, 16) => {
            Some(AddressRefusal::Metadata)
        }
        (0, ..) => Some(AddressRefusal::Unspecified),
        (127, ..) => Some(AddressRefusal::Loopback),
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => Some(AddressRefusal::Private),
        (100, 64..=127, ..) => Some(AddressRefusal::SharedSpace),
        (169, 254, ..) => Some(AddressRefusal::LinkLocal),
        (224..=239, ..) | (255, 255, 255, 255) => Some(AddressRefusal::Multicast),
        // RFC 6890: protocol assignments, documentation, 6to4 relays, benchmarks, class E.
        (192, 0, 0 | 2, _) | (192, 88, 99, _) | (198, 18 | 19, ..) | (198, 51, 100, _) | (203, 0, 113, _) => {
            Some(AddressRefusal::Reserved)
        }
        (240..=255, ..) => Some(AddressRefusal::Reserved),
        _ => None,
    }
}

fn kind_v6(address: Ipv6Addr) -> Option<AddressRefusal> {
    if address.is_loopback() {
        return Some(AddressRefusal::Loopback);
    }
    if address.is_unspecified() {
        return Some(AddressRefusal::Unspecified);
    }
    match address.segments() {
        // Amazon's and Google's metadata services.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254] => {
            Some(AddressRefusal::Metadata)
        }
        // Compatible, mapped (RFC 4291) and translated (RFC 2765); NAT64 (RFC 6052, RFC 8215); Teredo; 6to4.
        [0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, _, 0xffff, ..] => Some(AddressRefusal::Embedded),
        [0x0064, 0xff9b, ..] | [0x2001, 0, ..] | [0x2002, ..] => Some(AddressRefusal::Embedded),
        [0xfc00..=0xfdff, ..] => Some(AddressRefusal::Private),
        [0xfe80..=0xfebf, ..] => Some(AddressRefusal::LinkLocal),
        // Site-local, deprecated by RFC 3879, still routed inside some networks.
        [0xfec0..=0xfeff, ..] => Some(AddressRefusal::Private),
        [0xff00..=0xffff, ..] => Some(AddressRefusal::Multicast),
        // Protocol assignments and documentation (RFC 2928, RFC 3849, RFC 9637).
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Some(AddressRefusal::Reserved),
        [0x2000..=0x3fff, ..] => None,
        // Only 2000::/3 is given out as global unicast.
        _ => Some(AddressRefusal::Reserved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_refused_and_the_world_is_not() {
        use AddressRefusal as R;
        let cases = [
            ("0.0.0.0", Some(R::Unspecified)),
            ("0.1.2.3", Some(R::Unspecified)),
            ("127.0.0.1", Some(R::Loopback)),
            ("127.255.255.254", Some(R::Loopback)),
            ("10.0.0.1", Some(R::Private)),
            ("172.16.0.1", Some(R::Private)),
            ("172.31.255.255", Some(R::Private)),
            ("172.32.0.1", None),
            ("192.168.1.1", Some(R::Private)),
            ("100.64.0.1", Some(R::SharedSpace)),
            ("100.127.255.255", Some(R::SharedSpace)),
            ("100.128.0.1", None),
            ("100.100.100.200", Some(R::Metadata)),
            ("169.254.169.254", Some(R::Metadata)),
            ("168.63.129.16", Some(R::Metadata)),
            ("169.254.1.1", Some(R::LinkLocal)),
            ("224.0.0.1", Some(R::Multicast)),
            ("255.255.255.255", Some(R::Multicast)),
            ("240.0.0.1", Some(R::Reserved)),
            ("192.0.2.1", Some(R::Reserved)),
            ("198.18.0.1", Some(R::Reserved)),
            ("198.51.100.7", Some(R::Reserved)),
            ("203.0.113.9", Some(R::Reserved)),
            ("192.88.99.1", Some(R::Reserved)),
            ("8.8.8.8", None),
            ("93.184.216.34", None),
            ("::", Some(R::Unspecified)),
            ("::1", Some(R::Loopback)),
            ("::ffff:127.0.0.1", Some(R::Embedded)),
            ("::ffff:8.8.8.8", Some(R::Embedded)),
            ("::127.0.0.1", Some(R::Embedded)),
            ("::ffff:0:10.0.0.1", Some(R::Embedded)),
            ("64:ff9b::7f00:1", Some(R::Embedded)),
            ("64:ff9b:1::1", Some(R::Embedded)),
            ("2002:7f00:1::", Some(R::Embedded)),
            ("2001:0:4136:e378::1", Some(R::Embedded)),
            ("fe80::1", Some(R::LinkLocal)),
            ("fec0::1", Some(R::Private)),
            ("fc00::1", Some(R::Private)),
            ("fd12:3456::1", Some(R::Private)),
            ("fd00:ec2::254", Some(R::Metadata)),
            ("ff02::1", Some(R::Multicast)),
            ("2001:db8::1", Some(R::Reserved)),
            ("3fff::1", Some(R::Reserved)),
            ("100::1", Some(R::Reserved)),
            ("5f00::1", Some(R::Reserved)),
            ("2606:4700::1111", None),
            ("2a00:1450:4001::200e", None),
        ];
        for (text, expected) in cases {
            assert_eq!(check_public(text.parse().unwrap()).err(), expected, "{text}");
        }
    }

    #[test]
    fn a_listed_host_may_be_inside_but_never_at_the_metadata_service() {
        for inside in ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "fd12::1", "100.64.3.2", "8.8.8.8"] {
            assert_eq!(check_listed(inside.parse().unwrap()), Ok(()), "{inside}");
        }
        for never in
            ["169.254.169.254", "169.254.7.7", "fd00:ec2::254", "0.0.0.0", "224.0.0.1", "::ffff:127.0.0.1", "fe80::1"]
        {
            assert!(check_listed(never.parse().unwrap()).is_err(), "{never}");
        }
    }
}
