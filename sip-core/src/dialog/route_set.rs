//! Route sets (RFC 3261 12.1.1, 12.1.2, 12.2.1.1).

use crate::wire::{HeaderError, HeaderName, Headers, NameAddr, Request, Uri};

/// The proxies that asked to stay on the path, nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteSet(Vec<NameAddr>);

impl RouteSet {
    /// The route set of a UAS: Record-Route of the request, in order (RFC 3261 12.1.1).
    pub fn of_request(headers: &Headers) -> Result<Self, HeaderError> {
        headers.record_routes().map(|routes| Self(routes.iter().map(detached).collect()))
    }

    /// The route set of a UAC: Record-Route of the response, reversed (RFC 3261 12.1.2).
    pub fn of_response(headers: &Headers) -> Result<Self, HeaderError> {
        headers.record_routes().map(|routes| Self(routes.iter().rev().map(detached).collect()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The nearest proxy.
    pub fn first(&self) -> Option<&Uri> {
        self.0.first().map(|route| &route.uri)
    }

    /// Addresses a request to `target` by this route set: Request-URI and Route headers (RFC 3261 12.2.1.1).
    ///
    /// The packet itself goes to the trunk, never where a Route or Contact points (THREATS T44).
    pub fn address(&self, request: &mut Request, target: &Uri) {
        let Some((first, rest)) = self.0.split_first() else {
            request.set_uri(target.clone());
            return;
        };
        if first.uri.is_loose_route() {
            request.set_uri(target.clone());
            for route in &self.0 {
                request.headers_mut().push(HeaderName::Route, route.to_value());
            }
            return;
        }
        // A strict router (RFC 2543) wants to see itself in the Request-URI, and the target at the end of the route.
        request.set_uri(first.uri.clone());
        for route in rest {
            request.headers_mut().push(HeaderName::Route, route.to_value());
        }
        request.headers_mut().push(HeaderName::Route, NameAddr::new(target.clone()).to_value());
    }
}

/// The same route in storage of its own: a dialog must not hold on to a whole packet.
fn detached(route: &NameAddr) -> NameAddr {
    NameAddr::parse(&route.to_value()).unwrap_or_else(|_| route.clone())
}
