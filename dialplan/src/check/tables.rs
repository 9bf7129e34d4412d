//! Checks inside one table. The reader stands on the table when they run.

use std::time::Duration;

use crate::model::{Reject, Step, TrunkDanger, When};
use crate::report::Code;
use crate::rule::Reader;
use crate::value::{
    Addresses, Dialect, Direction, Host, Listen, NumberPattern, Peer, Rate, SecretRef, SrtpPolicy, Transport, WssUrl,
};

/// `[sip]`: TLS has its certificate, and no address is bound twice.
pub(crate) fn listeners(
    cx: &mut Reader<'_>,
    listen: &[Listen],
    certificate: Option<&Option<SecretRef>>,
    key: Option<&Option<SecretRef>>,
) {
    let tls = listen.iter().position(|listen| listen.transport == Transport::Tls);
    if let Some(index) = tls {
        let missing =
            [("certificate", certificate), ("key", key)].into_iter().filter(|(_, given)| *given == Some(&None));
        let missing: Vec<&str> = missing.map(|(name, _)| name).collect();
        if !missing.is_empty() {
            let place = cx.place_of(&format!("listen[{index}]"));
            let message = format!("a tls listener without `{}` in `[sip]`", missing.join("` and `"));
            let help = "add certificate = { file = \"/etc/strongline/tls/fullchain.pem\" } and key = { credential = \"sip-tls-key\" }";
            cx.error(Code::Conflict, place, message, help);
        }
    } else if certificate.is_some_and(Option::is_some) {
        let place = cx.place_of("certificate");
        cx.warn(Code::Unused, place, "a certificate, but no tls listener", "add \"tls://0.0.0.0:5061\" to `listen`");
    }
    for (index, one) in listen.iter().enumerate() {
        let stream = |listen: &Listen| listen.transport != Transport::Udp;
        let taken = |other: &&Listen| other.address == one.address && stream(other) == stream(one);
        if let Some(first) = listen.iter().take(index).find(taken) {
            let place = cx.place_of(&format!("listen[{index}]"));
            let message = format!("{one} cannot be bound beside {first}");
            cx.error(Code::Duplicate, place, message, "give each listener its own port");
        }
    }
}

/// `[media]`: for each family in use it is known what to write into the SDP.
pub(crate) fn media_addresses(cx: &mut Reader<'_>, public: Option<&Addresses>, bind: Option<&Addresses>) {
    let help = "add public_address = \"203.0.113.10\": the address at which the carrier reaches this server";
    let Some(bind) = bind else {
        if public.is_none() {
            let place = cx.place(&cx.path());
            let message = "`[media]` lacks `public_address` or `bind`: nothing says where peers send RTP to";
            cx.error(Code::MissingKey, place, message, help);
        }
        return;
    };
    let lost = |bound: bool, public: Option<bool>| bound && public != Some(true);
    let all_v4 = bind.v4.is_some_and(|v4| v4.is_unspecified());
    let all_v6 = bind.v6.is_some_and(|v6| v6.is_unspecified());
    if lost(all_v4, public.map(|both| both.v4.is_some())) || lost(all_v6, public.map(|both| both.v6.is_some())) {
        let place = cx.place_of("bind");
        let message = "`media.bind` binds all addresses, and `public_address` does not say which one peers use";
        cx.error(Code::Conflict, place, message, help);
    }
    let Some(public) = public else { return };
    if (public.v4.is_some() && bind.v4.is_none()) || (public.v6.is_some() && bind.v6.is_none()) {
        let place = cx.place_of("public_address");
        let message = "`media.public_address` has a family that `media.bind` does not have";
        cx.error(Code::Conflict, place, message, "bind an address of the same family, or leave `bind` out");
    }
}

/// `[[trunk]]`: the same entry twice is a slip of the pen.
pub(crate) fn listed_twice<T: PartialEq + std::fmt::Display>(cx: &mut Reader<'_>, key: &str, entries: &[T]) {
    for (index, entry) in entries.iter().enumerate() {
        if entries.iter().take(index).any(|before| before == entry) {
            let place = cx.place_of(&format!("{key}[{index}]"));
            cx.error(Code::Duplicate, place, format!("`{}.{key}` lists {entry} twice", cx.path()), "remove one");
        }
    }
}

/// `[[trunk]]`: whoever lets plain RTP through has written that he knows.
pub(crate) fn plaintext_needs_danger(cx: &mut Reader<'_>, srtp: SrtpPolicy, danger: &TrunkDanger) {
    let plain = match srtp {
        SrtpPolicy::Required => false,
        SrtpPolicy::Preferred | SrtpPolicy::Off => true,
    };
    if plain && !danger.plaintext_media {
        let place = cx.place_of("srtp");
        let message = format!("`srtp = \"{srtp}\"` lets calls through that anyone on the path can listen to");
        let help = "keep `srtp = \"required\"`, or add under this trunk: [trunk.danger] \
                    plaintext_media = \"anyone on the path can listen\"";
        cx.error(Code::NeedsDanger, place, message, help);
    }
    if danger.plaintext_media {
        let place = cx.place_of("danger.plaintext_media");
        if plain {
            let message = "calls on this trunk may be unencrypted";
            cx.warn(Code::DangerInUse, place, message, "ask the carrier for SRTP, then remove the key");
        } else {
            let message = "`danger.plaintext_media` has no effect while `srtp = \"required\"`";
            cx.warn(Code::Unused, place, message, "remove it, or set `srtp = \"preferred\"`");
        }
    }
    if danger.sdes_over_plain_signalling {
        let place = cx.place_of("danger.sdes_over_plain_signalling");
        let message = "SRTP keys of this trunk may travel in the clear: its SRTP protects nothing against who sees the signalling";
        cx.warn(Code::DangerInUse, place, message, "use TLS towards the carrier, then remove the key");
    }
}

/// `[[trunk]]`: prefixes wider than any carrier's.
pub(crate) fn wide_peers(cx: &mut Reader<'_>, peers: &[Peer]) {
    for (index, peer) in peers.iter().enumerate() {
        let Peer::Network(prefix) = peer else {
            continue;
        };
        let narrow = if prefix.network().is_ipv4() { 16 } else { 32 };
        if prefix.length() < narrow && !crate::value::is_local(prefix.network()) {
            let place = cx.place_of(&format!("peers[{index}]"));
            let message = format!("{peer} admits very many addresses that are not the carrier's");
            cx.warn(Code::Doubtful, place, message, "ask the carrier for the list of its signalling addresses");
        }
    }
}

/// A URL that the address guard would refuse on every call.
pub(crate) fn reachable_host(cx: &mut Reader<'_>, key: &str, host: &Host, private_hosts: &[Host]) {
    if host.is_local() && !private_hosts.contains(host) {
        let place = cx.place_of(key);
        let message = format!("`{key}` points into a private network, which is refused unless it is listed");
        cx.error(Code::Conflict, place, message, format!("add private_hosts = [\"{host}\"] if that is meant"));
    }
}

/// Dialect, rate and chunk fit together.
pub(crate) fn stream_format(
    cx: &mut Reader<'_>,
    dialect: Option<Dialect>,
    rate: Option<Rate>,
    chunk: Option<Duration>,
) {
    let Some(dialect) = dialect else { return };
    if let Some(rate) = rate
        && !dialect.has_rate(rate)
    {
        let place = cx.place_of("rate");
        let message = format!("the {dialect} dialect has no rate of {}", rate.hz());
        cx.error(Code::Conflict, place, message, "use 8000 or 16000, or the native dialect");
    }
    if let (Dialect::Native, Some(chunk)) = (dialect, chunk)
        && chunk > LONGEST_NATIVE_CHUNK
    {
        let place = cx.place_of("chunk_ms");
        let message = "native frames longer than 100 ms only add delay";
        cx.error(Code::Conflict, place, message, "leave `chunk_ms` out: native sends 20 ms");
    }
}

/// `{ stream = ... }`: who connects is proved, and the address is reachable.
pub(crate) fn direct_stream(
    cx: &mut Reader<'_>,
    url: Option<&WssUrl>,
    signing: Option<&[SecretRef]>,
    private_address: Option<bool>,
) {
    let place = cx.place_of("url");
    if signing.is_some_and(<[SecretRef]>::is_empty) {
        let message = "this stream is not signed: the bot cannot tell this server from a stranger";
        cx.warn(Code::Doubtful, place.clone(), message, "add signing = { credential = \"stream-key\" }");
    }
    if let (Some(url), Some(false)) = (url, private_address)
        && url.host().is_local()
    {
        let message = "`url` points into a private network, which is refused";
        cx.error(Code::Conflict, place, message, "add private_address = true if that is meant");
    }
}

/// `[[route]]`: exactly one of `do` and `reject`, and steps that make sense in their order.
pub(crate) fn do_or_reject(
    cx: &mut Reader<'_>,
    when: Option<&When>,
    steps: Option<&Option<Vec<Step>>>,
    reject: Option<&Option<Reject>>,
) {
    match (steps, reject) {
        (Some(Some(_)), Some(Some(_))) => {
            let place = cx.place_of("reject");
            cx.error(Code::Conflict, place, "a route with both `do` and `reject`", "keep one of them");
        }
        (Some(None), Some(None)) => {
            let place = cx.place(&cx.path());
            let help = "add do = [{ app = \"support-bot\" }] or reject = 404";
            cx.error(Code::MissingKey, place, "`[[route]]` lacks `do` or `reject`", help);
        }
        (Some(Some(_)), Some(None)) | (Some(None), Some(Some(_))) | (None, _) | (_, None) => {}
    }
    if let Some(Some(steps)) = steps {
        let outbound = when.is_some_and(|when| when.direction() == Direction::Outbound);
        super::routes::step_order(cx, steps, outbound);
    }
}

/// Numbers that are right, and probably not meant.
pub(crate) fn patterns(cx: &mut Reader<'_>, key: &str, patterns: &[NumberPattern]) {
    for (index, pattern) in patterns.iter().enumerate() {
        let digits = match pattern {
            NumberPattern::Exact(number) => number.as_str(),
            NumberPattern::Prefix(prefix) => prefix,
            NumberPattern::Any | NumberPattern::Anonymous => continue,
        };
        if digits.len() >= LONG_NUMBER && !digits.starts_with(['+', '0']) {
            let listed = cx.place_of(&format!("{key}[{index}]"));
            let place = if listed == cx.place(&cx.path()) { cx.place_of(key) } else { listed };
            let message = "a long number without `+` matches only if the carrier sends it so";
            cx.warn(Code::Doubtful, place, message, format!("did you mean \"+{pattern}\"?"));
        }
    }
}

const LONGEST_NATIVE_CHUNK: Duration = Duration::from_millis(100);

/// From this many digits on a number without `+` is probably an E.164 number that lost it.
const LONG_NUMBER: usize = 10;
