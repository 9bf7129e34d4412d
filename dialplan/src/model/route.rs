//! `[[route]]`

use std::time::Duration;

use serde_json::{Value, json};

use crate::check;
use crate::limits::{MAX_PATTERNS, MAX_STEPS};
use crate::rule::{
    Kind, Rule, Text, ValueError, alternative, checked, defined, empty, flag, int, list, mapped, one_of, one_or_many,
    optional, or_default, or_nothing, reference, required, seconds, table, text, word,
};
use crate::value::{
    Attest, Dialect, Direction, Name, NumberPattern, OnFailure, OnStreamEnd, Rate, SecretRef, SoundFile, WssUrl, rate,
    secret,
};

use super::app::{chunk_ms, signing_keys};
use super::{App, DialStep, StreamFormat, TransferStep};

/// What happens to the calls that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name in logs and metrics.
    pub name: Name,
    /// Which calls it is for.
    pub when: When,
    /// What happens to them.
    pub outcome: Outcome,
}

impl Route {
    /// What happens to a call that we placed and that no route of the file takes: its application is asked.
    pub(crate) fn asking(app: &App) -> Self {
        let step = Step::App(AppStep::from(app.name.clone()));
        Self { name: app.name.clone(), when: When::default(), outcome: Outcome::Do(vec![step]) }
    }
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The steps are taken in order; the end of the list hangs up.
    Do(Vec<Step>),
    /// The call is refused at once.
    Reject(Reject),
}

table! {
    /// What happens to the calls that fit: `do` or `reject`.
    pub(crate) struct RouteFile in "`[[route]]`" {
        /// Its name in logs and metrics.
        name: Name = required(defined(Kind::Route), "name = \"support line\""),
        /// Which calls it is for: all conditions must hold. Without conditions it is for every call.
        when: When = or_default("{}", table::<When>()),
        /// The steps, taken in order; the end of the list hangs up.
        steps as "do": Option<Vec<Step>> = optional(list(table::<Step>(), 1..=MAX_STEPS)),
        /// Refuses the call: a SIP status from 400 to 699, or `{ status, reason }`.
        reject: Option<Reject> = optional(alternative(mapped(status(), Reject::from), table::<Reject>())),
    }
    later { "schedule", "priority", "record", "enabled" }
    check(cx) {
        check::do_or_reject(cx, when.as_ref(), steps.as_ref(), reject.as_ref());
    }
}

table! {
    /// Which calls a route is for. All conditions must hold; what is not given is not asked.
    pub struct When in "`route.when`" {
        /// The trunk the call came in on: a name, or a list of names.
        trunk: Vec<Name> = or_nothing(one_or_many(|| reference(Kind::Trunk), MAX_PATTERNS)),
        /// The caller: `+14155550100`, `+1415*`, `anonymous`, `*`, or a list of those.
        from: Vec<NumberPattern> = or_default("\"*\"", one_or_many(text::<NumberPattern>, MAX_PATTERNS)),
        /// The number called: `+14155550100`, `+1415*`, `*`, or a list of those.
        to: Vec<NumberPattern> = or_default("\"*\"", one_or_many(text::<NumberPattern>, MAX_PATTERNS)),
        /// Who started the call. Default: the trunk; a route is for calls that we place only if it says so.
        direction: Option<Direction> = optional(word::<Direction>()),
        /// How far the caller's number is vouched for: `A`, `B`, `C`, `none`, `failed`, or a list of those.
        attest: Vec<Attest> = or_nothing(one_or_many(word::<Attest>, 5)),
    }
    later { "time", "weekday", "header", "identity", "source" }
    check(cx) {
        for (key, patterns) in [("from", &from), ("to", &to)] {
            check::patterns(cx, key, patterns.as_deref().unwrap_or_default());
        }
    }
}

impl Default for When {
    /// Every call that comes in.
    fn default() -> Self {
        let (trunk, attest, direction) = (Vec::new(), Vec::new(), None);
        Self { trunk, from: vec![NumberPattern::Any], to: vec![NumberPattern::Any], direction, attest }
    }
}

impl When {
    /// Whose calls it is for. A route is for calls that we place only if it says so: nobody is to be called by accident.
    pub fn direction(&self) -> Direction {
        self.direction.unwrap_or(Direction::Inbound)
    }
}

one_of! {
    /// One step of a route.
    pub enum Step in "a step" {
        /// Lets the caller hear that it rings (180). Only before the call is answered.
        Ring as "ring" = empty(),
        /// Answers the call (200). Steps that need audio answer it by themselves.
        Answer as "answer" = empty(),
        /// Plays a file.
        Play(PlayStep) as "play" = table::<PlayStep>(),
        /// Asks an application what to do, and does it: its name, or `{ name, on_stream_end, on_failure }`.
        App(AppStep) as "app" = alternative(mapped(reference(Kind::App), AppStep::from), table::<AppStep>()),
        /// Connects the call straight to a bot, without a flow request.
        Stream(StreamStep) as "stream" = table::<StreamStep>(),
        /// Calls somebody and connects the caller.
        Dial(DialStep) as "dial" = table::<DialStep>(),
        /// Passes the call on to somebody.
        Transfer(TransferStep) as "transfer" = table::<TransferStep>(),
        /// Ends the call; with 603 if it was not answered.
        Hangup as "hangup" = empty(),
    }
    later { "record", "capture", "gather", "wait", "say", "queue", "goto" }
}

table! {
    /// Plays a file.
    pub struct PlayStep in "`play`" {
        /// A WAV file: PCM, 16 bit, mono. A relative path starts at the folder of the dialplan file.
        file: SoundFile = required(text::<SoundFile>(), "file = \"welcome.wav\""),
        /// Plays it before the call is answered, as early media (183): the caller hears it and is not charged yet.
        early: bool = or_default("false", flag()),
    }
    later { "url", "repeat", "text" }
}

table! {
    /// Asks an application what to do.
    pub struct AppStep in "`app`" {
        /// The name of the application.
        name: Name = required(reference(Kind::App), "name = \"support-bot\""),
        /// Overrides the application's own.
        on_stream_end: Option<OnStreamEnd> = optional(word::<OnStreamEnd>()),
        /// Overrides the application's own.
        on_failure: Option<OnFailure> = optional(word::<OnFailure>()),
    }
}

table! {
    /// Connects the call straight to a bot.
    pub struct StreamStep in "`stream`" {
        /// The bot's WebSocket.
        url: WssUrl = required(text::<WssUrl>(), "url = \"wss://bot.example.com/voice\""),
        /// The protocol.
        dialect: Dialect = or_default("\"native\"", word::<Dialect>()),
        /// Samples a second. Default: 16000 for native, 8000 for teler.
        rate: Option<Rate> = optional(rate()),
        /// Milliseconds of audio in a message, a multiple of 20. Default: 20 for native, 400 for teler.
        chunk as "chunk_ms": Option<Duration> = optional(chunk_ms()),
        /// The keys by which the handshake is signed, so that the bot knows who connects.
        signing: Vec<SecretRef> = or_nothing(signing_keys()),
        /// Roots (PEM) trusted for this bot beside those of the system.
        ca: Option<SecretRef> = optional(secret()),
        /// Whether the bot may lie in a private network.
        private_address: bool = or_default("false", flag()),
        /// The account named in the stream. Default: the name of the route.
        account: Option<Name> = optional(text::<Name>()),
        /// Seconds in which the stream must be open.
        timeout: Duration = or_default("10", seconds(1..=60)),
        /// What happens when the bot closes the stream in good order.
        on_stream_end: OnStreamEnd = or_default("\"continue\"", word::<OnStreamEnd>()),
        /// What happens when the bot cannot be reached or the stream breaks.
        on_failure: OnFailure = or_default("\"hangup\"", word::<OnFailure>()),
    }
    later { "subprotocol", "bearer", "record", "custom" }
    check(cx) {
        check::stream_format(cx, dialect, rate.flatten(), chunk.flatten());
        check::direct_stream(cx, url.as_ref(), signing.as_deref(), private_address);
    }
}

impl StreamStep {
    /// How the stream looks.
    pub fn format(&self) -> StreamFormat {
        StreamFormat::new(self.dialect, self.rate, self.chunk)
    }
}

impl From<Name> for AppStep {
    fn from(name: Name) -> Self {
        Self { name, on_stream_end: None, on_failure: None }
    }
}

table! {
    /// Refuses a call.
    pub struct Reject in "`reject`" {
        /// The SIP status, from 400 to 699; not one that asks for a password.
        status: u16 = required(status(), "status = 404"),
        /// The reason phrase. Default: the usual one of the status.
        reason: Option<Reason> = optional(text::<Reason>()),
    }
    later { "retry_after" }
}

impl Reject {
    /// How a call is refused that fits no route.
    pub const NO_ROUTE: Self = Self { status: 404, reason: None };
}

impl From<u16> for Reject {
    fn from(status: u16) -> Self {
        Self { status, reason: None }
    }
}

/// A SIP reason phrase: one line of plain ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Reason(String);

impl Reason {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for Reason {
    const WANTS: &'static str = "a reason phrase";

    fn constraint() -> Value {
        json!({ "pattern": "^[ -~]{1,64}$" })
    }

    fn parse(text: &str) -> Result<Self, ValueError> {
        // It goes into the status line as it is: no line break may come in here.
        let plain = text.bytes().all(|octet| (b' '..=b'~').contains(&octet));
        if plain && (1..=64).contains(&text.len()) {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError::new("is no reason phrase", "write 1 to 64 plain ASCII characters, such as \"Not here\""))
    }
}

fn status() -> impl Rule<Out = u16> {
    checked(int(400..=699), |status| match status {
        401 | 407 => Err(ValueError::new(
            format!("is {status}, which asks for a password: this version checks none"),
            "use 403 (forbidden), 404 (not found), 480 (unavailable), 486 (busy) or 603 (declined)",
        )),
        _ => u16::try_from(status).map_err(|_| ValueError::new("is no status", "use 404")),
    })
}
