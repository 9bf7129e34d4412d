//! Which transports a domain offers (RFC 3263 4.1).

use crate::admission::Transport;

use super::{DomainName, Naptr};

/// An SRV name to ask, and the transport that its servers speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) transport: Transport,
    pub(super) name: DomainName,
}

/// What the NAPTR records offer of `allowed`: those of the lowest order that has any, by preference.
///
/// RFC 3403 4.1: once an order has a record that we can use, those of a higher order are not looked at.
pub(super) fn of_naptr(mut records: Vec<Naptr>, allowed: &[Transport]) -> Vec<Service> {
    records.sort_by_key(|naptr| (naptr.order, naptr.preference));
    let mut order = None;
    let mut services: Vec<Service> = Vec::new();
    for naptr in records {
        if order.is_some_and(|order| order != naptr.order) {
            break;
        }
        let transport = transport_of(&naptr).filter(|transport| allowed.contains(transport));
        let (Some(transport), Some(name)) = (transport, naptr.replacement) else { continue };
        order = Some(naptr.order);
        let service = Service { transport, name };
        if !services.contains(&service) {
            services.push(service);
        }
    }
    services
}

/// The SRV names of `allowed`, in that order, where no NAPTR record says which to ask.
pub(super) fn of_domain(domain: &DomainName, allowed: &[Transport]) -> Vec<Service> {
    let service = |transport: &Transport| {
        let prefix = match transport {
            Transport::Udp => "_sip._udp",
            Transport::Tcp => "_sip._tcp",
            Transport::Tls => "_sips._tcp",
        };
        // A name with no room for the prefix has no such records.
        domain.service(prefix).ok().map(|name| Service { transport: *transport, name })
    };
    allowed.iter().filter_map(service).collect()
}

fn transport_of(naptr: &Naptr) -> Option<Transport> {
    if !naptr.flags.eq_ignore_ascii_case("s") {
        return None;
    }
    let services = [("SIPS+D2T", Transport::Tls), ("SIP+D2T", Transport::Tcp), ("SIP+D2U", Transport::Udp)];
    services.into_iter().find(|(name, _)| naptr.service.eq_ignore_ascii_case(name)).map(|(_, transport)| transport)
}
