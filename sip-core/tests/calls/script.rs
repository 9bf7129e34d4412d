//! What a peer says, written out.

use std::fmt::Write as _;

use crate::station::{CARRIER, Sent, Station};
use sip_core::endpoint::CallKey;

pub(crate) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
    m=audio 40000 RTP/SAVP 0\r\n";

/// A request of a peer. The defaults are a good INVITE of `carrier-a`.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) method: &'static str,
    pub(crate) uri: String,
    pub(crate) via: String,
    pub(crate) branch: String,
    pub(crate) call_id: String,
    pub(crate) from_tag: String,
    pub(crate) to_tag: String,
    pub(crate) cseq: u32,
    pub(crate) contact: Option<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Message {
    pub(crate) fn invite() -> Self {
        Self {
            method: "INVITE",
            uri: "sip:100@192.0.2.10".into(),
            via: "SIP/2.0/UDP 198.51.100.7:5060".into(),
            branch: "z9hG4bKinvite1".into(),
            call_id: "call-1@carrier".into(),
            from_tag: "from1".into(),
            to_tag: String::new(),
            cseq: 1,
            contact: Some("<sip:alice@198.51.100.7:5060>".into()),
            headers: vec!["Max-Forwards: 70".into(), "Allow: INVITE, ACK, BYE, CANCEL, UPDATE".into()],
            body: OFFER.into(),
        }
    }

    /// A request within the dialog that `response` made, one CSeq number on.
    pub(crate) fn within(response: &Sent, method: &'static str, cseq: u32) -> Self {
        Self {
            method,
            uri: "sip:call@192.0.2.10:5060".into(),
            branch: format!("z9hG4bK{method}{cseq}"),
            to_tag: response.to_tag().into(),
            cseq,
            body: String::new(),
            ..Self::invite()
        }
    }

    /// The ACK of a 2xx.
    pub(crate) fn ack(response: &Sent, cseq: u32) -> Self {
        Self { contact: None, ..Self::within(response, "ACK", cseq) }
    }

    /// The ACK of a refusal: the branch of the INVITE.
    pub(crate) fn ack_refusal(&self, response: &Sent) -> Self {
        Self { method: "ACK", to_tag: response.to_tag().into(), body: String::new(), ..self.clone() }
    }

    pub(crate) fn cancel(&self) -> Self {
        Self { method: "CANCEL", body: String::new(), contact: None, ..self.clone() }
    }

    /// One more call, with identifiers of its own.
    pub(crate) fn numbered(number: usize) -> Self {
        Self {
            branch: format!("z9hG4bKinvite-n{number}"),
            call_id: format!("call-n{number}@carrier"),
            from_tag: format!("from-n{number}"),
            ..Self::invite()
        }
    }

    pub(crate) fn header(mut self, line: &str) -> Self {
        self.headers.push(line.into());
        self
    }

    pub(crate) fn over(mut self, transport: &str) -> Self {
        self.via = format!("SIP/2.0/{transport} 198.51.100.7:5060");
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} {} SIP/2.0\r\n", self.method, self.uri);
        let to_tag = if self.to_tag.is_empty() { String::new() } else { format!(";tag={}", self.to_tag) };
        writeln!(text, "Via: {};branch={};rport\r", self.via, self.branch).unwrap();
        writeln!(text, "From: <sip:alice@198.51.100.7>;tag={}\r", self.from_tag).unwrap();
        writeln!(text, "To: <sip:100@192.0.2.10>{to_tag}\r").unwrap();
        writeln!(text, "Call-ID: {}\r", self.call_id).unwrap();
        writeln!(text, "CSeq: {} {}\r", self.cseq, self.method).unwrap();
        if let Some(contact) = &self.contact {
            writeln!(text, "Contact: {contact}\r").unwrap();
        }
        for line in &self.headers {
            writeln!(text, "{line}\r").unwrap();
        }
        if !self.body.is_empty() && !self.headers.iter().any(|line| line.starts_with("Content-Type")) {
            writeln!(text, "Content-Type: application/sdp\r").unwrap();
        }
        writeln!(text, "Content-Length: {}\r\n\r", self.body.len()).unwrap();
        text.push_str(&self.body);
        text
    }
}

/// A response of a peer to a request of ours.
pub(crate) fn response_to(request: &Sent, status: &str, to_tag: &str, extra: &[&str], body: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        writeln!(text, "{name}: {}\r", request.header(name).unwrap()).unwrap();
    }
    let to = request.header("To").unwrap();
    let tag = if to.contains(";tag=") || to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    writeln!(text, "To: {to}{tag}\r").unwrap();
    for line in extra {
        writeln!(text, "{line}\r").unwrap();
    }
    if !body.is_empty() {
        writeln!(text, "Content-Type: application/sdp\r").unwrap();
    }
    writeln!(text, "Content-Length: {}\r\n\r", body.len()).unwrap();
    text.push_str(body);
    text
}

/// A call of `carrier-a` that is answered and acknowledged. Gives its key and the 200.
pub(crate) fn established(station: &mut Station) -> (CallKey, Sent) {
    established_by(station, &Message::invite())
}

pub(crate) fn established_by(station: &mut Station, invite: &Message) -> (CallKey, Sent) {
    station.recv(CARRIER, invite.text());
    station.expect_status(100);
    let key = station.incoming();
    station.answer(key);
    let ok = station.expect_status(200);
    let ack = Message {
        call_id: invite.call_id.clone(),
        from_tag: invite.from_tag.clone(),
        ..Message::ack(&ok, invite.cseq)
    };
    station.recv(CARRIER, ack.text());
    let (_, event) = station.event();
    assert!(matches!(event, sip_core::endpoint::Event::Ack { .. }), "{event:?}");
    (key, ok)
}
