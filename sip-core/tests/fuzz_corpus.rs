//! The committed corpora of the fuzz targets (fuzz/corpus), replayed on every change without a nightly compiler.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod oracle;

use std::{fs, path::PathBuf};

fn replay(target: &str, run: impl Fn(&[u8])) {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus")).join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        run(&fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 10, "{}: {count} inputs are no corpus", folder.display());
}

#[test]
fn sip_datagram() {
    replay("sip_datagram", oracle::datagram);
}

#[test]
fn sip_stream() {
    replay("sip_stream", oracle::stream_in_pieces);
}

#[test]
fn sip_uri() {
    replay("sip_uri", oracle::uri);
}

#[test]
fn locate() {
    replay("locate", oracle::locate);
}

#[test]
fn sip_via() {
    replay("sip_via", oracle::via);
}

#[test]
fn sdp_parse() {
    replay("sdp_parse", oracle::sdp);
}

#[test]
fn digest() {
    replay("digest", oracle::digest);
}

#[test]
fn multipart() {
    replay("multipart", oracle::multipart);
}

#[test]
fn identity_header() {
    replay("identity_header", oracle::identity);
}

#[test]
fn passport() {
    replay("passport", oracle::passport);
}

#[test]
fn typed_headers() {
    replay("typed_headers", oracle::typed_headers);
}

#[test]
fn replaces() {
    replay("replaces", oracle::replaces);
}

#[test]
fn dtmf_relay() {
    replay("dtmf_relay", oracle::dtmf_relay);
}
