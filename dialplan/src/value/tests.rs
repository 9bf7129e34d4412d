//! Values that are right, and what can be asked of them.

use std::net::IpAddr;
use std::str::FromStr;

use proptest::prelude::*;

use super::*;

fn read<T: FromStr<Err = ValueError>>(text: &str) -> T {
    text.parse().unwrap_or_else(|wrong: ValueError| panic!("{text} {wrong}"))
}

#[test]
fn listeners_have_default_ports() {
    for (text, shown) in [
        ("tls://0.0.0.0", "tls://0.0.0.0:5061"),
        ("udp://[::]", "udp://[::]:5060"),
        ("tcp://[2001:db8::1]:5070", "tcp://[2001:db8::1]:5070"),
    ] {
        assert_eq!(read::<Listen>(text).to_string(), shown);
    }
}

#[test]
fn peers_are_read_as_written() {
    for (text, shown) in [
        ("tls:SBC.Carrier.Example.", "tls:sbc.carrier.example"),
        ("sips:sbc.carrier.example", "sips:sbc.carrier.example"),
        ("SIPS:sbc.carrier.example:5071", "sips:sbc.carrier.example:5071"),
        ("sips:[2001:db8::1]:5061", "sips:[2001:db8::1]"),
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
    ] {
        assert_eq!(read::<Peer>(text).to_string(), shown);
    }
    for wrong in [
        "",
        "tls:",
        "tls:*.example",
        "tls:192.0.2.1",
        "sips:",
        "sips:a:0",
        "sips:a:99999",
        "198.51.100.0/",
        "a/24",
        "::/0",
    ] {
        assert!(wrong.parse::<Peer>().is_err(), "{wrong}");
    }
}

#[test]
fn prefixes_hold_addresses_in_any_clothes() {
    let prefix: Prefix = read("198.51.100.0/24");
    let contains = |text: &str| prefix.contains(text.parse().unwrap());
    assert!(contains("198.51.100.0") && contains("198.51.100.255") && contains("::ffff:198.51.100.9"));
    assert!(!contains("198.51.101.0") && !contains("::198.51.100.9") && !contains("2001:db8::1"));
    assert!(prefix.overlaps(&read("198.51.100.7")) && prefix.overlaps(&read("198.51.0.0/16")));
    assert!(!prefix.overlaps(&read("198.51.101.0/24")));
    assert!(prefix.covers(&read("198.51.100.128/25")) && !prefix.covers(&read("198.51.0.0/16")));
    assert!(read::<Prefix>("2001:db8::/32").contains("2001:db8:ffff::1".parse().unwrap()));
}

#[test]
fn port_ranges_count_whole_pairs() {
    for (text, pairs) in
        [("20000-29999", 5_000), ("20001-20004", 1), ("20000-20001", 1), ("20000-20002", 1), ("65534-65535", 1)]
    {
        assert_eq!(read::<PortRange>(text).pairs(), pairs, "{text}");
    }
    for wrong in ["20001-20002", "20000-20000", "1000-2000", "20000", "20000-70000", "+2000-3000", "20000 - 20001"] {
        assert!(wrong.parse::<PortRange>().is_err(), "{wrong}");
    }
}

#[test]
fn hosts_know_whether_they_are_local() {
    for local in [
        "localhost",
        "a.localhost.",
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "[fe80::1]",
        "fd00::1",
        "::ffff:10.0.0.1",
    ] {
        assert!(read::<Host>(local).is_local(), "{local}");
    }
    for public in ["localhost.example.com", "198.51.100.7", "100.128.0.1", "2001:db8::1"] {
        assert!(!read::<Host>(public).is_local(), "{public}");
    }
}

proptest! {
    #[test]
    fn prefixes_survive_printing(octets in any::<[u8; 16]>(), v4 in any::<bool>(), length in 0..=128_u8) {
        let address = if v4 { IpAddr::from([octets[0], octets[1], octets[2], octets[3]]) } else { IpAddr::from(octets) };
        let text = format!("{address}/{}", if v4 { length.min(32) } else { length });
        if let Ok(prefix) = text.parse::<Prefix>() {
            prop_assert_eq!(prefix.to_string().parse::<Prefix>(), Ok(prefix));
            prop_assert!(prefix.contains(address) && prefix.covers(&Prefix::host(address)));
        }
        prop_assert!(Prefix::host(address).contains(address));
    }

    /// What covers a pattern matches whatever that pattern matches.
    #[test]
    fn covering_is_sound(wide in "\\+?[1-3]{0,3}\\*?|\\*|anonymous", narrow in "\\+?[1-3]{0,3}\\*?|\\*|anonymous", user in "\\+?[1-3]{0,5}|anonymous|bob") {
        let (Ok(wide), Ok(narrow)) = (wide.parse::<NumberPattern>(), narrow.parse::<NumberPattern>()) else { return Ok(()) };
        let party = Party::from_user(&user);
        if wide.covers(&narrow) && narrow.matches(&party) {
            prop_assert!(wide.matches(&party), "{wide} {narrow} {user}");
        }
    }
}
