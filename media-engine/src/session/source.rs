use std::net::SocketAddr;

use super::SourcePolicy;

/// From where packets are taken, and where ours go (RFC 7362).
///
/// ```text
///   signalled --first accepted packet, from wherever the policy allows--> locked --offer/answer with a new address--> signalled
/// ```
///
/// There is one step, and only an accepted packet makes it: on a secure leg an authentic one.
#[derive(Debug)]
pub(super) struct SourceRule {
    policy: SourcePolicy,
    secure: bool,
    signalled: SocketAddr,
    locked: Option<SocketAddr>,
}

impl SourceRule {
    pub(super) fn new(policy: SourcePolicy, secure: bool, signalled: SocketAddr) -> Self {
        Self { policy, secure, signalled: canonical(signalled), locked: None }
    }

    /// Whether a packet from there is looked at.
    pub(super) fn admits(&self, source: SocketAddr) -> bool {
        let source = canonical(source);
        if let Some(locked) = self.locked {
            return source == locked;
        }
        if source == self.signalled {
            return true;
        }
        match self.policy {
            SourcePolicy::Signalled => false,
            SourcePolicy::SameIp => source.ip() == self.signalled.ip(),
            SourcePolicy::Symmetric => self.secure || source.ip() == self.signalled.ip(),
        }
    }

    /// Whether RTCP from there is looked at: it comes from another port, but not from another host.
    pub(super) fn admits_rtcp(&self, source: SocketAddr, remote_rtcp: SocketAddr) -> bool {
        let source = canonical(source);
        source.ip() == self.remote().ip() || source.ip() == canonical(remote_rtcp).ip()
    }

    /// A packet from there was accepted. Gives the address when it is a new one.
    pub(super) fn on_accepted(&mut self, source: SocketAddr) -> Option<SocketAddr> {
        if self.locked.is_some() {
            return None;
        }
        let source = canonical(source);
        self.locked = Some(source);
        (source != self.signalled).then_some(source)
    }

    /// An offer/answer exchange names this address. Only a new one opens the latch again.
    pub(super) fn on_signalled(&mut self, signalled: SocketAddr, secure: bool) {
        self.secure = secure;
        let signalled = canonical(signalled);
        if signalled != self.signalled {
            self.signalled = signalled;
            self.locked = None;
        }
    }

    /// Where packets go.
    pub(super) fn remote(&self) -> SocketAddr {
        self.locked.unwrap_or(self.signalled)
    }
}

/// An IPv4 address is one, also when a dual-stack socket shows it as IPv6; flow labels and scopes say nothing.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNALLED: &str = "192.0.2.1:4000";
    const SAME_IP: &str = "192.0.2.1:4002";
    const OTHER: &str = "198.51.100.7:4000";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_matrix_of_policies() {
        use SourcePolicy::{SameIp, Signalled, Symmetric};
        for (policy, secure, same_ip, other) in [
            (Signalled, false, false, false),
            (Signalled, true, false, false),
            (SameIp, false, true, false),
            (SameIp, true, true, false),
            (Symmetric, false, true, false),
            (Symmetric, true, true, true),
        ] {
            let rule = SourceRule::new(policy, secure, address(SIGNALLED));
            assert!(rule.admits(address(SIGNALLED)));
            assert_eq!(rule.admits(address(SAME_IP)), same_ip, "{policy:?} {secure}");
            assert_eq!(rule.admits(address(OTHER)), other, "{policy:?} {secure}");
        }
    }

    #[test]
    fn one_packet_locks() {
        let mut rule = SourceRule::new(SourcePolicy::Symmetric, true, address(SIGNALLED));
        assert_eq!(rule.on_accepted(address(OTHER)), Some(address(OTHER)));
        assert_eq!(rule.remote(), address(OTHER));
        assert!(!rule.admits(address(SIGNALLED)));
        assert!(!rule.admits(address(SAME_IP)));
        assert_eq!(rule.on_accepted(address(SAME_IP)), None);
        assert_eq!(rule.remote(), address(OTHER));
    }

    #[test]
    fn the_signalled_address_locks_too() {
        let mut rule = SourceRule::new(SourcePolicy::SameIp, false, address(SIGNALLED));
        assert_eq!(rule.on_accepted(address("[::ffff:192.0.2.1]:4000")), None);
        assert!(!rule.admits(address(SAME_IP)));
    }

    #[test]
    fn only_a_new_address_unlocks() {
        let mut rule = SourceRule::new(SourcePolicy::SameIp, false, address(SIGNALLED));
        rule.on_accepted(address(SAME_IP));
        rule.on_signalled(address(SIGNALLED), false);
        assert_eq!(rule.remote(), address(SAME_IP));
        rule.on_signalled(address(OTHER), false);
        assert_eq!(rule.remote(), address(OTHER));
        assert!(rule.admits(address("198.51.100.7:9")));
    }
}
