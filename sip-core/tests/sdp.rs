//! Session descriptions by their public surface: what is read, what is refused, what is written, and that keys stay unseen.

#![expect(clippy::format_collect, reason = "a test's texts are short")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the keys of these tests are no secrets")]

use std::net::IpAddr;

use secrecy::{ExposeSecret as _, SecretSlice};
use serde::Deserialize;
use sip_core::{
    limits,
    sdp::{
        Address, Attribute, Connection, Crypto, Direction, EventSet, Lifetime, Media, MediaKind, Mki, Profile, Ptime,
        RtpMap, SdpReason, SessionDescription, SessionParam, Setup,
        media_target::{self, Policy, TargetRefusal},
    },
    wire::{parse_datagram, sdp_body},
};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";

fn parse(lines: &str) -> Result<SessionDescription, SdpReason> {
    let text = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{lines}");
    SessionDescription::parse(text.replace('\n', "\r\n").replace("\r\r", "\r").as_bytes())
        .map_err(sip_core::sdp::SdpError::reason)
}

fn media(lines: &str) -> Media {
    parse(&format!("m=audio 40000 RTP/SAVP 0 101\n{lines}\n")).unwrap().media.remove(0)
}

fn refused(lines: &str) -> SdpReason {
    parse(&format!("m=audio 40000 RTP/SAVP 0 101\n{lines}\n")).unwrap_err()
}

#[test]
fn a_carriers_offer() {
    let invite = include_bytes!("../../tests/data/corpus/c01_typical.sip");
    let message = parse_datagram(bytes::Bytes::from_static(invite)).unwrap();
    let session = SessionDescription::parse(&sdp_body(message.headers(), message.body()).unwrap().unwrap()).unwrap();
    let media = &session.media[0];
    assert_eq!((&media.kind, media.port, &media.profile), (&MediaKind::Audio, 54400, &Profile::RtpSavp));
    let formats = media.rtp_formats().map(|map| map.to_string()).collect::<Vec<_>>();
    assert_eq!(formats, ["0 PCMU/8000", "8 PCMA/8000", "18 G729/8000", "101 telephone-event/8000"]);
    assert_eq!(media.fmtp(18).unwrap().value("ANNEXB"), Some("no"));
    assert_eq!(media.telephone_event(8000), Some((101, EventSet::parse("0-16").unwrap())));
    assert_eq!(media.ptime, Some(Ptime::DEFAULT));
    assert_eq!(session.direction_of(media), Direction::SendRecv);
    assert_eq!(session.connection_of(media).unwrap().ip(), Some("203.0.113.1".parse().unwrap()));
    assert_eq!(
        media.crypto.iter().map(|crypto| (crypto.tag, crypto.suite.as_str())).collect::<Vec<_>>(),
        [(1, "AES_CM_128_HMAC_SHA1_80"), (2, "AEAD_AES_256_GCM")]
    );
    let first = media.crypto[0].single_key().unwrap();
    assert_eq!((first.lifetime, first.mki), (Some(Lifetime(1 << 20)), Some(Mki { value: 1, length: 32 })));
    assert_eq!(first.material.expose_secret().len(), 30);
    assert_eq!(media.crypto[1].single_key().unwrap().material.expose_secret().len(), 44);
    assert!(session.has_keys());
}

#[test]
fn keys_are_never_shown_and_are_written_where_they_belong() {
    let session = parse(&format!(
        "m=audio 40000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31\na=x-key:{KEY}\n"
    ))
    .unwrap();
    let shown = format!("{session:#?}");
    assert!(shown.contains("AES_CM_128_HMAC_SHA1_80"));
    assert!(!shown.contains(KEY) && !shown.contains("AAEC") && !shown.contains("[0, 1, 2"), "{shown}");
    let written = String::from_utf8(session.encode().to_vec()).unwrap();
    assert!(written.contains(&format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2147483648\r\n")), "{written}");
    assert_eq!(session.encode_body(), session.encode().as_slice());
}

#[test]
fn an_answer_of_our_own() {
    let offer =
        parse("m=audio 40000 RTP/SAVP 0 101\na=rtpmap:101 telephone-event/8000\nm=video 5000 RTP/AVP 31\n").unwrap();
    let mut answer = SessionDescription::new(20_518, 3, "203.0.113.10".parse::<IpAddr>().unwrap());
    let mut audio = Media::audio(20_000, Profile::RtpSavp);
    audio.add_format(RtpMap::new(0, "PCMU", 8000), None);
    audio.add_format(RtpMap::new(101, "telephone-event", 8000), Some(&EventSet::DTMF.to_string()));
    audio.ptime = Some(Ptime::DEFAULT);
    audio.direction = Some(Direction::SendRecv);
    audio.rtcp_mux = true;
    audio.crypto.push(Crypto::new(1, "AES_CM_128_HMAC_SHA1_80", SecretSlice::from((0..30).collect::<Vec<u8>>())));
    audio.attributes.push(Attribute::new("label", "1\r\na=evil"));
    answer.media.push(audio);
    answer.media.push(offer.media[1].refused());
    let written = answer.encode();
    insta::assert_snapshot!("answer", String::from_utf8(written.to_vec()).unwrap().replace("\r\n", "\n"));
    assert!(SessionDescription::parse(&written).is_ok());
    assert!(answer.media[1].is_refused());
}

#[test]
fn crypto_lines_that_a_policy_can_refuse_by_name() {
    let line =
        |params: &str| media(&format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{params}")).crypto.remove(0);
    assert_eq!(line("|2^48").single_key().unwrap().lifetime, Some(Lifetime(1 << 48)));
    assert_eq!(line("|2^49").single_key().unwrap().lifetime, Some(Lifetime(1 << 49)));
    assert_eq!(line("|1:4").single_key().unwrap().mki, Some(Mki { value: 1, length: 4 }));
    assert_eq!(line(" UNAUTHENTICATED_SRTP").session_params, [SessionParam::UnauthenticatedSrtp]);
    assert_eq!(
        line(" UNENCRYPTED_SRTP UNENCRYPTED_SRTCP KDR=3 WSH=128").session_params,
        [
            SessionParam::UnencryptedSrtp,
            SessionParam::UnencryptedSrtcp,
            SessionParam::Kdr(3),
            SessionParam::WindowSizeHint(128)
        ]
    );
    let with_key = line(&format!(" FEC_KEY=inline:{KEY} -X=secret"));
    assert_eq!(with_key.session_params, [SessionParam::FecKey, SessionParam::Other("-X".to_owned())]);
    assert!(!format!("{with_key:?}").contains("secret"));
    assert_eq!(line(&format!(";inline:{KEY}")).keys.len(), 2);
    assert!(line(&format!(";inline:{KEY}")).single_key().is_none());
    // Without padding, as some write it.
    assert_eq!(media("a=crypto:1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw").crypto.len(), 1);
}

#[test]
fn crypto_lines_that_are_malformed() {
    let wrong = [
        "1",
        "1 S",
        "x S inline:AA==",
        "1234567890 S inline:AA==",
        "-1 S inline:AA==",
        "1 S inline:",
        "1 S inline:!!!!",
        "1 S inline:AA==|",
        "1 S inline:AA==|0",
        "1 S inline:AA==|2^64",
        "1 S inline:AA==|1:0",
        "1 S inline:AA==|1:129",
        "1 S inline:AA==|1:4|2^8",
        "1 S inline:AA==|2^8|2^9",
        "1 S inline:AA==|+5",
        "1 S uri:AA==",
        "1 S AA==",
        "1 S ;",
        "1 S inline:AA== KDR=25",
        "1 S inline:AA== WSH=x",
        "1 S inline:AA==;x",
        "1 S inline:A",
    ];
    for line in wrong {
        assert_eq!(refused(&format!("a=crypto:{line}")), SdpReason::Crypto, "{line}");
    }
    let long = "A".repeat(limits::SDP_KEY * 2);
    assert_eq!(refused(&format!("a=crypto:1 S inline:{long}")), SdpReason::Crypto);
    assert_eq!(refused("a=crypto:1 S inline:AA==\na=crypto:1 T inline:AAA="), SdpReason::CryptoTag);
    assert_eq!(parse("a=crypto:1 S inline:AA==\nm=audio 1 RTP/SAVP 0\n").unwrap_err(), SdpReason::Crypto);
    let keys = "inline:AA==;".repeat(limits::SDP_CRYPTO_KEYS + 1);
    assert_eq!(refused(&format!("a=crypto:1 S {keys}")), SdpReason::TooManyKeys);
    let lines = (0..=limits::SDP_CRYPTO).map(|tag| format!("a=crypto:{tag} S inline:AA==\n")).collect::<String>();
    assert_eq!(refused(&lines), SdpReason::TooManyKeys);
}

/// Each case of the security policies that the parser can tell apart: nothing that a policy must see may be lost here.
#[test]
fn the_security_cases_keep_what_the_policy_needs() {
    #[derive(Deserialize)]
    struct Cases {
        cases: Vec<Case>,
    }
    #[derive(Deserialize)]
    struct Case {
        name: String,
        m: String,
        attrs: Vec<String>,
    }
    let text = include_str!("../../tests/data/hostile/sdp_security_cases.json");
    for case in serde_json::from_str::<Cases>(text).unwrap().cases {
        let result = parse(&format!("{}\n{}\n", case.m, case.attrs.join("\n")));
        let name = case.name.as_str();
        if name == "key_bad_base64" {
            assert_eq!(result.unwrap_err(), SdpReason::Crypto);
            continue;
        }
        let session = result.unwrap_or_else(|reason| panic!("{name}: {reason}"));
        let media = &session.media[0];
        let crypto = media.crypto.first();
        let key_len = crypto.map(|crypto| crypto.single_key().unwrap().material.expose_secret().len());
        let expected = match name {
            "avp_when_preferred" | "reinvite_savp_to_avp" | "avpf_plain_profile_string" => None,
            "dtls_sha1_only" | "dtls_fp_mismatch" => None,
            "key_too_short" => Some(29),
            "gcm128" => Some(28),
            _ => Some(30),
        };
        assert_eq!(key_len, expected, "{name}");
        match name {
            "savp_sdes_over_tls" | "savp_sdes_over_tcp" => assert!(media.profile.is_sdes()),
            "avp_with_crypto_best_effort" => assert!(media.profile.is_plain() && crypto.is_some()),
            "avp_when_preferred" | "reinvite_savp_to_avp" | "avpf_plain_profile_string" => {
                assert!(media.profile.is_plain());
            }
            "unauthenticated_srtp" => assert_eq!(crypto.unwrap().session_params, [SessionParam::UnauthenticatedSrtp]),
            "unknown_suite_only" => assert_eq!(crypto.unwrap().suite, "FOO_BAR"),
            "answer_tag_not_offered" => assert_eq!(crypto.unwrap().tag, 9),
            "lifetime_mki" => assert!(crypto.unwrap().keys[0].mki.is_some()),
            "lifetime_over" => assert_eq!(crypto.unwrap().keys[0].lifetime, Some(Lifetime(1 << 49))),
            "tag32" => assert_eq!(crypto.unwrap().suite, "AES_CM_128_HMAC_SHA1_32"),
            "dtls_sha1_only" => assert_eq!(session.fingerprints_of(media)[0].hash, "sha-1"),
            "dtls_fp_mismatch" => assert_eq!(session.fingerprints_of(media)[0].value, [0xaa; 32]),
            "key_too_short" | "gcm128" => {}
            other => panic!("{other}: say what the policy needs of it"),
        }
        if name.starts_with("dtls") {
            assert!(media.profile.is_dtls());
            assert_eq!(session.setup_of(media), Some(Setup::Actpass));
        }
    }
}

#[test]
fn an_unknown_profile_is_neither_plain_nor_secure() {
    for profile in ["RTP/SAVPX", "rtp/avp", "UDP/TLS/RTP/SAVPFF", "TCP/RTP/AVP", "udptl", "UDP/TLS/RTP/AVP"] {
        let session = parse(&format!("m=audio 40000 {profile} 0\n")).unwrap();
        let found = &session.media[0].profile;
        assert_eq!(*found, Profile::Unknown(profile.to_owned()));
        assert!(!found.is_plain() && !found.is_sdes() && !found.is_dtls(), "{profile}");
    }
}

#[test]
fn formats_that_cannot_be_right_are_not_there() {
    let wrong = [
        "4294967296 PCMU/8000",
        "128 PCMU/8000",
        "96 PCMU",
        "96 PCMU/0",
        "96 PCMU/8001",
        "96 PCMU/8000/0",
        "96 opus/48000/4294967295",
        "96 PCMU/8000/1/1",
        "96 /8000",
        "96",
        "-1 PCMU/8000",
        "+96 PCMU/8000",
        "* PCMU/8000",
    ];
    for line in wrong {
        assert!(media(&format!("a=rtpmap:{line}")).rtpmaps.is_empty(), "{line}");
    }
    let opus = media("a=rtpmap:101 opus/48000/2\na=rtpmap:101 PCMU/8000").rtpmap(101).unwrap();
    assert_eq!((opus.encoding.as_str(), opus.clock_rate, opus.channels), ("opus", 48_000, 2));
    assert_eq!(media("").rtpmap(101), None);
    assert_eq!(media("").rtpmap(9).unwrap().clock_rate, 8000);
    assert_eq!(media("").payload_types().collect::<Vec<_>>(), [0, 101]);
}

#[test]
fn packet_times_are_brought_into_range() {
    let ptime = |text: &str| media(&format!("a=ptime:{text}")).ptime.map(Ptime::ms);
    assert_eq!(ptime("20"), Some(20));
    assert_eq!(ptime("20.0"), Some(20));
    assert_eq!(ptime("25"), Some(20));
    assert_eq!(ptime("1"), Some(10));
    assert_eq!(ptime("4294967295"), Some(120));
    assert_eq!(ptime("99999999999999999999"), Some(120));
    for wrong in ["0", "", "-20", "x", "2e1", "0.5"] {
        assert_eq!(ptime(wrong), None, "{wrong}");
    }
}

#[test]
fn telephone_events() {
    let events = |fmtp: &str| media(&format!("a=rtpmap:101 telephone-event/8000\n{fmtp}")).telephone_event(8000);
    assert_eq!(events(""), Some((101, EventSet::DTMF)));
    assert_eq!(events("a=fmtp:101 0-15"), Some((101, EventSet::DTMF)));
    assert_eq!(events("a=fmtp:101 0-11,16,255").unwrap().1.to_string(), "0-11,16,255");
    assert!(!events("a=fmtp:101 0-11").unwrap().1.contains(12));
    for wrong in ["0-4294967295", "0-256", "5-1", "-", "0-", "a", "1,,2"] {
        assert_eq!(events(&format!("a=fmtp:101 {wrong}")), None, "{wrong}");
    }
    assert_eq!(media("a=rtpmap:101 telephone-event/16000").telephone_event(8000), None);
    let both = EventSet::parse("0-15").unwrap().intersection(&EventSet::parse("10-20").unwrap());
    assert_eq!(both.to_string(), "10-15");
    assert!(EventSet::DTMF.intersection(&EventSet::parse("16").unwrap()).is_empty());
}

#[test]
fn directions_and_hold() {
    let session = parse("a=recvonly\nm=audio 1 RTP/AVP 0\nm=audio 1 RTP/AVP 0\na=inactive\n").unwrap();
    assert_eq!(session.direction_of(&session.media[0]), Direction::RecvOnly);
    assert_eq!(session.direction_of(&session.media[1]), Direction::Inactive);
    assert_eq!(Direction::SendOnly.reversed(), Direction::RecvOnly);
    assert!(Direction::SendOnly.sends() && !Direction::SendOnly.receives());
    assert_eq!(refused("a=sendonly\na=recvonly"), SdpReason::Direction);
    let hold = media("c=IN IP4 0.0.0.0");
    assert!(hold.connection.unwrap().is_hold());
}

#[test]
fn rtcp_and_dtls_lines() {
    let rtcp = media("a=rtcp:53020\na=rtcp-mux");
    assert_eq!((rtcp.rtcp.unwrap().port, rtcp.rtcp_mux), (53_020, true));
    let other = media("a=rtcp:53020 IN IP6 2001:db8::1").rtcp.unwrap();
    assert_eq!(other.address, Some(Address::Ip("2001:db8::1".parse().unwrap())));
    for wrong in ["", "x", "65536", "1 IN", "1 IN IP4 ::1", "1 IN IP4 1.2.3.4 x"] {
        assert_eq!(refused(&format!("a=rtcp:{wrong}")), SdpReason::Rtcp, "{wrong}");
    }
    for wrong in [
        "fingerprint:sha-256",
        "fingerprint:sha-256 A",
        "fingerprint:sha-256 AA:",
        "fingerprint:sha-256 +A:AA",
        "fingerprint:s,x AA",
        "setup:both",
        "setup",
    ] {
        assert_eq!(refused(&format!("a={wrong}")), SdpReason::Fingerprint, "{wrong}");
    }
    assert_eq!(media("a=fingerprint:SHA-256 aa:Bb").fingerprints[0].to_string(), "sha-256 AA:BB");
}

#[test]
fn limits_hold_one_above_and_not_at_them() {
    let audio = "m=audio 1 RTP/AVP 0\n";
    assert!(parse(&audio.repeat(limits::SDP_MEDIA)).is_ok());
    assert_eq!(parse(&audio.repeat(limits::SDP_MEDIA + 1)).unwrap_err(), SdpReason::TooManyMedia);
    assert!(parse(&(audio.to_owned() + &"a=x\n".repeat(limits::SDP_ATTRIBUTES))).is_ok());
    assert_eq!(refused(&"a=x\n".repeat(limits::SDP_ATTRIBUTES + 1)), SdpReason::TooManyAttributes);
    assert_eq!(refused(&"c=IN IP4 1.2.3.4\n".repeat(limits::SDP_CONNECTIONS + 1)), SdpReason::TooManyConnections);
    assert!(parse(&format!("m=audio 1 RTP/AVP{}\n", " 0".repeat(limits::SDP_FORMATS))).is_ok());
    assert_eq!(
        parse(&format!("m=audio 1 RTP/AVP{}\n", " 0".repeat(limits::SDP_FORMATS + 1))).unwrap_err(),
        SdpReason::TooManyFormats
    );
    assert_eq!(refused(&format!("a={}", "x".repeat(limits::SDP_LINE))), SdpReason::LineTooLong);
    assert_eq!(SessionDescription::parse(&vec![b'\n'; limits::SDP + 1]).unwrap_err().reason(), SdpReason::TooLong);
    for wrong in ["m=audio 70000 RTP/AVP 0\n", "m=audio\n", "m=audio -1 RTP/AVP 0\n", "m=audio 1 RTP/AVP\n", "x\n"] {
        assert_eq!(parse(wrong).unwrap_err(), SdpReason::Malformed, "{wrong}");
    }
    assert_eq!(refused("c=IN IP4 ::1"), SdpReason::Connection);
    assert_eq!(refused("c=TN E164 +1"), SdpReason::Connection);
}

#[test]
fn obsolete_keys_are_left_out() {
    let session = parse("k=clear:hunter2\nm=audio 1 RTP/AVP 0\nk=base64:aHVudGVyMg==\n").unwrap();
    let written = String::from_utf8(session.encode().to_vec()).unwrap();
    assert!(!written.contains("k=") && !written.contains("hunter2"));
}

#[test]
fn media_targets() {
    let check = |address: &str, policy: &Policy<'_>| {
        media_target::check(address.parse().unwrap(), 40_000, policy).map(|target| target.to_string())
    };
    let refused = [
        ("0.0.0.0", TargetRefusal::Unspecified),
        ("0.1.2.3", TargetRefusal::Unspecified),
        ("127.0.0.1", TargetRefusal::Loopback),
        ("127.255.0.1", TargetRefusal::Loopback),
        ("10.0.0.5", TargetRefusal::Private),
        ("172.31.255.1", TargetRefusal::Private),
        ("192.168.1.1", TargetRefusal::Private),
        ("100.64.0.1", TargetRefusal::Private),
        ("169.254.169.254", TargetRefusal::LinkLocal),
        ("224.0.0.1", TargetRefusal::Multicast),
        ("239.1.2.3", TargetRefusal::Multicast),
        ("255.255.255.255", TargetRefusal::Broadcast),
        ("240.0.0.1", TargetRefusal::Reserved),
        ("192.0.0.170", TargetRefusal::Reserved),
        ("::", TargetRefusal::Unspecified),
        ("::1", TargetRefusal::Loopback),
        ("::ffff:127.0.0.1", TargetRefusal::Loopback),
        ("::ffff:7f00:1", TargetRefusal::Loopback),
        ("::127.0.0.1", TargetRefusal::Loopback),
        ("64:ff9b::7f00:1", TargetRefusal::Loopback),
        ("64:ff9b::10.0.0.1", TargetRefusal::Private),
        ("64:ff9b:1::1", TargetRefusal::Reserved),
        ("2002:7f00:1::", TargetRefusal::Loopback),
        ("2002:c0a8:101::1", TargetRefusal::Private),
        ("2001:0:4136:e378::1", TargetRefusal::Reserved),
        ("fe80::1", TargetRefusal::LinkLocal),
        ("febf::1", TargetRefusal::LinkLocal),
        ("fec0::1", TargetRefusal::Private),
        ("fd00::1", TargetRefusal::Private),
        ("ff02::1", TargetRefusal::Multicast),
        ("100::1", TargetRefusal::Reserved),
    ];
    for (address, refusal) in refused {
        assert_eq!(check(address, &Policy::STRICT), Err(refusal), "{address}");
    }
    let open = Policy { allow_loopback: true, allow_private: true, ..Policy::STRICT };
    for (address, refusal) in refused {
        let allowed = matches!(refusal, TargetRefusal::Loopback | TargetRefusal::Private);
        assert_eq!(check(address, &open).is_ok(), allowed, "{address}");
    }
    assert_eq!(check("203.0.113.9", &Policy::STRICT).unwrap(), "203.0.113.9:40000");
    assert_eq!(check("2001:db8::9", &Policy::STRICT).unwrap(), "[2001:db8::9]:40000");
    assert_eq!(check("::ffff:203.0.113.9", &Policy::STRICT).unwrap(), "203.0.113.9:40000");
    // Through NAT64 and 6to4 the packet goes to the address that is written; what is checked is where it comes out.
    assert_eq!(check("64:ff9b::203.0.113.9", &Policy::STRICT).unwrap(), "[64:ff9b::cb00:7109]:40000");
    assert_eq!(media_target::effective("64:ff9b::203.0.113.9".parse().unwrap()).to_string(), "203.0.113.9");
}

#[test]
fn media_targets_of_lines() {
    let own = ["203.0.113.10".parse().unwrap()];
    let policy = Policy { own: &own, ..Policy::STRICT };
    let check = |line: &str, port| {
        let media = media(line);
        media_target::check_connection(media.connection.as_ref(), port, &policy).map(drop)
    };
    assert_eq!(check("c=IN IP4 203.0.113.9", 40_000), Ok(()));
    assert_eq!(check("c=IN IP4 203.0.113.9", 1023), Err(TargetRefusal::Port));
    assert_eq!(check("c=IN IP4 203.0.113.9", 0), Err(TargetRefusal::Port));
    assert_eq!(check("c=IN IP4 203.0.113.10", 40_000), Err(TargetRefusal::Own));
    assert_eq!(check("c=IN IP6 ::ffff:203.0.113.10", 40_000), Err(TargetRefusal::Own));
    assert_eq!(check("c=IN IP4 victim.example", 40_000), Err(TargetRefusal::Name));
    assert_eq!(check("c=IN IP4 127.1", 40_000), Err(TargetRefusal::Name));
    assert_eq!(check("c=IN IP4 0177.0.0.1", 40_000), Err(TargetRefusal::Name));
    assert_eq!(check("c=IN IP4 203.0.113.9/127", 40_000), Err(TargetRefusal::Several));
    assert_eq!(check("c=IN IP4 233.252.0.1/127/3", 40_000), Err(TargetRefusal::Multicast));
    assert_eq!(check("", 40_000), Err(TargetRefusal::Missing));
    assert_eq!(Connection::new("203.0.113.9".parse().unwrap()).ip(), Some("203.0.113.9".parse().unwrap()));
    assert_eq!(media("c=IN IP4 203.0.113.9\nc=IN IP4 203.0.113.8").other_connections.len(), 1);
}
