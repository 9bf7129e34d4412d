//! Event and Subscription-State (RFC 6665 8.2.1, 8.2.3).

use bytes::Bytes;

use super::{
    HeaderError, HeaderName, Headers, Malformed, Params, Text,
    scan::{self, class},
    values::seconds,
};
use crate::limits;

/// Event: which package, and which of several subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPackage {
    /// The package, with its templates. Compare with [`EventPackage::is`].
    pub package: Text,
    /// The `id` parameter. For `refer` it is the CSeq number of the REFER (RFC 3515 2.4.6).
    pub id: Option<Text>,
}

impl EventPackage {
    /// The value that `text` writes.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        let (package, params) = token_and_params(text)?;
        Ok(Self { package, id: params.value("id").map(Text::copy_from) })
    }

    /// Whether this is `package`. Case-sensitive (RFC 6665 8.2.1).
    pub fn is(&self, package: &str) -> bool {
        self.package == *package
    }
}

/// Subscription-State.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionState {
    /// Whether the subscription is over. `active`, `pending` and states not known to us are not (RFC 6665 4.1.3).
    pub is_terminated: bool,
    /// How many seconds it lasts.
    pub expires: Option<u32>,
    /// Why it is over: `noresource`, `timeout`, ...
    pub reason: Option<Text>,
}

impl SubscriptionState {
    /// The value that `text` writes.
    pub fn parse(text: &Bytes) -> Result<Self, Malformed> {
        let (state, params) = token_and_params(text)?;
        let expires = params.value("expires").map(|value| seconds(value.as_bytes())).transpose()?;
        let reason = params.value("reason").map(Text::copy_from);
        Ok(Self { is_terminated: state.eq_ignore_ascii_case("terminated"), expires, reason })
    }
}

impl Headers {
    /// Event
    pub fn event(&self) -> Result<Option<EventPackage>, HeaderError> {
        self.read(HeaderName::Event, EventPackage::parse)
    }

    /// Subscription-State
    pub fn subscription_state(&self) -> Result<Option<SubscriptionState>, HeaderError> {
        self.read(HeaderName::SubscriptionState, SubscriptionState::parse)
    }
}

/// A token and the parameters that follow it.
pub(super) fn token_and_params(text: &Bytes) -> Result<(Text, Params), Malformed> {
    let (token, rest) = scan::take(scan::trim(text), class::TOKEN);
    let params = scan::trim_start(rest);
    if token.is_empty() || token.len() > limits::TAG {
        return Err(Malformed);
    }
    Params::check(params, limits::PARAMS, |_| Ok(()))?;
    let token = std::str::from_utf8(token).map_err(|_| Malformed)?;
    Ok((Text::copy_from(token), Params::checked(text.slice_ref(params))))
}
