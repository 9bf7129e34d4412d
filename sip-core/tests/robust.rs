//! Nothing that a peer sends makes the parsers panic, and what they accept can be read whole: every prefix and every
//! single-octet change of every message, and what proptest makes up.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod oracle;

use std::{fs, path::PathBuf};

use bytes::Bytes;
use proptest::prelude::*;
use sip_core::wire::{Frame, Framer, Reason, parse_datagram};

fn messages() -> Vec<(String, Vec<u8>)> {
    let data = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data"));
    let mut messages = Vec::new();
    for (folder, extension) in [("corpus", "sip"), ("hostile/sip", "dat")] {
        for entry in fs::read_dir(data.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|found| found == extension) {
                let name = path.strip_prefix(&data).unwrap().to_str().unwrap().to_owned();
                messages.push((name, fs::read(path).unwrap()));
            }
        }
    }
    assert!(messages.len() > 120);
    messages
}

#[test]
fn every_prefix() {
    for (_, octets) in messages() {
        // The long ones repeat one line.
        let step = octets.len().div_ceil(1024);
        for end in (0..octets.len()).step_by(step) {
            oracle::datagram(&octets[..end]);
        }
        oracle::stream(&octets, &[octets.len() / 2]);
    }
}

#[test]
fn every_single_octet_changed() {
    // What means something somewhere; each position gets one of them, another in the next message, and a neighbour of
    // what was there.
    const TELLING: &[u8] = b"\0\n \"<,\\;:\xff\r=@>[%";
    for (index, (name, octets)) in messages().into_iter().filter(|(_, octets)| octets.len() < 1500).enumerate() {
        // The hostile ones have most of their octets in common.
        let step = if name.contains("hostile/") { 4 } else { 1 };
        for at in (index % step..octets.len()).step_by(step) {
            let mut changed = octets.clone();
            for octet in [TELLING[(at + index) % TELLING.len()], octets[at] ^ 1] {
                changed[at] = octet;
                let result = std::panic::catch_unwind(|| oracle::datagram(&changed));
                assert!(result.is_ok(), "{name}: octet {at} as {octet:#04x}");
            }
        }
    }
}

#[test]
fn a_long_line_without_an_end_is_refused_and_not_searched_for_ever() {
    let head = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nSubject: ";
    for end in ["", "\n", "\r\n", "\r\n a"] {
        let octets = [head.as_bytes(), &vec![b'a'; 20_000], end.as_bytes()].concat();
        let error = parse_datagram(Bytes::from(octets)).unwrap_err();
        assert_eq!(error.reason(), Reason::HeaderTooLong);
        assert_eq!(error.status().unwrap().code(), 400);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets(octets in proptest::collection::vec(any::<u8>(), 0..512), cut in any::<prop::sample::Index>()) {
        oracle::datagram(&octets);
        oracle::stream(&octets, &[cut.index(octets.len() + 1)]);
        oracle::stream_in_pieces(&octets);
        oracle::sdp(&octets);
        oracle::digest(&octets);
        oracle::digest(&[b"Digest ", octets.as_slice()].concat());
        oracle::uri(&octets);
        oracle::locate(&octets);
        oracle::via(&octets);
        oracle::multipart(&octets);
        oracle::identity(&octets);
        oracle::passport(&octets);
        oracle::typed_headers(&octets);
        oracle::replaces(&octets);
        oracle::dtmf_relay(&octets);
    }

    /// Lines of the right shape with wrong contents come further than octets at random.
    #[test]
    fn any_values(
        start in "(INVITE|ACK|[!-~]{1,8}) (sip|sips|tel|[a-z]{1,5}):[ -~]{0,30} SIP/2\\.0",
        via in "SIP/2\\.0/UDP [ -~]{0,40}",
        from in "[ -~]{0,60}",
        contact in "([\"<>;,=: a-z0-9@\\\\]|%[0-9a-f]{2}){0,60}",
        length in "[0-9+ ,-]{0,4}",
        fold in "(\r\n [ -~]{0,10}){0,3}",
        cut in any::<prop::sample::Index>(),
    ) {
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nv: {via}\r\nFrom: <sip:a@b>;tag=1\r\nt: {from}\r\n\
             Call-ID: x\r\nCSeq: 1 INVITE\r\nm: {contact}{fold}\r\nl: {length}\r\n\r\n"
        );
        oracle::datagram(text.as_bytes());
        oracle::stream(text.as_bytes(), &[cut.index(text.len() + 1)]);
    }

    #[test]
    fn any_typed_headers(
        lines in proptest::collection::vec(
            "(P-Asserted-Identity|Diversion|History-Info|Refer-To|Referred-By): ([\"<>;,=: a-z0-9@\\\\?&]|%[0-9a-f]{2}|sip:|tel:|;index=1|;cause=302){0,60}\
             |(Reason|Event|Subscription-State|Replaces|Refer-Sub|Privacy): ([a-zQ0-9.;,=\" @]|;cause=|;to-tag=|;from-tag=){0,60}",
            0..8,
        ),
        body in "(SIP/2.0 [0-9]{0,4}|(Signal|Duration) ?= ?[0-9*#]{0,6}\r?|.{0,20})",
    ) {
        let text = format!("{}\n\n{body}", lines.join("\n"));
        oracle::typed_headers(text.as_bytes());
        for line in &lines {
            oracle::replaces(line.split_once(": ").map_or("", |(_, value)| value).as_bytes());
        }
        oracle::dtmf_relay(body.as_bytes());
    }

    #[test]
    fn any_session_description(
        lines in proptest::collection::vec(
            "(m=audio [0-9/]{1,6} RTP/SAVP [0-9 ]{1,9}|a=(rtpmap|fmtp|crypto|rtcp|ptime|fingerprint|setup):[ -~]{0,30}\
             |a=crypto:[0-9] AES_CM_128_HMAC_SHA1_80 inline:[A-Za-z0-9+/]{0,40}=?(\\|2\\^[0-9]{1,2})?(\\|[0-9]:[0-9])?\
             |c=IN IP[46] [0-9a-f.:/]{1,20}|[a-z]=[ -~]{0,20})",
            0..12,
        ),
    ) {
        let text = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n{}\r\n", lines.join("\r\n"));
        oracle::sdp(text.as_bytes());
    }

    #[test]
    fn a_stream_in_any_two_pieces_gives_what_it_gives_whole(cut in any::<prop::sample::Index>()) {
        let message = |call_id: u8| format!(
            "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
             Call-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 3\r\n\r\nabc"
        );
        let octets = format!("{}\r\n\r\n{}\r\n{}", message(1), message(2), message(3));
        let (first, second) = octets.as_bytes().split_at(cut.index(octets.len() + 1));
        let mut framer = Framer::new();
        let mut seen = Vec::new();
        for piece in [first, second] {
            framer.feed(piece);
            while let Some(frame) = framer.poll().unwrap() {
                if let Frame::Message(message) = frame {
                    prop_assert_eq!(message.body().as_ref(), b"abc");
                    seen.push(message.headers().call_id().unwrap().to_string());
                }
            }
        }
        prop_assert_eq!(seen, ["1", "2", "3"]);
    }
}
