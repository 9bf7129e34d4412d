//! Checks of what a trunk is used for in the other direction. The reader stands on the table when they run.

use crate::model::{Credentials, Outbound, Trunk, TrunkDanger};
use crate::report::Code;
use crate::rule::{Facts, Reader};
use crate::value::{AuthUser, DigestAlgorithm, NumberPattern, SecretRef, SrtpPolicy, Transport};

/// `[trunk.outbound] from`: numbers of one's own, the first of them a single one.
pub(crate) fn shown_numbers(cx: &mut Reader<'_>, from: &[NumberPattern]) {
    for (index, pattern) in from.iter().enumerate() {
        let any = match pattern {
            NumberPattern::Anonymous => true,
            NumberPattern::Any | NumberPattern::Exact(_) | NumberPattern::Prefix(_) => pattern.is_any_number(),
        };
        if any {
            let place = cx.place_of_entry("from", index);
            let message = format!("`from` lists `{pattern}`, which is no number of yours");
            let help = "list your numbers, such as \"+14155550100\" or \"+141555501*\"; to withhold them set `privacy`";
            cx.error(Code::BadValue, place, message, help);
        }
    }
    if !from.is_empty() && !from.iter().any(|pattern| pattern.exact().is_some()) {
        let place = cx.place_of("from");
        let message = "`from` lists no single number, so nothing says which one is shown";
        cx.error(Code::Conflict, place, message, "put the number to show first: from = [\"+14155550100\", ...]");
    }
}

/// `[trunk.outbound] privacy`: the carrier must learn the number somewhere.
pub(crate) fn privacy_needs_identity(cx: &mut Reader<'_>) {
    let place = cx.place_of("privacy");
    let message =
        "`privacy` withholds the number, and without `asserted_identity` the carrier does not learn it either";
    cx.error(Code::Conflict, place, message, "add asserted_identity = true, or remove `privacy`");
}

/// A certificate and its key come together.
pub(crate) fn certificate_with_key(
    cx: &mut Reader<'_>,
    certificate: Option<&Option<SecretRef>>,
    key: Option<&Option<SecretRef>>,
) {
    let (Some(certificate), Some(key)) = (certificate, key) else { return };
    let (given, missing) = match (certificate, key) {
        (Some(_), None) => ("certificate", "key"),
        (None, Some(_)) => ("key", "certificate"),
        (Some(_), Some(_)) | (None, None) => return,
    };
    let place = cx.place_of(given);
    let message = format!("`{}` has `{given}` without `{missing}`", cx.path());
    cx.error(Code::Conflict, place, message, format!("add {missing} = {{ file = \"/etc/strongline/{missing}.pem\" }}"));
}

/// `[trunk.challenge]`: each user once.
pub(crate) fn users_twice(cx: &mut Reader<'_>, users: &[&AuthUser]) {
    for (index, user) in users.iter().enumerate() {
        if users.iter().take(index).any(|before| before == user) {
            let place = cx.place_of(&format!("users[{index}]"));
            cx.error(Code::Duplicate, place, format!("a second user \"{}\"", user.as_str()), "remove one");
        }
    }
}

/// `[[trunk]]`: what calls that leave need.
pub(crate) fn leaving(cx: &mut Reader<'_>, trunk: &Trunk) {
    needs(cx, trunk);
    md5(cx, trunk);
    let Some(outbound) = &trunk.outbound else { return };
    destinations(cx, outbound, &trunk.danger);
    hop(cx, trunk, outbound);
}

/// What has no use, or no effect, without another table.
fn needs(cx: &mut Reader<'_>, trunk: &Trunk) {
    if trunk.peers.is_empty() && trunk.outbound.is_none() {
        let place = cx.place(&cx.path());
        let help = "add `peers = [\"tls:sbc.carrier.example\"]`, or [trunk.outbound] for calls that you place";
        cx.error(Code::MissingKey, place, "`[[trunk]]` lacks `peers`", help);
    }
    if trunk.register.is_some() {
        let missing = [("outbound", trunk.outbound.is_none()), ("credentials", trunk.credentials.is_none())];
        for (key, _) in missing.into_iter().filter(|(_, missing)| *missing) {
            let place = cx.place_of("register");
            let message = format!("`register` without `{key}`: nothing says {}", what_says(key));
            cx.error(Code::Conflict, place, message, format!("add [trunk.{key}] under this trunk"));
        }
    }
    if trunk.outbound.is_none() {
        let keepalive = trunk.keepalive.options.is_some() || trunk.keepalive.crlf.is_some();
        let idle = [
            ("credentials", trunk.credentials.is_some() && trunk.register.is_none()),
            ("tls", trunk.tls.is_some()),
            ("keepalive", keepalive),
            ("danger.any_destination", trunk.danger.any_destination),
        ];
        for (key, _) in idle.into_iter().filter(|(_, given)| *given) {
            let place = cx.place_of(key);
            let message = format!("`{key}` has no effect: this trunk has no `outbound`");
            cx.warn(Code::Unused, place, message, "add [trunk.outbound], or remove it");
        }
    }
}

fn what_says(key: &str) -> &'static str {
    match key {
        "outbound" => "where the registrar is",
        _ => "who registers",
    }
}

/// Toll fraud: what may be called is listed, and a list that lets everything through is no list.
fn destinations(cx: &mut Reader<'_>, outbound: &Outbound, danger: &TrunkDanger) {
    let mut any = false;
    for (index, pattern) in outbound.destinations.iter().enumerate() {
        if matches!(pattern, NumberPattern::Anonymous) {
            let place = cx.place_of_entry("outbound.destinations", index);
            let message = "`destinations` lists `anonymous`, which cannot be called";
            cx.error(Code::BadValue, place, message, "list numbers, such as \"+14155550100\" or \"+1415*\"");
        }
        if pattern.is_any_number() {
            any = true;
            if !danger.any_destination {
                let place = cx.place_of_entry("outbound.destinations", index);
                let message = format!("`{pattern}` lets every number through, premium-rate numbers included");
                let help = "list the countries and areas you call, such as \"+1415*\", or add under this trunk: \
                            [trunk.danger] any_destination = \"calls may cost any amount\"";
                cx.error(Code::NeedsDanger, place, message, help);
            }
        }
    }
    if danger.any_destination {
        let place = cx.place_of("danger.any_destination");
        if any {
            let message = "whoever may place calls on this trunk may call any number, premium-rate numbers included";
            cx.warn(Code::DangerInUse, place, message, "list the countries and areas you call, then remove the key");
        } else {
            let message = "`danger.any_destination` has no effect: `destinations` lets not every number through";
            cx.warn(Code::Unused, place, message, "remove it");
        }
    }
}

/// The next hop fits to what the trunk asks of media, transports and `[sip]`.
fn hop(cx: &mut Reader<'_>, trunk: &Trunk, outbound: &Outbound) {
    let hop = &outbound.to;
    let place = cx.place_of("outbound.to");
    if !hop.is_tls() && trunk.srtp == SrtpPolicy::Required && !trunk.danger.sdes_over_plain_signalling {
        let message = format!("calls to {hop} carry their SRTP keys in the clear");
        let help = "write \"sips:\" in front of the host, or add under this trunk: [trunk.danger] \
                    sdes_over_plain_signalling = \"anyone on the path can read the keys\"";
        cx.error(Code::NeedsDanger, place.clone(), message, help);
    }
    if let Some(used) = hop.only_transport() {
        if !trunk.transports.is_empty() && !trunk.transports.contains(&used) {
            let message = format!("{hop} is reached over {used}, which `transports` does not list");
            cx.error(Code::Conflict, place.clone(), message, format!("add \"{used}\" to `transports`"));
        }
        if used == Transport::Udp && cx.facts.is_some_and(|Facts { udp, .. }| !udp) {
            let message = format!("{hop} is reached over UDP, and `[sip]` has no udp listener to send from");
            cx.error(Code::Conflict, place, message, "add \"udp://0.0.0.0:5060\" to `sip.listen`");
        }
    }
    if trunk.tls.is_some() && !hop.is_tls() {
        let place = cx.place_of("tls");
        let message = format!("`tls` may have no effect: {hop} does not ask for TLS");
        cx.warn(Code::Unused, place, message, "write \"sips:\" in front of the host");
    }
}

/// MD5 digests can be read and turned back into the password by whoever sees them: never in the clear.
fn md5(cx: &mut Reader<'_>, trunk: &Trunk) {
    let listed = |algorithms: &[DigestAlgorithm]| algorithms.contains(&DigestAlgorithm::Md5);
    let sent = trunk.credentials.as_ref().is_some_and(|Credentials { algorithms, .. }| listed(algorithms))
        && trunk.outbound.as_ref().is_some_and(|outbound| !outbound.to.is_tls());
    let heard = trunk.challenge.as_ref().is_some_and(|challenge| listed(&challenge.algorithms))
        && trunk.allowed_transports().iter().any(|transport| *transport != Transport::Tls);
    for (key, _) in [("credentials", sent), ("challenge", heard)].into_iter().filter(|(_, plain)| *plain) {
        if !trunk.danger.md5_digest {
            let place = cx.place_of(&format!("{key}.algorithms"));
            let message = "MD5 digests over UDP or TCP give the password away";
            let help = "remove \"MD5\", use TLS alone, or add under this trunk: [trunk.danger] \
                        md5_digest = \"anyone on the path can find the password\"";
            cx.error(Code::NeedsDanger, place, message, help);
        }
    }
    if trunk.danger.md5_digest {
        let place = cx.place_of("danger.md5_digest");
        if sent || heard {
            let message = "MD5 digests of this trunk can be read, and the password be found";
            cx.warn(Code::DangerInUse, place, message, "use TLS, or ask the carrier for SHA-256; then remove the key");
        } else {
            let message = "`danger.md5_digest` has no effect: MD5 is not listed, or goes over TLS alone";
            cx.warn(Code::Unused, place, message, "remove it");
        }
    }
}
