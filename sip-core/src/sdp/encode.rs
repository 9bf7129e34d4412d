//! From a description to octets.

use std::net::IpAddr;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::{Address, Attribute, Connection, Direction, Fingerprint, Media, SessionDescription, Setup};

impl SessionDescription {
    /// The description as octets, wiped when they are dropped.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        // All room at once: a buffer that grows leaves a copy of the keys where it was.
        let keys = self.media.iter().flat_map(|media| &media.crypto).map(|crypto| crypto.max_len().saturating_add(16));
        let keys = keys.fold(0, usize::saturating_add);
        let mut writer = Writer(String::with_capacity(1024));
        self.write_session(&mut writer);
        let session = writer.0;
        let media = self.media.iter().map(media_text).collect::<Vec<_>>();
        let room = media.iter().map(String::len).fold(session.len().saturating_add(keys), usize::saturating_add);

        let mut out = Zeroizing::new(Vec::with_capacity(room));
        out.extend_from_slice(session.as_bytes());
        for (media, text) in self.media.iter().zip(media) {
            out.extend_from_slice(text.as_bytes());
            for crypto in &media.crypto {
                out.extend_from_slice(b"a=crypto:");
                crypto.write(&mut out);
                out.extend_from_slice(b"\r\n");
            }
        }
        debug_assert!(out.len() <= room, "the keys fit in the room that was made");
        out
    }

    /// The description as a message body, wiped when its last reader drops it.
    pub fn encode_body(&self) -> Bytes {
        Bytes::from_owner(self.encode())
    }

    fn write_session(&self, out: &mut Writer) {
        let origin = &self.origin;
        out.line('v', "0");
        out.line(
            'o',
            &format!(
                "{} {} {} {}",
                origin.user.as_deref().unwrap_or("-"),
                origin.session_id,
                origin.version,
                address(&origin.address)
            ),
        );
        out.line('s', if self.name.is_empty() { "-" } else { &self.name });
        out.connection(self.connection.as_ref());
        out.line('t', "0 0");
        out.dtls(&self.fingerprints, self.setup);
        out.direction(self.direction);
        out.attributes(&self.attributes);
    }
}

/// All lines of a media description but `a=crypto`.
fn media_text(media: &Media) -> String {
    let mut out = Writer(String::with_capacity(512));
    let count = media.port_count.map(|count| format!("/{count}")).unwrap_or_default();
    let formats = media.formats.join(" ");
    out.line('m', &format!("{} {}{count} {} {formats}", media.kind.as_str(), media.port, media.profile));
    out.connection(media.connection.as_ref());
    for connection in &media.other_connections {
        out.connection(Some(connection));
    }
    for map in &media.rtpmaps {
        out.attribute("rtpmap", &map.to_string());
    }
    for fmtp in &media.fmtps {
        out.attribute("fmtp", &format!("{} {}", fmtp.payload_type, fmtp.params));
    }
    if let Some(ptime) = media.ptime {
        out.attribute("ptime", &ptime.to_string());
    }
    if let Some(ptime) = media.max_ptime {
        out.attribute("maxptime", &ptime.to_string());
    }
    if let Some(rtcp) = &media.rtcp {
        let address = rtcp.address.as_ref().map(|target| format!(" {}", address(target))).unwrap_or_default();
        out.attribute("rtcp", &format!("{}{address}", rtcp.port));
    }
    if media.rtcp_mux {
        out.line('a', "rtcp-mux");
    }
    out.dtls(&media.fingerprints, media.setup);
    out.direction(media.direction);
    out.attributes(&media.attributes);
    out.0
}

/// Lines of text without a key in them.
struct Writer(String);

impl Writer {
    /// Adds a line. A line break in its value would be a line of somebody else's making: it is left out.
    fn line(&mut self, kind: char, value: &str) {
        self.0.push(kind);
        self.0.push('=');
        self.0.extend(value.chars().filter(|letter| !matches!(letter, '\r' | '\n' | '\0')));
        self.0.push_str("\r\n");
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.line('a', &format!("{name}:{value}"));
    }

    fn connection(&mut self, connection: Option<&Connection>) {
        if let Some(connection) = connection {
            self.line('c', &address(&connection.address));
        }
    }

    fn direction(&mut self, direction: Option<Direction>) {
        if let Some(direction) = direction {
            self.line('a', direction.as_str());
        }
    }

    fn dtls(&mut self, fingerprints: &[Fingerprint], setup: Option<Setup>) {
        if let Some(setup) = setup {
            self.attribute("setup", setup.as_str());
        }
        for fingerprint in fingerprints {
            self.attribute("fingerprint", &fingerprint.to_string());
        }
    }

    fn attributes(&mut self, attributes: &[Attribute]) {
        for attribute in attributes {
            match &attribute.value {
                Some(value) => self.attribute(&attribute.name, value),
                None => self.line('a', &attribute.name),
            }
        }
    }
}

fn address(address: &Address) -> String {
    match address {
        Address::Ip(IpAddr::V4(address)) => format!("IN IP4 {address}"),
        Address::Ip(IpAddr::V6(address)) => format!("IN IP6 {address}"),
        Address::Name(name) => format!("IN IP4 {name}"),
    }
}
