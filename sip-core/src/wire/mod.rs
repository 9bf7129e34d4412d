//! SIP messages: a bounded parser, typed headers, and the way back to octets.
//!
//! There is one parser in this product. It reads a message once, front to back, in time linear in its length, and
//! copies nothing but folded header lines: all values are slices of what was received. What it accepts is stricter
//! than RFC 3261's robustness advice wherever two readers of one message could see two different things (RFC 4475,
//! request smuggling): one reading or none.
//!
//! Slices share what was received: a value that outlives its message by long (a dialog's, a call's) is better copied,
//! or it keeps the whole of a read buffer with it.
//!
//! Two levels: the views (private) check a text and point into it; the public values own slices of it and are right
//! by construction.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod calling;
mod check;
mod diversion;
mod error;
mod events;
mod framer;
mod header_name;
mod headers;
mod host;
mod lines;
mod message;
mod method;
mod multipart;
mod name_addr;
mod params;
mod parse;
mod privacy;
mod reason;
mod referral;
mod replaces;
pub(crate) mod scan;
mod sipfrag;
mod start_line;
mod status;
mod stun;
mod text;
mod typed;
mod uri;
mod uri_headers;
mod values;
mod via;
mod wiped;

pub use calling::Calling;
pub use diversion::{Diversion, HistoryEntry};
pub use error::{HeaderError, Malformed, ParseError, Reason};
pub use events::{EventPackage, SubscriptionState};
pub use framer::{Frame, Framer};
pub use header_name::HeaderName;
pub use headers::{Header, Headers, SecretValue};
pub use host::Host;
pub use message::{Message, Request, Response};
pub use method::Method;
pub use multipart::{BodyError, sdp_body};
pub use name_addr::{Contact, NameAddr};
pub use params::{Param, Params};
pub use parse::parse_datagram;
pub use privacy::{Privacy, PrivacyKind};
pub use reason::ReasonValue;
pub use replaces::Replaces;
pub use sipfrag::{sipfrag, sipfrag_status};
pub use status::StatusCode;
pub use stun::{Stun, StunId};
pub use text::Text;
pub use uri::{OtherUri, SipUri, TelUri, Uri};
pub use values::{CSeq, ContentType, OptionTags, RAck, Refresher, SessionExpires};
pub use via::{MAGIC_COOKIE, Transport, Via};
