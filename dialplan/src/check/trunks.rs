//! Checks of trunks.

use crate::model::Trunk;
use crate::report::Code;
use crate::rule::{Facts, Reader};
use crate::value::{Peer, SrtpPolicy};

/// What a trunk needs of `[sip]`: TLS for its peers and its keys, roots for its certificates.
pub(crate) fn needs_of_sip(cx: &mut Reader<'_>, peers: &[Peer], srtp: Option<SrtpPolicy>, plain_sdes: Option<bool>) {
    let Some(Facts { tls, client_ca, .. }) = cx.facts else {
        return;
    };
    for (index, peer) in peers.iter().enumerate() {
        let place = cx.place_of(&format!("peers[{index}]"));
        match peer {
            Peer::Certificate(_) | Peer::Sips { .. } if !tls => {
                let message = format!("{peer} can only call over TLS, and `[sip]` has no tls listener");
                cx.error(Code::Conflict, place, message, "add \"tls://0.0.0.0:5061\" to `sip.listen`");
            }
            Peer::Certificate(_) if !client_ca => {
                let message = format!("{peer} is known by its certificate, and `[sip]` has no `client_ca` to check it");
                let help = "add client_ca = { file = \"/etc/strongline/tls/carriers.pem\" } to `[sip]`";
                cx.error(Code::Conflict, place, message, help);
            }
            Peer::Certificate(_) | Peer::Sips { .. } | Peer::Network(_) => {}
        }
    }
    if !peers.is_empty() && (srtp, plain_sdes, tls) == (Some(SrtpPolicy::Required), Some(false), false) {
        let place = cx.place_of("srtp");
        let message = "no call of this trunk can be accepted: it needs SRTP, whose keys need TLS, and `[sip]` has no tls listener";
        let help = "add \"tls://0.0.0.0:5061\" to `sip.listen`";
        cx.error(Code::Conflict, place, message, help);
    }
}

/// Peers that two trunks claim.
pub(crate) fn overlaps(cx: &mut Reader<'_>, trunks: &[Trunk]) {
    for (index, trunk) in trunks.iter().enumerate() {
        for (place, peer) in trunk.peers.iter().enumerate() {
            let others = trunks.iter().take(index).flat_map(|other| other.peers.iter().map(move |peer| (other, peer)));
            let Some((other, claimed)) = others.into_iter().find(|(_, other)| claims(peer, other)) else {
                continue;
            };
            let place = cx.place(&format!("trunk[{index}].peers[{place}]"));
            let message = format!("{peer} of trunk \"{}\" overlaps {claimed} of trunk \"{}\"", trunk.name, other.name);
            let help =
                "there the narrower one wins, and of two alike the trunk that stands first: make the peers differ";
            cx.warn(Code::Overlap, place, message, help);
        }
    }
}

fn claims(left: &Peer, right: &Peer) -> bool {
    match (left, right) {
        (Peer::Network(left), Peer::Network(right)) => left.overlaps(right),
        (Peer::Certificate(left), Peer::Certificate(right)) => left == right,
        (Peer::Sips { host: left, .. }, Peer::Sips { host: right, .. }) => left == right,
        (Peer::Certificate(_) | Peer::Sips { .. } | Peer::Network(_), _) => false,
    }
}
