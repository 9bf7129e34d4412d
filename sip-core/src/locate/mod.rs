//! Finding a server (RFC 3263 4, RFC 2782): from a `sip:` or `sips:` URI to addresses in the order to try them.
//!
//! A [`Locator`] asks no name server itself. It says which [`Question`] it has, is told each [`Answer`], and ends in
//! [`Located`] or a [`LocateError`]. What a name server says is a hint where to go and never proof of who is there: the
//! name that a certificate must show is the domain that was asked for (RFC 5922 4, THREATS T22).
//!
//! ```
//! use std::time::Duration;
//! use sip_core::admission::{Transport, Transports};
//! use sip_core::locate::{Answer, Data, Kind, Locator, Record, Step, Target};
//!
//! # fn demo() -> Result<(), Box<dyn std::error::Error>> {
//! let uri = "sip:sbc.carrier.example:5070;transport=tcp".parse()?;
//! let mut locator = Locator::new(Target::new(&uri, Transports::ALL)?, [7; 32]);
//! let located = loop {
//!     match locator.poll() {
//!         Step::Ask(question) if question.kind == Kind::A => {
//!             let data = Data::Address("198.51.100.7".parse()?);
//!             locator.on_answer(&question, Answer::Records(vec![Record { ttl: Duration::from_secs(60), data }]));
//!         }
//!         Step::Ask(question) => locator.on_answer(&question, Answer::Absent),
//!         Step::Wait => unreachable!("each question is answered at once"),
//!         Step::Done(result) => break result?,
//!     }
//! };
//! assert_eq!(located.hops.len(), 1);
//! assert_eq!(located.hops[0].transport, Transport::Tcp);
//! assert_eq!(located.valid_for, Duration::from_secs(60));
//! # Ok(())
//! # }
//! # demo().unwrap();
//! ```

mod locator;
mod name;
mod question;
mod services;
mod srv;
mod target;

pub use locator::{Locator, Step};
pub use name::{DomainName, NotADomain};
pub use question::{Answer, Data, Kind, Naptr, Question, Record, Srv};
pub use target::{LocateError, Located, Share, Target};
