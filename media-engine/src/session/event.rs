use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use crate::{dtmf::MenuDigit, rtp::Ssrc};

/// What a session has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first packet was accepted; on a secure leg it was authentic.
    FirstAuthenticated,
    /// A key was pressed and let go, and the guard lets it be reported.
    Digit(MenuDigit),
    /// So many packets in a row failed authentication: somebody injects, or the keys differ. Raised seldom, and never a
    /// reason to end the call.
    AuthFailures {
        /// How many in a row, so far.
        run: u64,
    },
    /// Nothing was accepted for so long.
    InboundTimeout {
        /// How long.
        idle: Duration,
    },
    /// Packets come again after a timeout.
    InboundResumed,
    /// The one latch was used: packets go there from now on.
    SourceLatched {
        /// The new address.
        remote: SocketAddr,
    },
    /// The peer's stream has another SSRC.
    SsrcChanged {
        /// The new one.
        ssrc: Ssrc,
    },
    /// A second SSRC sends from the right address while the first still does, which on a plain leg may be an injection.
    /// It is not heard.
    SsrcConflict {
        /// The second one.
        ssrc: Ssrc,
    },
    /// The peer said BYE by RTCP. For information: only signalling ends a call.
    RtcpBye,
    /// Our key is used up (RFC 3711 9.2): nothing more can be sent until there are new ones.
    KeyExhausted,
}

/// Events that wait to be polled, and never more than there is room for.
#[derive(Debug)]
pub(super) struct Events {
    queue: VecDeque<Event>,
    room: usize,
}

impl Events {
    pub(super) fn with_capacity(room: usize) -> Self {
        Self { queue: VecDeque::with_capacity(room), room }
    }

    /// `false` when there is no room: the event is lost.
    #[must_use]
    pub(super) fn push(&mut self, event: Event) -> bool {
        let fits = self.queue.len() < self.room;
        if fits {
            self.queue.push_back(event);
        }
        fits
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        self.queue.pop_front()
    }
}
