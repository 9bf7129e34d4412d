//! What a message costs: parsing, reading what the endpoint reads, printing.

#![expect(clippy::unwrap_used, reason = "a benchmark of messages that are right")]

use bytes::{Bytes, BytesMut};
use divan::{Bencher, counter::BytesCount};
use sip_core::{
    sdp::SessionDescription,
    wire::{Frame, Framer, Message, Response, StatusCode, parse_datagram, sdp_body},
};

fn main() {
    divan::main();
}

/// A 2.4 kB INVITE as a carrier sends it.
fn invite() -> Bytes {
    Bytes::from_static(include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/corpus/c01_typical.sip")))
}

/// As the socket gives it: in a buffer of its own, which is shared already.
fn received(octets: &Bytes) -> Bytes {
    let received = BytesMut::from(octets.as_ref()).freeze();
    drop(received.clone());
    received
}

#[divan::bench]
fn datagram(bencher: Bencher<'_, '_>) {
    let octets = received(&invite());
    bencher.counter(BytesCount::new(octets.len())).bench(|| parse_datagram(octets.clone()).unwrap());
}

/// For scale: the same message by `rsip`, which reads less of it.
#[divan::bench]
fn datagram_by_rsip(bencher: Bencher<'_, '_>) {
    let octets = invite();
    bencher.counter(BytesCount::new(octets.len())).bench(|| rsip::SipMessage::try_from(octets.as_ref()).unwrap());
}

/// For scale: the same message by `sipx-sip`, which looks into its headers later.
#[divan::bench]
fn datagram_by_sipx(bencher: Bencher<'_, '_>) {
    let octets = received(&invite());
    let limits = sipx_sip::Limits::datagram();
    bencher.counter(BytesCount::new(octets.len())).bench(|| sipx_sip::parse_datagram(octets.clone(), &limits).unwrap());
}

#[divan::bench]
fn datagram_and_essentials(bencher: Bencher<'_, '_>) {
    let octets = received(&invite());
    bencher.counter(BytesCount::new(octets.len())).bench(|| {
        let Message::Request(request) = parse_datagram(octets.clone()).unwrap() else { unreachable!() };
        (
            request.via().unwrap(),
            request.from().unwrap(),
            request.to().unwrap(),
            request.call_id().unwrap(),
            request.cseq().unwrap(),
        )
    });
}

#[divan::bench]
fn stream(bencher: Bencher<'_, '_>) {
    let octets = invite();
    let mut framer = Framer::new();
    bencher.counter(BytesCount::new(octets.len())).bench_local(|| {
        framer.feed(&octets);
        let Some(Frame::Message(message)) = framer.poll().unwrap() else { unreachable!() };
        message
    });
}

#[divan::bench]
fn trying(bencher: Bencher<'_, '_>) {
    let Message::Request(request) = parse_datagram(received(&invite())).unwrap() else { unreachable!() };
    let mut out = BytesMut::with_capacity(4096);
    bencher.bench_local(|| {
        out.clear();
        Response::for_request(&request, StatusCode::TRYING).encode(&mut out);
        out.len()
    });
}

#[divan::bench]
fn sdp(bencher: Bencher<'_, '_>) {
    let message = parse_datagram(received(&invite())).unwrap();
    let body = sdp_body(message.headers(), message.body()).unwrap().unwrap();
    bencher.counter(BytesCount::new(body.len())).bench(|| SessionDescription::parse(&body).unwrap());
}
