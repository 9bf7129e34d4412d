//! One `[[trunk]]` into the rule that sip-core admits and places its calls by.

use std::net::IpAddr;

use dialplan::{DialTarget, Hop, Host, InDialog, Number, Peer, Reliable, Trunk};
use sip_core::admission::{self, Rate, Rel100, Targets, Transports, TrunkRule};
use sip_core::trunk::{Outbound, Registration};
use sip_core::wire::{Text, Uri};

use super::sip::{host, transport};
use super::trunks::TrunkSecrets;
use crate::server::StartError;

/// The rule of `trunk`, with its secrets. Names of `sips:` peers are resolved here.
pub(super) async fn of(trunk: &Trunk, secrets: Option<&TrunkSecrets>) -> Result<TrunkRule, StartError> {
    let transports = trunk.allowed_transports().into_iter().map(transport).fold(Transports::NONE, Transports::with);
    let mut rule = TrunkRule::new(trunk.name.as_str())
        .transports(transports)
        .rate(Rate { per_second: trunk.calls_per_second, burst: trunk.calls_per_second })
        .max_calls(trunk.max_calls)
        .rel100(match trunk.reliable {
            Reliable::Off => Rel100::Off,
            Reliable::Supported => Rel100::Supported,
            Reliable::Required => Rel100::Required,
        })
        .refer(trunk.refer == InDialog::Accept)
        .replaces(trunk.replaces == InDialog::Accept);
    for peer in &trunk.peers {
        rule = match peer {
            Peer::Certificate(name) => rule.peer(admission::Peer::certificate(name.as_str())),
            Peer::Network(prefix) => rule.peer(admission::Peer::Prefix(network(prefix))),
            Peer::Sips { host, port } => {
                let unresolved =
                    |source| StartError::Peer { trunk: trunk.name.to_string(), host: host.to_string(), source };
                let addresses = resolve(host, *port).await.map_err(unresolved)?;
                addresses.into_iter().fold(rule, |rule, address| rule.peer(admission::Peer::address(address)))
            }
        };
    }
    if let Some(credentials) = secrets.and_then(|secrets| secrets.credentials.clone()) {
        rule = rule.credentials(credentials);
    }
    if let Some(realm) = secrets.and_then(|secrets| secrets.challenge.clone()) {
        rule = rule.challenge(realm);
    }
    if secrets.is_some_and(|secrets| secrets.tls_client.is_some()) {
        rule = rule.tls_client(trunk.name.as_str());
    }
    if let Some(interval) = trunk.keepalive.crlf {
        rule = rule.keepalive(interval);
    }
    if let Some(given) = &trunk.outbound {
        let listed = given.clone();
        let may_be_called = move |uri: &Uri| target(uri).is_some_and(|target| listed.permits(&target));
        rule = rule.redirects(given.redirects).redirect_targets(Targets::new(may_be_called));
        rule = rule.outbound(outbound(trunk, given)?);
    }
    Ok(rule)
}

/// Where the trunk's own calls go, how many there may be, and how it is kept.
fn outbound(trunk: &Trunk, given: &dialplan::Outbound) -> Result<Outbound, StartError> {
    let mut outbound = Outbound::new(uri(trunk, &given.to)?)
        .hold_down(trunk.keepalive.hold_down)
        .fail_over_after(given.fail_over_after)
        .rate(Rate { per_second: given.calls_per_second, burst: given.calls_per_second })
        .max_calls(given.max_calls)
        .calls_per_day(given.calls_per_day);
    if let Some(interval) = trunk.keepalive.options {
        outbound = outbound.ping(interval);
    }
    if let Some(register) = &trunk.register {
        outbound = outbound.registration(registration(trunk, register)?);
    }
    Ok(outbound)
}

fn registration(trunk: &Trunk, given: &dialplan::Register) -> Result<Registration, StartError> {
    let mut registration = Registration::new(Text::copy_from(given.user.as_str())).expires(given.expires);
    if let Some(registrar) = &given.registrar {
        registration = registration.registrar(uri(trunk, registrar)?);
    }
    if let Some(user) = &given.contact_user {
        registration = registration.contact_user(Text::copy_from(user.as_str()));
    }
    let domain = given.domain.as_ref().and_then(|domain| match domain {
        Host::Address(address) => Some((*address).into()),
        Host::Name(name) => host(name.as_str()),
    });
    Ok(match domain {
        Some(domain) => registration.domain(domain),
        None => registration,
    })
}

/// A URI that a peer names, as the dialplan reads targets.
pub(crate) fn target(uri: &Uri) -> Option<DialTarget> {
    let user = uri.user()?;
    match Number::new(user.as_str()) {
        Some(number) => Some(DialTarget::Number(number)),
        None => DialTarget::read(uri.to_text().as_str().split([';', '?']).next()?),
    }
}

/// A next hop as the URI that it is written as.
fn uri(trunk: &Trunk, hop: &Hop) -> Result<Uri, StartError> {
    hop.to_string().parse().map_err(|_| StartError::Hop { trunk: trunk.name.to_string(), hop: hop.to_string() })
}

async fn resolve(host: &Host, port: u16) -> std::io::Result<Vec<IpAddr>> {
    match host {
        Host::Address(address) => Ok(vec![*address]),
        Host::Name(name) => {
            Ok(tokio::net::lookup_host((name.as_str(), port)).await?.map(|address| address.ip()).collect())
        }
    }
}

fn network(prefix: &dialplan::Prefix) -> admission::Prefix {
    // The file was checked: length and host bits are right. A single address is what is left if they were not.
    admission::Prefix::new(prefix.network(), prefix.length())
        .unwrap_or_else(|_| admission::Prefix::host(prefix.network()))
}
