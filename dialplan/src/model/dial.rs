//! The steps that bring in a second leg.

use std::time::Duration;

use crate::check;
use crate::rule::{Kind, flag, optional, or_default, reference, required, seconds, table, text, word};
use crate::value::{DialTarget, Name, Number, OnEnd, OnFailure, TransferMode};

table! {
    /// Calls somebody and connects the caller.
    pub struct DialStep in "`dial`" {
        /// Whom: a number in `destinations` of the trunk, or a SIP URI in its `uris`.
        to: DialTarget = required(text::<DialTarget>(), "to = \"+14155550100\""),
        /// The trunk the call goes out on.
        trunk: Name = required(reference(Kind::Trunk), "trunk = \"carrier-a\""),
        /// The number to show, one of `from` of the trunk. Default: the first of them.
        from: Option<Number> = optional(text::<Number>()),
        /// Seconds that the far end may ring. Default: `ring_timeout` of the trunk.
        timeout: Option<Duration> = optional(seconds(5..=180)),
        /// Lets the caller hear the far end before it answers (183). Only while the call is not answered.
        early_media: bool = or_default("false", flag()),
        /// What happens when the far end hangs up.
        on_end: OnEnd = or_default("\"hangup\"", word::<OnEnd>()),
        /// What happens when the far end does not answer, or may not be called.
        on_failure: OnFailure = or_default("\"continue\"", word::<OnFailure>()),
    }
    later { "record", "announce", "headers", "app" }
}

table! {
    /// Passes the call on to somebody.
    pub struct TransferStep in "`transfer`" {
        /// To whom: a number in `destinations` of the trunk, or a SIP URI in its `uris`.
        to: DialTarget = required(text::<DialTarget>(), "to = \"+14155550100\""),
        /// How: the peer calls the target itself, is handed over to it, or we stay between.
        mode: TransferMode = or_default("\"blind\"", word::<TransferMode>()),
        /// The trunk the second call goes out on; needed unless the mode is `blind`, which stays on the trunk of the call.
        trunk: Option<Name> = optional(reference(Kind::Trunk)),
        /// The number to show, one of `from` of the trunk. Default: the first of them.
        from: Option<Number> = optional(text::<Number>()),
        /// Seconds in which the target must answer. Default: `ring_timeout` of the trunk.
        timeout: Option<Duration> = optional(seconds(5..=180)),
        /// What happens when the transfer fails.
        on_failure: OnFailure = or_default("\"continue\"", word::<OnFailure>()),
    }
    later { "announce", "headers" }
    check(cx) {
        check::transfer_mode(cx, mode, trunk.as_ref(), from.as_ref());
    }
}
