//! The checked file, as the server uses it.

mod api;
mod app;
mod dial;
mod digest;
mod identity;
mod media;
mod outbound;
mod route;
mod sip;
mod trunk;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::limits;
use crate::report::Warnings;
use crate::rule::{flag, optional, or_default, required, table, tables};
use crate::value::IdentityPolicy;

pub use api::{Api, ApiClient};
pub use app::{App, AppStream, StreamFormat};
pub use dial::{DialStep, TransferStep};
pub use digest::{Challenge, Credentials, DigestUser};
pub use identity::Identity;
pub use media::{Jitter, Media, MediaAddress};
pub use outbound::{Keepalive, Outbound, OutboundRefusal, Register, TrunkTls};
pub(crate) use route::RouteFile;
pub use route::{AppStep, Outcome, PlayStep, Reason, Reject, Route, Step, StreamStep, When};
pub use sip::Sip;
pub use trunk::{MediaRefusal, Trunk, TrunkDanger, TrunkMedia};

/// A dialplan file that was read and found right. Only [`crate::parse`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialplan {
    /// Who we are and where we listen.
    pub sip: Sip,
    /// Ports and addresses of media.
    pub media: Media,
    /// What lowers the security of the whole server.
    pub danger: Danger,
    /// How identities of callers are verified.
    pub identity: Option<Identity>,
    /// The HTTP API.
    pub api: Option<Api>,
    /// The carriers, in the order of the file.
    pub trunks: Vec<Arc<Trunk>>,
    /// The applications, in the order of the file.
    pub apps: Vec<Arc<App>>,
    /// The routes, in the order in which they are tried.
    pub routes: Vec<Arc<Route>>,
    pub(crate) warnings: Warnings,
    pub(crate) lines: BTreeMap<usize, usize>,
}

impl Dialplan {
    /// What deserves a look; `strongline check` prints it, `strongline serve` logs it.
    pub fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// The trunk of this name.
    pub fn trunk(&self, name: &str) -> Option<&Arc<Trunk>> {
        self.trunks.iter().find(|trunk| trunk.name == *name)
    }

    /// What is done with the identity of a call on this trunk.
    pub fn identity_policy(&self, trunk: &Trunk) -> IdentityPolicy {
        let default = if self.identity.is_some() { IdentityPolicy::Mark } else { IdentityPolicy::Ignore };
        trunk.identity.unwrap_or(default)
    }

    /// The application of this name.
    pub fn app(&self, name: &str) -> Option<&Arc<App>> {
        self.apps.iter().find(|app| app.name == *name)
    }

    /// The line of the file on which a route starts, from 1.
    pub fn line_of_route(&self, index: usize) -> usize {
        self.lines.get(&index).copied().unwrap_or(1)
    }
}

table! {
    /// The whole file.
    pub(crate) struct File in "the file" {
        /// Who we are and where we listen for SIP.
        sip: Sip = required(table::<Sip>(), "[sip]"),
        /// Ports and addresses of RTP.
        media: Media = required(table::<Media>(), "[media]"),
        /// What lowers the security of the whole server.
        danger: Danger = or_default("{}", table::<Danger>()),
        /// How the identity of callers is verified (STIR/SHAKEN).
        identity: Option<Identity> = optional(table::<Identity>()),
        /// The HTTP API, by which calls are placed and steered.
        api: Option<Api> = optional(table::<Api>()),
        /// A carrier.
        trunks as "trunk": Vec<Trunk> = tables::<Trunk>(limits::MAX_TRUNKS),
        /// An application.
        apps as "app": Vec<App> = tables::<App>(limits::MAX_APPS),
        /// What happens to a call. The first route whose conditions hold is taken.
        routes as "route": Vec<RouteFile> = tables::<RouteFile>(limits::MAX_ROUTES),
    }
    later {
        "tokenizer", "recording", "capture", "redaction", "audit", "secrets", "metrics", "storage", "log", "telemetry",
    }
}

table! {
    /// What lowers the security of the whole server. Leave it out.
    pub struct Danger in "`[danger]`" {
        /// Allows secrets from environment variables, which every process of the same user can read.
        env_secrets: bool = or_default("false", flag()),
    }
    check(cx) {
        cx.env_secrets = env_secrets;
    }
}
